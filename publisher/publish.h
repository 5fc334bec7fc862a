/* POST /publish: events become entries, on `events` or on a stream of the flow.
 *
 * The idea to hold in mind: 202 is said when Redis has every event of the body, never before. All requests that come in
 * one turn of the loop are written to Redis together and answered as its answers come, so Redis syncs its file once for
 * all of them; how much may be on its way at a time is bounded. */
#ifndef KARCIS_PUBLISH_H
#define KARCIS_PUBLISH_H

#include "common/route.h"

struct redis;

/* The routes need no context. */
extern const struct route publish_routes[];

void publish_start(struct redis *redis);

#endif
