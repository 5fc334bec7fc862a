/* A booking that was asked for and is not decided yet: it has no row, but its entry stands on booking.requested. */
#ifndef KARCIS_AGGREGATOR_REQUESTED_H
#define KARCIS_AGGREGATOR_REQUESTED_H

#include "aggregator/view.h"
#include "common/id.h"

/* Answers the query's request with the booking as REQUESTED, or, if there is no such entry or it is decided, by
 * query->once_more (NULL: with 404). */
void requested_show(const struct sources *sources, struct query *query, struct uuid booking_id);

#endif
