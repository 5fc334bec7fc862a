/* Bookings. */
#include "publisher/booked.h"

#include "common/json.h"
#include "common/store.h"
#include "common/ticket.h"

enum booked_column {
    ID,
    USER,
    SHOW,
    TITLE,
    SEATS,
    STATUS,
    REASON,
    AMOUNT,
    CURRENCY,
    HOLD_EXPIRES_AT,
    REQUESTED_AT,
    CLOSED_AT,
    FINGERPRINT,
    PLACE,
    QUEUE_LENGTH
};

static struct text text_or_none(const struct rows *rows, size_t row, enum booked_column column)
{
    return rows_is_null(rows, row, (int)column) ? TEXT_NONE : rows_text(rows, row, (int)column);
}

struct booked booked_of_row(const struct rows *rows, size_t row)
{
    struct booked booked = {
        .id = rows_uuid(rows, row, ID),
        .fingerprint = rows_int(rows, row, FINGERPRINT),
        .user = rows_text(rows, row, USER),
        .show = rows_text(rows, row, SHOW),
        .title = text_or_none(rows, row, TITLE),
        .seats = rows_text(rows, row, SEATS),
        .status = rows_text(rows, row, STATUS),
        .reason = text_or_none(rows, row, REASON),
        .amount = rows_int(rows, row, AMOUNT),
        .currency = rows_text(rows, row, CURRENCY),
        .has_hold = !rows_is_null(rows, row, HOLD_EXPIRES_AT),
        .is_closed = !rows_is_null(rows, row, CLOSED_AT),
        .requested_at_us = rows_time(rows, row, REQUESTED_AT),
    };

    if (booked.seats.len == 0)
        booked.seats = TEXT_NONE;
    if (booked.has_hold)
        booked.hold_expires_at_us = rows_time(rows, row, HOLD_EXPIRES_AT);
    if (booked.is_closed)
        booked.closed_at_us = rows_time(rows, row, CLOSED_AT);
    if (!rows_is_null(rows, row, PLACE)) {
        booked.place = rows_int(rows, row, PLACE);
        booked.queue_length = rows_int(rows, row, QUEUE_LENGTH);
    }
    return booked;
}

bool booked_is_decided(const struct booked *booked)
{
    return !text_is(booked->status, "RESERVED");
}

bool booked_is_closed(const struct booked *booked)
{
    static const char *const open[] = {"RESERVED", "HELD", "AWAITING_PAYMENT", "WAITLISTED"};

    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (text_is(booked->status, open[i]))
            return false;
    return true;
}

bool booked_is_waitlisted(const struct booked *booked)
{
    return text_is(booked->status, "WAITLISTED");
}

static void write_text(struct json *json, const char *key, struct text text)
{
    json_key(json, key);
    json_text(json, text);
}

static void write_time(struct json *json, const char *key, bool is_given, int64_t time_us)
{
    json_key(json, key);
    if (is_given)
        json_time(json, time_us);
    else
        json_none(json);
}

static void write_seats(struct json *json, const struct booked *booked)
{
    struct text labels = booked->seats, label;

    json_key(json, "seats");
    json_begin_array(json);
    while (text_next(&labels, ',', &label))
        json_text(json, label);
    json_end_array(json);
}

static void write_place(struct json *json, const struct booked *booked)
{
    json_key(json, "waitlist");
    if (booked->place == 0) {
        json_none(json);
        return;
    }
    json_begin_object(json);
    json_key(json, "position");
    json_int(json, booked->place);
    json_key(json, "length");
    json_int(json, booked->queue_length);
    json_end_object(json);
}

/* Seats are tickets once they are paid. */
static void write_tickets(struct json *json, const struct booked *booked)
{
    struct text labels = booked->seats, label;

    json_key(json, "tickets");
    json_begin_array(json);
    while (text_is(booked->status, "CONFIRMED") && text_next(&labels, ',', &label)) {
        json_begin_object(json);
        write_text(json, "ticket_id", uuid_text(json->buffer.arena, ticket_id(booked->id, label)));
        write_text(json, "seat", label);
        json_end_object(json);
    }
    json_end_array(json);
}

void booked_write(struct json *json, const struct booked *booked)
{
    json_begin_object(json);
    write_text(json, "booking_id", uuid_text(json->buffer.arena, booked->id));
    write_text(json, "user", booked->user);
    write_text(json, "show", booked->show);
    write_seats(json, booked);
    write_text(json, "status", booked->status);
    write_text(json, "reason", booked->reason);
    json_key(json, "amount");
    json_money(json, booked->amount, booked->currency);
    write_text(json, "invoice_no", TEXT_NONE);
    write_text(json, "payment_url", TEXT_NONE);
    write_time(json, "hold_expires_at", booked->has_hold, booked->hold_expires_at_us);
    write_place(json, booked);
    write_tickets(json, booked);
    write_time(json, "requested_at", true, booked->requested_at_us);
    write_time(json, "closed_at", booked->is_closed, booked->closed_at_us);
    json_end_object(json);
}
