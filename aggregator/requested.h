/* A booking that was asked for and is not decided yet: it has no row, but its entry stands on booking.requested. */
#ifndef KARCIS_AGGREGATOR_REQUESTED_H
#define KARCIS_AGGREGATOR_REQUESTED_H

#include "aggregator/view.h"
#include "common/id.h"

struct redis_reply;

struct requested {
    struct uuid booking_id;
    struct text entry_id;
    int64_t at_us;                    /* when its entry was added */
    const struct redis_reply *fields; /* name, value, ... */
};

typedef void requested_write_fn(struct json *json, const struct requested *requested);

/* Answers the query's request with what fn writes of the booking, or, if there is no such entry or it is decided, by
 * query->once_more (NULL: with 404). */
void requested_show(const struct sources *sources, struct query *query, struct uuid booking_id, requested_write_fn *fn);
/* The booking itself, as REQUESTED. */
void requested_write(struct json *json, const struct requested *requested);

#endif
