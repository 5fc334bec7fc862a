/* POST /bookings: a request to book becomes one entry on booking.requested.
 *
 * The idea to hold in mind: 202 is said when Redis has the entry, never before; whether the seats can be had is the
 * hold step's to say. PostgreSQL is not asked, so that booking goes on while it is away. A client that prefers to wait
 * (wait.h) is told 201 and the booking when that has happened, else 202 when its time is up. */
#ifndef KARCIS_BOOK_H
#define KARCIS_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/id.h"
#include "common/route.h"
#include "common/text.h"

struct json_t;
struct problems;

/* The routes; their context is the struct redis. */
extern const struct route book_routes[];

struct book_request {
    struct text user, show;
    size_t seat_count; /* 0: any seats, `quantity` of them */
    struct text *seats;
    int64_t quantity;
    bool has_booking_id;
    struct uuid booking_id;
    struct text waitlist, payment; /* as the stream has them; ptr NULL: not said */
};

/* Reads what was sent; false, and the problems, if it cannot be a booking. */
bool book_read(const struct json_t *document, struct problems *problems, struct book_request *booking);

/* The entry's fields (name, value, …); their number. `traceparent` may have ptr NULL. */
#define BOOK_WORDS_MAX 18
size_t book_entry(struct arena *arena, const struct book_request *booking, struct text traceparent,
                  struct text words[BOOK_WORDS_MAX]);

/* What hold will make of that entry (common/wish.h). */
int64_t book_fingerprint(struct arena *arena, const struct book_request *booking);

#endif
