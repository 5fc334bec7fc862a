/* See closed.h. */
#include "ticket-worker/closed.h"

#include "common/clock.h"

void say_closed(struct batch *batch, size_t i, const struct closing *closing)
{
    struct fact *event = say(batch, i, BOOKING_CLOSED, closing->status);

    say_field(batch, event, "user", closing->user);
    say_field(batch, event, "show", closing->show);
    say_field(batch, event, "seats", closing->seats);
    say_field(batch, event, "status", text_of(closing->status));
    say_field(batch, event, "reason", closing->reason);
    say_field(batch, event, "requested_at", time_text(batch->arena, closing->requested_at_us / 1000));
}
