/* POST /bookings/{id}/cancel: a wish to cancel becomes an entry on cancel.requested.
 *
 * The idea to hold in mind: whether there is such a booking, and whether it can still be cancelled, is the step
 * cancel's to say. A booking that was just asked for is nowhere but on its stream, so from a client's key a UUID that
 * nothing is known of is taken (202), and only what cannot be a booking's id is refused (404). A user's session cancels
 * what is known to be that user's; all else is not there for it (404). */
#ifndef KARCIS_CANCEL_H
#define KARCIS_CANCEL_H

#include "common/route.h"

struct redis;
struct statement;
struct store;

struct cancel_sources {
    struct redis *redis;
    struct store *store;
};

/* The routes; their context is a struct cancel_sources. */
extern const struct route cancel_routes[];
extern const struct statement *const cancel_statements[];

#endif
