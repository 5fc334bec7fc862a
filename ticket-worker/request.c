/* Reading a booking request. */
#include "ticket-worker/request.h"

#include "common/arena.h"
#include "common/config.h"
#include "common/wish.h"

const struct field request_fields[REQUEST_FIELDS] = {
    [REQUEST_USER] = {.name = "user", .type = FIELD_IDENTIFIER, .is_required = true},
    [REQUEST_SHOW] = {.name = "show", .type = FIELD_IDENTIFIER, .is_required = true},
    [REQUEST_SEATS] = {.name = "seats", .type = FIELD_TEXT, .max = BOOKING_SEATS_MAX * (SEAT_LABEL_BYTES_MAX + 1)},
    [REQUEST_SEAT] = {.name = "seat", .type = FIELD_TEXT, .max = SEAT_LABEL_BYTES_MAX},
    [REQUEST_QUANTITY] = {.name = "quantity", .type = FIELD_INTEGER, .min = 1, .max = BOOKING_SEATS_MAX},
    [REQUEST_BOOKING_ID] = {.name = "booking_id", .type = FIELD_UUID},
    [REQUEST_WAITLIST] = {.name = "waitlist", .type = FIELD_CHOICE, .choices = "no|yes"},
    [REQUEST_PAYMENT] = {.name = "payment", .type = FIELD_CHOICE, .choices = "auto|link"},
};

static struct refusal read_labels(struct arena *arena, const char *field, struct text list, struct request *request)
{
    const struct text whole = list;
    struct text label;

    while (text_next(&list, ',', &label)) {
        if (request->label_count == BOOKING_SEATS_MAX)
            return refuse_field(arena, field, "at most 10 seats in one booking", whole);
        if (!text_is_identifier(label, SEAT_LABEL_BYTES_MAX))
            return refuse_field(arena, field, "each seat must be 1 to 32 of A-Z a-z 0-9 . _ -", label);
        request->labels[request->label_count++] = label;
    }
    wish_sort_labels(request->labels, request->label_count);
    for (size_t i = 1; i < request->label_count; i++)
        if (text_equal(request->labels[i - 1], request->labels[i]))
            return refuse_field(arena, field, "each seat must be there once", whole);
    request->quantity = (int64_t)request->label_count;
    return (struct refusal){0};
}

static int64_t fingerprint_of(const struct entry *entry, const struct request *request)
{
    const struct value *values = entry->values;

    return wish_fingerprint(&(struct wish){.user = values[REQUEST_USER].text,
                                           .show = values[REQUEST_SHOW].text,
                                           .payment = values[REQUEST_PAYMENT].text,
                                           .quantity = values[REQUEST_QUANTITY].text,
                                           .waits = request->waits,
                                           .labels = request->labels,
                                           .label_count = request->label_count});
}

static bool is_identity(struct text name)
{
    return text_equal(name, TEXT("event_id")) || text_equal(name, TEXT("replay_of"));
}

/* A replay names the first entry by its id. In any other entry an event_id is a name, even one like 2024-17. */
static bool is_named_by_entry(const struct entry *entry)
{
    if (text_equal(entry->event_id, entry->id_text))
        return true;
    for (size_t i = 0; i < entry->pair_count; i++)
        if (text_is(entry->pairs[2 * i], "replay_of"))
            return true;
    return false;
}

/* The same event is the same booking, however often it is published: the id comes from the event's identity. Where that
 * is an entry's id (the entry's own, or a replay's, which names the first entry), from what it says too: an id that
 * comes again after Redis lost its past, with other content, is another booking. */
static struct uuid derive_booking_id(struct arena *arena, const struct entry *entry)
{
    struct text *parts = ARENA_ARRAY(arena, struct text, 2 + 2 * entry->pair_count);
    struct entry_id first;
    size_t count = 0;

    parts[count++] = stream_key(entry->stream);
    parts[count++] = entry->event_id;
    if (!is_named_by_entry(entry) || !entry_id_parse(entry->event_id, &first))
        return uuid_derive(0, parts, count); /* a name tells no time */
    for (size_t i = 0; i < entry->pair_count; i++) {
        if (is_identity(entry->pairs[2 * i]))
            continue;
        parts[count++] = entry->pairs[2 * i];
        parts[count++] = entry->pairs[2 * i + 1];
    }
    return uuid_derive((int64_t)first.ms, parts, count);
}

/* Which seats: said in one of three ways. */
static struct refusal read_seats(struct arena *arena, const struct value *values, struct request *request)
{
    const struct text seats = values[REQUEST_SEATS].text, seat = values[REQUEST_SEAT].text,
                      quantity = values[REQUEST_QUANTITY].text;

    if ((seats.ptr != NULL) + (seat.ptr != NULL) + (quantity.ptr != NULL) != 1)
        return (struct refusal){
            "invalid_field",
            text_format(arena, "seats: exactly one of seats, seat and quantity must be given (given:%s%s%s%s)",
                        seats.ptr ? " seats" : "", seat.ptr ? " seat" : "", quantity.ptr ? " quantity" : "",
                        seats.ptr || seat.ptr || quantity.ptr ? "" : " none")};
    if (seat.ptr && memchr(seat.ptr, ',', seat.len))
        return refuse_field(arena, "seat", "is one seat (a list is called seats)", seat);
    if (!quantity.ptr)
        return read_labels(arena, seats.ptr ? "seats" : "seat", seats.ptr ? seats : seat, request);
    request->quantity = values[REQUEST_QUANTITY].number;
    return (struct refusal){0};
}

struct refusal request_check(struct arena *arena, struct entry *entry)
{
    struct request *request = ARENA_NEW(arena, struct request);
    const struct value *values = entry->values;
    const struct refusal refusal = read_seats(arena, values, request);

    if (refusal.reason)
        return refusal;
    request->waits = !values[REQUEST_WAITLIST].text.ptr || values[REQUEST_WAITLIST].number == 1;
    request->pays_by_link = values[REQUEST_PAYMENT].text.ptr ? values[REQUEST_PAYMENT].number == 1
                                                             : strcmp(config()->payment_mode, "link") == 0;
    request->fingerprint = fingerprint_of(entry, request);
    if (!values[REQUEST_BOOKING_ID].text.ptr)
        entry->key = derive_booking_id(arena, entry);
    entry->detail = request;
    return refusal;
}
