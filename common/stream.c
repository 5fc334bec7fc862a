/* Names in Redis, and entry ids. With shards (DESIGN 10) only this file changes. */
#include "common/stream.h"

#include <assert.h>

#include "common/arena.h"

static const struct {
    const char *key, *readers;
} streams[STREAM_COUNT] = {
    [BOOKING_REQUESTED] = {"booking.requested", "hold"},
    [SEAT_RESERVED] = {"seat.reserved", "confirm"},
    [SEAT_HELD] = {"seat.held", "invoice"},
    [INVOICE_CREATED] = {"invoice.created", "bill,charge"},
    [PAYMENT_REQUESTED] = {"payment.requested", "charge"},
    [PAYMENT_DONE] = {"payment.done", "settle"},
    [CANCEL_REQUESTED] = {"cancel.requested", "cancel"},
    [BOOKING_CLOSED] = {"booking.closed", ""},
    [EVENTS] = {"events", ""},
    [DEAD] = {"dead", ""},
};

struct text stream_key(enum stream stream)
{
    assert(stream < STREAM_COUNT);
    return text_of(streams[stream].key);
}

bool stream_of_key(struct text key, enum stream *stream)
{
    for (int i = 0; i < STREAM_COUNT; i++)
        if (text_is(key, streams[i].key)) {
            *stream = (enum stream)i;
            return true;
        }
    return false;
}

struct text stream_readers(enum stream stream)
{
    assert(stream < STREAM_COUNT);
    return text_of(streams[stream].readers);
}

bool stream_has_reader(enum stream stream, struct text group)
{
    struct text rest = stream_readers(stream), reader;

    while (rest.len > 0 && text_next(&rest, ',', &reader))
        if (text_equal(reader, group))
            return true;
    return text_is(group, "record");
}

static struct text prefixed(struct arena *arena, struct text prefix, struct text name)
{
    char *out = arena_alloc_raw(arena, prefix.len + name.len);

    memcpy(out, prefix.ptr, prefix.len);
    memcpy(out + prefix.len, name.ptr, name.len);
    return (struct text){out, prefix.len + name.len};
}

struct text stream_heartbeat_key(struct arena *arena, struct text consumer)
{
    return prefixed(arena, TEXT("hb:"), consumer);
}

struct text stream_turn_channel(struct arena *arena, struct text consumer)
{
    return prefixed(arena, TEXT("turn:"), consumer);
}

struct text stream_incarnation_key(void)
{
    return TEXT("karcis:incarnation");
}

struct text stream_beat_key(void)
{
    return TEXT("karcis:beat");
}

struct text stream_positions_key(void)
{
    return TEXT("karcis:positions");
}

struct text stream_recalled_key(struct arena *arena, const char *step)
{
    return stream_state_key(arena, "recalled", step);
}

struct text stream_state_key(struct arena *arena, const char *what, const char *name)
{
    return text_format(arena, "karcis:%s:%s", what, name);
}

struct text stream_suspect_key(struct arena *arena, struct text step, enum stream stream, struct text id)
{
    return text_format(arena, "karcis:suspect:%.*s:%s:%.*s", (int)step.len, step.ptr, streams[stream].key, (int)id.len,
                       id.ptr);
}

struct text stream_dead_key(struct arena *arena, struct uuid booking)
{
    return prefixed(arena, TEXT("karcis:dead:"), uuid_text(arena, booking));
}

struct text stream_asked_key(struct arena *arena, struct uuid id)
{
    return prefixed(arena, TEXT("karcis:asked:"), uuid_text(arena, id));
}

static bool take_number(struct text text, uint64_t *number)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value))
            return false;
    }
    *number = value;
    return true;
}

bool entry_id_parse(struct text text, struct entry_id *id)
{
    struct text ms, seq;

    return text_next(&text, '-', &ms) && text_next(&text, '-', &seq) && !text.ptr && take_number(ms, &id->ms) &&
           take_number(seq, &id->seq);
}

struct text entry_id_text(struct arena *arena, struct entry_id id)
{
    return text_format(arena, "%llu-%llu", (unsigned long long)id.ms, (unsigned long long)id.seq);
}

int entry_id_compare(struct entry_id a, struct entry_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}
