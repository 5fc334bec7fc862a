/* booking.closed, as every step that closes bookings says it. */
#ifndef KARCIS_TICKET_WORKER_CLOSED_H
#define KARCIS_TICKET_WORKER_CLOSED_H

#include "common/step.h"

/* Everything about a booking that its closing tells. */
struct closing {
    struct text user, show, seats; /* seats: comma list */
    const char *status;            /* a final status, lower case */
    struct text reason;            /* ptr NULL: none */
    int64_t requested_at_us;
};

void say_closed(struct batch *batch, size_t i, const struct closing *closing);

#endif
