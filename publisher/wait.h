/* Waiting for a booking's outcome.
 *
 * The idea to hold in mind: whoever waits asks nobody. The streams tell when a booking is held or closed (follow.h),
 * and all bookings that were told of in one turn of the loop are read from the store together. What no stream tells,
 * and what a follower may have missed, is found by reading all that are waited for every WAIT_LOOK_MS, in one statement
 * too. So PostgreSQL is asked some hundred times a second at most, whether ten wait or five thousand. */
#ifndef KARCIS_WAIT_H
#define KARCIS_WAIT_H

#include <stdbool.h>
#include "common/id.h"

struct booked;
struct loop;
struct statement;
struct store;
struct waiter;

extern const struct statement *const wait_statements[];

enum wait_goal {
    WAIT_DECIDED, /* held, closed or waitlisted: whatever comes after REQUESTED and RESERVED */
    WAIT_CLOSED
};

/* NULL: its time is up, or we are stopping. The waiter is gone. */
typedef void wait_fn(const struct booked *booked, void *context);

void wait_start(struct loop *loop, struct store *store);
void wait_stop(void);  /* tells all who wait; nobody can wait from now on */
void wait_close(void); /* after wait_stop */

/* Before the request is put on its stream, so that nothing is missed; nothing is told before wait_begin. NULL: too many
 * wait, or we are stopping. */
struct waiter *wait_add(struct uuid booking_id, enum wait_goal goal, int seconds, wait_fn *fn, void *context);
/* It is on its stream. It may be decided already, if it was asked for before. */
void wait_begin(struct waiter *waiter, bool may_be_decided);
void wait_forget(struct waiter *waiter); /* accepts NULL; fn is not called */

#endif
