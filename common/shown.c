/* Shows and seats in JSON. */
#include "common/shown.h"

#include <inttypes.h>

#include "common/id.h"
#include "common/json.h"
#include "common/store.h"

enum {
    ID,
    TITLE,
    VENUE,
    STARTS_AT,
    DOORS_AT,
    TIME_ZONE,
    AMOUNT,
    CURRENCY,
    GENERAL,
    ORGANIZER_URL,
    LABELS,
    OPEN,
    ON_GOING,
    BOOKED,
    TAG
};
enum { SEAT_LABEL, SEAT_STATUS, SEAT_AMOUNT, SEAT_CURRENCY, SEAT_BOOKING };

static void write_text(struct json *json, const char *key, const struct rows *rows, size_t row, int field)
{
    json_key(json, key);
    json_text(json, rows_is_null(rows, row, field) ? TEXT_NONE : rows_text(rows, row, field));
}

static void write_time(struct json *json, const char *key, const struct rows *rows, size_t row, int field)
{
    json_key(json, key);
    if (rows_is_null(rows, row, field))
        json_none(json);
    else
        json_time(json, rows_time(rows, row, field));
}

static void write_number(struct json *json, const char *key, int64_t number)
{
    json_key(json, key);
    json_int(json, number);
}

void shown_show(struct json *json, const struct rows *rows, size_t row)
{
    const int64_t open = rows_int(rows, row, OPEN), on_going = rows_int(rows, row, ON_GOING),
                  booked = rows_int(rows, row, BOOKED);

    json_begin_object(json);
    write_text(json, "id", rows, row, ID);
    write_text(json, "title", rows, row, TITLE);
    write_text(json, "venue", rows, row, VENUE);
    write_time(json, "starts_at", rows, row, STARTS_AT);
    write_time(json, "doors_at", rows, row, DOORS_AT);
    write_text(json, "time_zone", rows, row, TIME_ZONE);
    json_key(json, "price");
    json_money(json, rows_int(rows, row, AMOUNT), rows_text(rows, row, CURRENCY));
    if (rows_bool(rows, row, GENERAL)) {
        write_number(json, "capacity", open + on_going + booked);
    } else {
        json_key(json, "seats");
        json_raw(json, rows_is_null(rows, row, LABELS) ? TEXT("[]") : rows_text(rows, row, LABELS));
    }
    write_text(json, "organizer_url", rows, row, ORGANIZER_URL);
    write_number(json, "open", open);
    write_number(json, "on_going", on_going);
    write_number(json, "booked", booked);
    json_end_object(json);
}

struct text shown_show_tag(struct arena *arena, const struct rows *rows, size_t row)
{
    const struct text tag = rows_text(rows, row, TAG);

    return text_format(arena, "%.*s-%" PRId64 "-%" PRId64 "-%" PRId64, (int)tag.len, tag.ptr, rows_int(rows, row, OPEN),
                       rows_int(rows, row, ON_GOING), rows_int(rows, row, BOOKED));
}

void shown_seat(struct json *json, const struct rows *rows, size_t row)
{
    json_begin_object(json);
    write_text(json, "label", rows, row, SEAT_LABEL);
    write_text(json, "status", rows, row, SEAT_STATUS);
    json_key(json, "price");
    json_money(json, rows_int(rows, row, SEAT_AMOUNT), rows_text(rows, row, SEAT_CURRENCY));
    json_key(json, "booking_id");
    if (rows_is_null(rows, row, SEAT_BOOKING))
        json_none(json);
    else
        json_text(json, uuid_text(json->buffer.arena, rows_uuid(rows, row, SEAT_BOOKING)));
    json_end_object(json);
}
