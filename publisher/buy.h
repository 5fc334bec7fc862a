/* POST /buy-tickets: the original shop's way to buy, for its clients: it waits for the payment and answers with the
 * tickets, and what it refuses it refuses with 400 and {"error":"…"}.
 *
 * The idea to hold in mind: behind it is a booking like any other, of any seats, paid at once, without the waitlist. So
 * it may end later than we wait: then the answer is 202 with the booking's id, and GET /bookings/{id} tells the end. */
#ifndef KARCIS_BUY_H
#define KARCIS_BUY_H

#include <stdbool.h>
#include "common/route.h"
#include "common/text.h"

struct book_request;
struct booked;
struct json_t;
struct problems;

/* The routes; their context is the struct redis. */
extern const struct route buy_routes[];

/* Reads what was sent; false, and the problems, if it cannot be a purchase. */
bool buy_read(const struct json_t *document, struct problems *problems, struct book_request *booking);
/* Why a booking that is closed has no tickets, for people; NULL: it has. */
const char *buy_why_not(const struct booked *booked);

#endif
