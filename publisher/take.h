/* Taking a request to book: what POST /bookings and POST /buy-tickets have in common. It becomes one entry on
 * booking.requested, once however often it is sent with its Idempotency-Key, and is waited for if the client wants. */
#ifndef KARCIS_TAKE_H
#define KARCIS_TAKE_H

#include <stdbool.h>
#include "publisher/book.h"
#include "publisher/idempotency.h"
#include "publisher/wait.h"

struct booked;
struct redis;
struct request;

enum take_outcome {
    TAKE_ACCEPTED,     /* Redis has it; what becomes of it is not known yet */
    TAKE_ARRIVED,      /* the goal was reached in time */
    TAKE_OTHER_BODY,   /* the Idempotency-Key was used with another body */
    TAKE_OTHER_BOOKING /* the booking_id is another request's; hold refuses this one */
};

struct taking {
    struct request *request;
    struct book_request booking;
    struct idempotency key;
    int wait_s; /* 0: answer when Redis has it */
    enum wait_goal goal;
    /* Must answer the request. `booked` is NULL unless TAKE_ARRIVED. */
    void (*done)(struct taking *taking, enum take_outcome outcome, const struct booked *booked);

    /* Filled in. */
    struct text booking_id;
    int64_t fingerprint; /* of what is asked, if it is waited for */
    bool is_again;       /* taken before, by the same request */
    bool is_waited_for;
    struct waiter *waiter;
};

/* `taking` lives in the request's arena. Answers itself (503) if the broker does not have the request. */
void take_booking(struct redis *redis, struct taking *taking);

#endif
