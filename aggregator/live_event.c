/* See live_event.h. */
#include "aggregator/live_event.h"

#include "common/bounds.h"
#include "common/json.h"

const enum stream live_streams[LIVE_STREAMS] = {BOOKING_CLOSED, SEAT_RESERVED, SEAT_HELD, INVOICE_CREATED};

static int number_of(enum stream stream)
{
    int number = 0;

    while (number < LIVE_STREAMS - 1 && live_streams[number] != stream)
        number++;
    return number;
}

bool live_place_parse(struct text text, struct live_place *place)
{
    struct text id;

    for (int i = 0; i < LIVE_STREAMS; i++)
        if (!text_next(&text, '.', &id) || !entry_id_parse(id, &place->ids[i]))
            return false;
    return !text.ptr;
}

void live_place_write(struct buffer *buffer, const struct live_place *place)
{
    for (int i = 0; i < LIVE_STREAMS; i++)
        buffer_format(buffer, "%s%llu-%llu", i ? "." : "", (unsigned long long)place->ids[i].ms,
                      (unsigned long long)place->ids[i].seq);
}

bool live_is_told(const struct live_place *place, enum stream stream, struct entry_id id)
{
    return entry_id_compare(id, place->ids[number_of(stream)]) <= 0;
}

void live_tell(struct live_place *place, enum stream stream, struct entry_id id)
{
    place->ids[number_of(stream)] = id;
}

int live_compare(const void *a, const void *b)
{
    const struct live_event *x = a, *y = b;

    if (x->id.ms != y->id.ms)
        return x->id.ms < y->id.ms ? -1 : 1;
    if (x->stream != y->stream)
        return number_of(x->stream) - number_of(y->stream);
    return entry_id_compare(x->id, y->id);
}

/* ---- what an entry says ---- */

struct change {
    const char *booking; /* its status; NULL: the entry changes nothing */
    const char *seats;   /* theirs; NULL: they stay as they are */
};

static struct change change_of(const struct entry *entry)
{
    static const struct {
        const char *said;
        struct change change;
    } closings[] = {
        {"confirmed", {"CONFIRMED", "BOOKED"}}, {"failed", {"FAILED", "OPEN"}},   {"expired", {"EXPIRED", "OPEN"}},
        {"cancelled", {"CANCELLED", "OPEN"}},   {"rejected", {"REJECTED", NULL}},
    };
    const struct text status = entry_field(entry, "status");

    if (entry->stream == SEAT_RESERVED)
        return (struct change){"RESERVED", "ON_GOING"};
    if (entry->stream == SEAT_HELD)
        return (struct change){"HELD", "ON_GOING"};
    if (entry->stream == INVOICE_CREATED)
        return (struct change){"AWAITING_PAYMENT", NULL};
    for (size_t i = 0; i < sizeof closings / sizeof *closings; i++)
        if (text_is(status, closings[i].said))
            return closings[i].change;
    return (struct change){NULL, NULL};
}

/* Labels that can be read; false: at the end. One that nobody can have is passed over. */
static bool next_label(struct text *labels, struct text *label)
{
    while (labels->len && text_next(labels, ',', label))
        if (text_is_identifier(*label, SEAT_LABEL_BYTES_MAX))
            return true;
    return false;
}

static void add_event(struct buffer *buffer, const char *name, struct json *json)
{
    buffer_format(buffer, "event: %s\ndata: ", name);
    buffer_add(buffer, json_take(json));
    buffer_add(buffer, TEXT("\n\n"));
}

static void put(struct json *json, const char *key, struct text value)
{
    json_key(json, key);
    json_text(json, value);
}

static void add_seats(struct buffer *buffer, struct text show, struct text labels, const char *status)
{
    struct json json = json_in(buffer->arena);
    struct text label;

    while (next_label(&labels, &label)) {
        json_begin_object(&json);
        put(&json, "show", show);
        put(&json, "label", label);
        put(&json, "status", text_of(status));
        json_end_object(&json);
        add_event(buffer, "seat", &json);
    }
}

static void add_booking(struct buffer *buffer, const struct live_event *event, struct text labels, const char *status,
                        struct text reason)
{
    struct json json = json_in(buffer->arena);
    struct text label;

    json_begin_object(&json);
    put(&json, "booking_id", event->booking);
    put(&json, "status", text_of(status));
    if (event->show.ptr) {
        put(&json, "show", event->show);
        json_key(&json, "seats");
        json_begin_array(&json);
        while (next_label(&labels, &label))
            json_text(&json, label);
        json_end_array(&json);
    }
    if (reason.len && text_is_printable(reason))
        put(&json, "reason", reason);
    json_end_object(&json);
    add_event(buffer, "booking", &json);
}

bool live_format(struct buffer *buffer, const struct entry *entry, struct live_event *event)
{
    const struct change change = change_of(entry);
    const struct text show = entry_field(entry, "show"), labels = entry_field(entry, "seats");
    struct uuid booking;

    if (!change.booking || !uuid_parse(entry_field(entry, "booking_id"), &booking))
        return false;
    *event =
        (struct live_event){.stream = entry->stream, .id = entry->id, .booking = uuid_text(buffer->arena, booking)};
    if (text_is_identifier(show, IDENTIFIER_BYTES_MAX))
        event->show = text_copy(buffer->arena, show);
    if (change.seats && event->show.ptr)
        add_seats(buffer, event->show, labels, change.seats);
    add_booking(buffer, event, labels, change.booking, entry_field(entry, "reason"));
    event->text = buffer_take(buffer);
    return true;
}
