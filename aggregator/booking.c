/* See booking.h. */
#include "aggregator/booking.h"

#include "aggregator/view.h"
#include "common/access.h"
#include "common/ticket.h"

static void write_seats(struct json *json, struct text labels)
{
    struct text label;

    json_key(json, "seats");
    json_begin_array(json);
    while (text_next(&labels, ',', &label))
        json_text(json, label);
    json_end_array(json);
}

/* Seats are tickets once they are paid. */
static void write_tickets(struct json *json, struct uuid booking_id, struct text status, struct text labels)
{
    struct text label;

    json_key(json, "tickets");
    json_begin_array(json);
    while (text_is(status, "CONFIRMED") && text_next(&labels, ',', &label)) {
        json_begin_object(json);
        view_text(json, "ticket_id", uuid_text(json->buffer.arena, ticket_id(booking_id, label)));
        view_text(json, "seat", label);
        json_end_object(json);
    }
    json_end_array(json);
}

/* Where it stands among those who could take one of its seats. */
static void write_place(struct json *json, const struct rows *rows, size_t row)
{
    json_key(json, "waitlist");
    if (rows_is_null(rows, row, BOOKING_POSITION)) {
        json_none(json);
        return;
    }
    json_begin_object(json);
    view_int(json, "position", rows_int(rows, row, BOOKING_POSITION));
    view_int(json, "length", rows_int(rows, row, BOOKING_LENGTH));
    json_end_object(json);
}

void booking_write(struct query *query, const struct rows *rows, size_t row)
{
    struct json *json = &query->json;
    const struct uuid id = rows_uuid(rows, row, BOOKING_ID);
    const struct text status = rows_text(rows, row, BOOKING_STATUS);
    const struct text all = rows_text(rows, row, BOOKING_SEATS), labels = all.len ? all : TEXT_NONE;

    json_begin_object(json);
    view_text(json, "booking_id", uuid_text(json->buffer.arena, id));
    view_column_text(json, "user", rows, row, BOOKING_USER);
    view_column_text(json, "show", rows, row, BOOKING_SHOW);
    write_seats(json, labels);
    view_text(json, "status", status);
    view_column_text(json, "reason", rows, row, BOOKING_REASON);
    json_key(json, "amount");
    json_money(json, rows_int(rows, row, BOOKING_AMOUNT), rows_text(rows, row, BOOKING_CURRENCY));
    view_column_text(json, "invoice_no", rows, row, BOOKING_INVOICE_NO);
    if (access_may_see(query->request, rows_text(rows, row, BOOKING_USER)))
        view_column_text(json, "payment_url", rows, row, BOOKING_PAYMENT_URL);
    else
        view_text(json, "payment_url", TEXT_NONE);
    view_column_time(json, "hold_expires_at", rows, row, BOOKING_HOLD_EXPIRES_AT);
    write_place(json, rows, row);
    write_tickets(json, id, status, labels);
    view_column_time(json, "requested_at", rows, row, BOOKING_REQUESTED_AT);
    view_column_time(json, "closed_at", rows, row, BOOKING_CLOSED_AT);
    json_end_object(json);
}
