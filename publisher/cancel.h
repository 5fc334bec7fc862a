/* POST /bookings/{id}/cancel: a wish to cancel becomes an entry on cancel.requested.
 *
 * The idea to hold in mind: whether there is such a booking, and whether it can still be cancelled, is the step
 * cancel's to say. A booking that was just asked for is nowhere but on its stream, so a UUID that nothing is known of
 * may be one: it is taken (202). Only what cannot be a booking's id is refused (404). */
#ifndef KARCIS_CANCEL_H
#define KARCIS_CANCEL_H

#include "common/route.h"

/* The routes; their context is the struct redis. */
extern const struct route cancel_routes[];

#endif
