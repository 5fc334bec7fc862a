/* A booking as the store has it, and as clients see it. */
#ifndef KARCIS_BOOKED_H
#define KARCIS_BOOKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/id.h"
#include "common/text.h"

struct json;
struct rows;

struct booked { /* its texts live as long as the rows */
    struct uuid id;
    int64_t fingerprint;           /* of what was asked (common/wish.h) */
    struct text user, show, title; /* title: the show's; ptr NULL: there is no such show */
    struct text seats;             /* labels with commas between; ptr NULL: none */
    struct text status, reason;    /* reason: ptr NULL: none */
    int64_t amount;
    struct text currency;
    bool has_hold, is_closed;
    int64_t hold_expires_at_us, requested_at_us, closed_at_us;
    int64_t place, queue_length; /* in the waitlist; 0: it does not wait, or was not counted */
};

/* A row of a statement of wait.sql. */
struct booked booked_of_row(const struct rows *rows, size_t row);

/* Which of a booking's statuses these are. */
bool booked_is_decided(const struct booked *booked); /* not RESERVED */
bool booked_is_closed(const struct booked *booked);  /* final */
bool booked_is_waitlisted(const struct booked *booked);

/* As DESIGN 6 has it. What others know, and what comes later, is null: the invoice and its payment URL. */
void booked_write(struct json *json, const struct booked *booked);

#endif
