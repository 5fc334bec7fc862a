/* Reading a booking request. */
#include "ticket-worker/request.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/config.h"

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

static struct refusal refuse(const char *detail)
{
    return (struct refusal){"invalid_field", text_of(detail)};
}

static int compare_labels(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

static struct refusal read_labels(struct text list, struct request *request)
{
    struct text label;

    while (text_next(&list, ',', &label)) {
        if (request->label_count == BOOKING_SEATS_MAX)
            return refuse("seats: at most 10");
        if (!text_is_identifier(label, SEAT_LABEL_BYTES_MAX))
            return refuse("seats: each must be 1 to 32 of A-Z a-z 0-9 . _ -");
        request->labels[request->label_count++] = label;
    }
    qsort(request->labels, request->label_count, sizeof *request->labels, compare_labels);
    for (size_t i = 1; i < request->label_count; i++)
        if (text_equal(request->labels[i - 1], request->labels[i]))
            return refuse("seats: the same seat twice");
    request->quantity = (int64_t)request->label_count;
    return (struct refusal){0};
}

static int64_t fingerprint_of(const struct entry *entry, const struct request *request)
{
    const struct value *values = entry->values;
    struct text parts[4 + 1 + BOOKING_SEATS_MAX];
    size_t count = 0;

    parts[count++] = values[REQUEST_USER].text;
    parts[count++] = values[REQUEST_SHOW].text;
    parts[count++] = values[REQUEST_PAYMENT].text;
    parts[count++] = request->waits ? TEXT("yes") : TEXT("no");
    parts[count++] = values[REQUEST_QUANTITY].text;
    for (size_t i = 0; i < request->label_count; i++)
        parts[count++] = request->labels[i];
    return (int64_t)content_hash(parts, count);
}

static bool is_identity(struct text name)
{
    return text_equal(name, TEXT("event_id")) || text_equal(name, TEXT("replay_of"));
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
    if (!entry_id_parse(entry->event_id, &first))
        return uuid_derive(0, parts, count); /* a name tells no time */
    for (size_t i = 0; i < entry->pair_count; i++) {
        if (is_identity(entry->pairs[2 * i]))
            continue;
        parts[count++] = entry->pairs[2 * i];
        parts[count++] = entry->pairs[2 * i + 1];
    }
    return uuid_derive((int64_t)first.ms, parts, count);
}

struct refusal request_check(struct arena *arena, struct entry *entry)
{
    struct request *request = ARENA_NEW(arena, struct request);
    const struct value *values = entry->values;
    const struct text labels = values[REQUEST_SEATS].text.ptr ? values[REQUEST_SEATS].text : values[REQUEST_SEAT].text;
    struct refusal refusal = {0};

    if ((values[REQUEST_SEATS].text.ptr != NULL) + (values[REQUEST_SEAT].text.ptr != NULL) +
            (values[REQUEST_QUANTITY].text.ptr != NULL) !=
        1)
        return refuse("one of seats, seat and quantity must be given");
    if (values[REQUEST_SEAT].text.ptr && memchr(labels.ptr, ',', labels.len))
        return refuse("seat: is one seat; a list is called seats");
    if (labels.ptr)
        refusal = read_labels(labels, request);
    else
        request->quantity = values[REQUEST_QUANTITY].number;
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
