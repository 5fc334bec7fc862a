/* POST /publish: events become entries, on `events` or on a stream of the flow.
 *
 * The idea to hold in mind: 202 is said when Redis has every event of the body, never before. All requests that come in
 * one turn of the loop are written to Redis together and answered as its answers come. Redis syncs its file once for
 * all that it has read in a turn of its own loop, and reads only so much from a connection in one: so there are several
 * connections, and a body travels whole on one of them. How much may be under way is bounded. */
#ifndef KARCIS_PUBLISH_H
#define KARCIS_PUBLISH_H

#include "common/route.h"

struct loop;

/* The routes need no context. */
extern const struct route publish_routes[];

void publish_start(struct loop *loop);
void publish_stop(void); /* what is under way is answered */

#endif
