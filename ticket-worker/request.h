/* A booking request as hold sees it: the entry's fields, checked against each other. */
#ifndef KARCIS_TICKET_WORKER_REQUEST_H
#define KARCIS_TICKET_WORKER_REQUEST_H

#include "common/bounds.h"
#include "common/event.h"

struct request {
    struct text labels[BOOKING_SEATS_MAX]; /* in byte order, no two the same; none: any seats */
    size_t label_count;
    int64_t quantity; /* seats in all */
    bool waits;       /* goes to the waitlist if it must */
    bool pays_by_link;
    int64_t fingerprint; /* of what was asked: tells a repetition from a reuse of the booking id */
};

enum request_field {
    REQUEST_USER,
    REQUEST_SHOW,
    REQUEST_SEATS,
    REQUEST_SEAT,
    REQUEST_QUANTITY,
    REQUEST_BOOKING_ID,
    REQUEST_WAITLIST,
    REQUEST_PAYMENT,
    REQUEST_FIELDS
};
extern const struct field request_fields[REQUEST_FIELDS];

/* A step's check: entry->detail becomes a struct request, entry->key the booking's id (derived from the event if none
 * was given, so that every redelivery and every replay finds the same). */
struct refusal request_check(struct arena *arena, struct entry *entry);

#endif
