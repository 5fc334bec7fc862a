/* settle: a payment is done, well or badly, so the booking closes: CONFIRMED and its seats BOOKED, or FAILED and its
 * seats OPEN, in one transaction. A payment for a booking that closed for another reason changes nothing:
 * payment-worker gives the money back when it hears of the closing. */
#include "ticket-worker/steps.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "ticket-worker/closed.h"
#include "ticket-worker/settle.sql.h"

enum settle_field { BOOKING_ID, INVOICE_NO, PAYMENT_ID, STATUS, REASON, AMOUNT, CURRENCY, FIELDS };
enum payment_status { SUCCEEDED, FAILED };

static const struct field settle_fields[FIELDS] = {
    [BOOKING_ID] = {.name = "booking_id", .type = FIELD_UUID, .is_required = true},
    [INVOICE_NO] = {.name = "invoice_no", .type = FIELD_IDENTIFIER, .is_required = true},
    [PAYMENT_ID] = {.name = "payment_id", .type = FIELD_IDENTIFIER, .is_required = true},
    [STATUS] = {.name = "status", .type = FIELD_CHOICE, .choices = "succeeded|failed", .is_required = true},
    [REASON] = {.name = "reason", .type = FIELD_TEXT, .max = REASON_BYTES_MAX},
    [AMOUNT] = {.name = "amount", .type = FIELD_INTEGER, .max = AMOUNT_MAX * BOOKING_SEATS_MAX, .is_required = true},
    [CURRENCY] = {.name = "currency", .type = FIELD_CURRENCY, .is_required = true},
};

struct loaded {
    bool is_known, closes; /* closes: this batch closes it */
    struct text status, user, show, seats, reason;
    const int64_t *seat_ids;
    size_t seat_count;
    int64_t requested_at_us;
};

struct settle_work {
    struct loaded *bookings; /* one for each entry */
    size_t closed_count, seat_count;
};

static void begin(struct batch *batch)
{
    struct settle_work *work = batch->work;

    work->bookings = ARENA_ARRAY(batch->arena, struct loaded, batch->count);
}

static bool bind_load(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

static void take_load(struct batch *batch, const struct rows *rows)
{
    struct settle_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        struct loaded *booking;
        size_t i;

        if (!batch_find(batch, rows_uuid(rows, row, 0), &i))
            continue;
        booking = &work->bookings[i];
        booking->is_known = true;
        booking->status = text_copy(batch->arena, rows_text(rows, row, 1));
        booking->user = text_copy(batch->arena, rows_text(rows, row, 2));
        booking->show = text_copy(batch->arena, rows_text(rows, row, 3));
        booking->seats = text_copy(batch->arena, rows_text(rows, row, 4));
        booking->seat_ids = rows_int_array(rows, row, 5, batch->arena, &booking->seat_count);
        booking->reason = text_copy(batch->arena, rows_text(rows, row, 6));
        booking->requested_at_us = rows_time(rows, row, 7);
    }
}

static bool is_failure(const struct batch *batch, size_t i)
{
    return entry_value(batch, i, STATUS)->number == FAILED;
}

static void close_booking(struct batch *batch, size_t i)
{
    struct settle_work *work = batch->work;
    struct loaded *booking = &work->bookings[i];

    booking->closes = true;
    booking->status = is_failure(batch, i) ? TEXT("FAILED") : TEXT("CONFIRMED");
    booking->reason = is_failure(batch, i) ? TEXT("payment_failed") : TEXT_NONE;
    work->closed_count++;
    work->seat_count += booking->seat_count;
}

static void decide(struct batch *batch)
{
    struct settle_work *work = batch->work;

    for (size_t i = 0; i < batch->count; i++) {
        struct loaded *booking = &work->bookings[i];
        const char *status;

        if (!booking->is_known) {
            const struct text id = uuid_text(batch->arena, batch->entries[i]->key);

            reject(batch, i, "unknown_booking",
                   text_format(batch->arena, "there is no booking %.*s", (int)id.len, id.ptr));
            continue;
        }
        if (text_is(booking->status, "HELD") || text_is(booking->status, "AWAITING_PAYMENT"))
            close_booking(batch, i);
        if (!text_is(booking->status, "CONFIRMED") && !text_is(booking->status, "FAILED")) {
            done(batch, i, "payment too late");
            continue;
        }
        status = text_is(booking->status, "CONFIRMED") ? "confirmed" : "failed";
        say_closed(batch, i,
                   &(struct closing){booking->user, booking->show, booking->seats, status, booking->reason,
                                     booking->requested_at_us});
        done(batch, i, status);
    }
}

static bool bind_close(struct batch *batch, struct params *params)
{
    const struct settle_work *work = batch->work;
    struct column *closed = params_column(params, COLUMN_UUID), *failed = params_column(params, COLUMN_UUID);

    for (size_t k = 0; k < batch->count; k++) {
        const size_t i = batch->by_key[k].position;

        if (!work->bookings[i].closes)
            continue;
        column_uuid(closed, batch->entries[i]->key);
        if (is_failure(batch, i))
            column_uuid(failed, batch->entries[i]->key);
    }
    params_time(params, batch->now_us);
    params_int64(params, (int64_t)work->closed_count);
    return work->closed_count > 0;
}

struct owned { /* a seat and the booking that it must belong to */
    int64_t seat_id;
    struct uuid booking;
};

static int compare_owned(const void *a, const void *b)
{
    const struct owned *x = a, *y = b;

    return (x->seat_id > y->seat_id) - (x->seat_id < y->seat_id);
}

static bool bind_seats(struct batch *batch, struct params *params)
{
    const struct settle_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_INT64), *failed = params_column(params, COLUMN_UUID),
                  *owners = params_column(params, COLUMN_UUID);
    struct owned *sorted = ARENA_ARRAY(batch->arena, struct owned, work->seat_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        if (!work->bookings[i].closes)
            continue;
        for (size_t s = 0; s < work->bookings[i].seat_count; s++)
            sorted[count++] = (struct owned){work->bookings[i].seat_ids[s], batch->entries[i]->key};
        if (is_failure(batch, i))
            column_uuid(failed, batch->entries[i]->key);
    }
    qsort(sorted, count, sizeof *sorted, compare_owned);
    for (size_t s = 0; s < count; s++) {
        column_int(ids, sorted[s].seat_id);
        column_uuid(owners, sorted[s].booking);
    }
    params_int64(params, (int64_t)count);
    return count > 0;
}

const struct step settle = {
    .name = "settle",
    .reads = {PAYMENT_DONE},
    .reads_count = 1,
    .fields = settle_fields,
    .field_count = FIELDS,
    .key = BOOKING_ID,
    .is_timed = true,
    .loads = (const struct query[]){{SQL(settle_load), bind_load, take_load}, {NULL, NULL, NULL}},
    .work_bytes = sizeof(struct settle_work),
    .begin = begin,
    .decide = decide,
    .stores = (const struct query[]){{SQL(settle_close), bind_close, NULL},
                                     {SQL(settle_seats), bind_seats, NULL},
                                     {NULL, NULL, NULL}},
};
