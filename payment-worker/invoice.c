/* invoice: seats are held, so an invoice is made for them. It is due before the hold ends, so that a payment made in
 * time finds its seats. A booking has one invoice; whoever asks again gets the same. */
#include "payment-worker/steps.h"

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "payment-worker/invoice.sql.h"
#include "payment-worker/link.h"

enum invoice_field { BOOKING_ID, USER, SHOW, SEATS, AMOUNT, CURRENCY, HOLD_EXPIRES_AT, PAYMENT, FIELDS };

static const struct field invoice_fields[FIELDS] = {
    [BOOKING_ID] = {.name = "booking_id", .type = FIELD_UUID, .is_required = true},
    [USER] = {.name = "user", .type = FIELD_IDENTIFIER, .is_required = true},
    [SHOW] = {.name = "show", .type = FIELD_IDENTIFIER, .is_required = true},
    [SEATS] = {.name = "seats",
               .type = FIELD_TEXT,
               .max = BOOKING_SEATS_MAX * (SEAT_LABEL_BYTES_MAX + 1),
               .is_required = true},
    [AMOUNT] = {.name = "amount", .type = FIELD_INTEGER, .max = AMOUNT_MAX * BOOKING_SEATS_MAX, .is_required = true},
    [CURRENCY] = {.name = "currency", .type = FIELD_CURRENCY, .is_required = true},
    [HOLD_EXPIRES_AT] = {.name = "hold_expires_at", .type = FIELD_TIME, .is_required = true},
    [PAYMENT] = {.name = "payment", .type = FIELD_CHOICE, .choices = "auto|link", .is_required = true},
};

struct invoice {
    bool is_known, pays_by_link;
    int64_t amount, due_at_us;
    struct text number, currency, url;
};

struct invoice_work {
    struct invoice *invoices; /* one for each entry */
};

static void begin(struct batch *batch)
{
    struct invoice_work *work = batch->work;

    work->invoices = ARENA_ARRAY(batch->arena, struct invoice, batch->count);
}

static bool bind_load(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

static void take_load(struct batch *batch, const struct rows *rows)
{
    struct invoice_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        size_t i;

        if (batch_find(batch, rows_uuid(rows, row, 0), &i))
            work->invoices[i] = (struct invoice){
                .is_known = true,
                .amount = rows_int(rows, row, 1),
                .currency = text_copy(batch->arena, rows_text(rows, row, 2)),
                .due_at_us = rows_time(rows, row, 3),
                .url = text_copy(batch->arena, rows_text(rows, row, 4)),
                .pays_by_link = rows_bool(rows, row, 5),
            };
    }
}

static void make_invoice(struct batch *batch, size_t i)
{
    struct invoice *made = &((struct invoice_work *)batch->work)->invoices[i];

    made->amount = entry_value(batch, i, AMOUNT)->number;
    made->currency = entry_value(batch, i, CURRENCY)->text;
    made->due_at_us = entry_value(batch, i, HOLD_EXPIRES_AT)->number - config()->payment_margin_s * 1000000;
    made->pays_by_link = entry_value(batch, i, PAYMENT)->number == 1;
    made->url = link_url(batch->arena, made->number, made->due_at_us);
}

static void decide(struct batch *batch)
{
    struct invoice_work *work = batch->work;

    for (size_t i = 0; i < batch->count; i++) {
        struct invoice *made = &work->invoices[i];
        struct fact *event;

        made->number = number_of_uuid(batch->arena, "INV-", batch->entries[i]->key);
        if (!made->is_known)
            make_invoice(batch, i);
        event = say(batch, i, INVOICE_CREATED, "invoiced");
        say_field(batch, event, "invoice_no", made->number);
        say_field(batch, event, "amount", text_of_int64(batch->arena, made->amount));
        say_field(batch, event, "currency", made->currency);
        say_field(batch, event, "payment_url", made->url);
        say_field(batch, event, "due_at", time_text(batch->arena, made->due_at_us / 1000));
        say_field(batch, event, "payment", made->pays_by_link ? TEXT("link") : TEXT("auto"));
        done(batch, i, made->is_known ? "invoiced before" : "invoiced");
    }
}

static bool bind_store(struct batch *batch, struct params *params)
{
    const struct invoice_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_UUID), *amounts = params_column(params, COLUMN_INT64),
                  *dues = params_column(params, COLUMN_TIME), *links = params_column(params, COLUMN_BOOL),
                  *currencies = params_column(params, COLUMN_TEXT), *numbers = params_column(params, COLUMN_TEXT),
                  *urls = params_column(params, COLUMN_TEXT);

    for (size_t k = 0; k < batch->count; k++) {
        const struct invoice *made = &work->invoices[batch->by_key[k].position];

        if (made->is_known)
            continue;
        column_uuid(ids, batch->by_key[k].key);
        column_int(amounts, made->amount);
        column_time(dues, made->due_at_us);
        column_bool(links, made->pays_by_link);
        column_text(currencies, made->currency);
        column_text(numbers, made->number);
        column_text(urls, made->url);
    }
    return column_count(ids) > 0;
}

const struct step invoice = {
    .name = "invoice",
    .reads = {SEAT_HELD},
    .reads_count = 1,
    .fields = invoice_fields,
    .field_count = FIELDS,
    .key = BOOKING_ID,
    .loads = (const struct query[]){{SQL(invoice_load), bind_load, take_load}, {NULL, NULL, NULL}},
    .work_bytes = sizeof(struct invoice_work),
    .begin = begin,
    .decide = decide,
    .stores = (const struct query[]){{SQL(invoice_store), bind_store, NULL}, {NULL, NULL, NULL}},
};
