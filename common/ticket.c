/* See ticket.h. */
#include "common/ticket.h"

struct uuid ticket_id(struct uuid booking_id, struct text seat)
{
    const struct text parts[] = {TEXT("ticket"), {(const char *)booking_id.bytes, sizeof booking_id.bytes}, seat};
    int64_t time_ms = 0;

    for (int i = 0; i < 6; i++) /* the booking's own: what is sold together lies together */
        time_ms = time_ms << 8 | booking_id.bytes[i];
    return uuid_derive(time_ms, parts, sizeof parts / sizeof *parts);
}
