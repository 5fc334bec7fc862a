/* charge: an invoice is paid, or not. Invoices with payment=auto are charged as soon as they exist, those with
 * payment=link when their link was used (payment.requested). The built-in provider decides by a hash of seed and
 * payment id, so asking again gives the same answer, and nothing outside has to be asked before the result is
 * committed. */
#include "payment-worker/steps.h"

#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "payment-worker/charge.sql.h"

enum charge_field { INVOICE_NO, FIELDS };

static const struct field charge_fields[FIELDS] = {
    [INVOICE_NO] = {.name = "invoice_no", .type = FIELD_INVOICE_NO, .is_required = true},
};

struct charged {
    bool is_known, pays_by_link, is_new;
    int64_t amount, due_at_us;
    struct text invoice_status, currency;
    struct text payment_id, payment_status, reason; /* the payment's: loaded, or decided */
};

struct charge_work {
    struct charged *invoices; /* one for each entry */
    size_t new_count;
};

static void begin(struct batch *batch)
{
    struct charge_work *work = batch->work;

    work->invoices = ARENA_ARRAY(batch->arena, struct charged, batch->count);
}

static bool bind_load(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

static void take_load(struct batch *batch, const struct rows *rows)
{
    struct charge_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        size_t i;

        if (batch_find(batch, rows_uuid(rows, row, 0), &i))
            work->invoices[i] = (struct charged){
                .is_known = true,
                .invoice_status = text_copy(batch->arena, rows_text(rows, row, 1)),
                .amount = rows_int(rows, row, 2),
                .currency = text_copy(batch->arena, rows_text(rows, row, 3)),
                .due_at_us = rows_time(rows, row, 4),
                .pays_by_link = rows_bool(rows, row, 5),
                .payment_id = text_copy(batch->arena, rows_text(rows, row, 6)),
                .payment_status = text_copy(batch->arena, rows_text(rows, row, 7)),
                .reason = text_copy(batch->arena, rows_text(rows, row, 8)),
            };
    }
}

/* The built-in provider: a share of PAYMENT_FAILURE_RATE of all payment ids is declined, always the same ones. */
static bool is_declined(struct text payment_id)
{
    const int64_t seed = config()->random_seed;
    const struct text parts[] = {{(const char *)&seed, sizeof seed}, payment_id};

    return (double)(content_hash(parts, 2) >> 11) * 0x1p-53 < config()->payment_failure_rate;
}

static void charge_now(struct batch *batch, size_t i)
{
    struct charge_work *work = batch->work;
    struct charged *charged = &work->invoices[i];
    const struct text number = number_of_uuid(batch->arena, "PAY-", batch->entries[i]->key);

    charged->is_new = true;
    charged->payment_id = text_format(batch->arena, "%.*s-1", (int)number.len, number.ptr);
    charged->payment_status = TEXT("SUCCEEDED");
    if (batch->now_us > charged->due_at_us)
        charged->reason = TEXT("past_due");
    else if (is_declined(charged->payment_id))
        charged->reason = TEXT("declined");
    if (charged->reason.ptr)
        charged->payment_status = TEXT("FAILED");
    work->new_count++;
}

static void say_done(struct batch *batch, size_t i)
{
    const struct charged *charged = &((struct charge_work *)batch->work)->invoices[i];
    struct fact *event = say(batch, i, PAYMENT_DONE, "paid");

    say_field(batch, event, "invoice_no", entry_value(batch, i, INVOICE_NO)->text);
    say_field(batch, event, "payment_id", charged->payment_id);
    say_field(batch, event, "status", text_is(charged->payment_status, "FAILED") ? TEXT("failed") : TEXT("succeeded"));
    say_field(batch, event, "reason", charged->reason);
    say_field(batch, event, "amount", text_of_int64(batch->arena, charged->amount));
    say_field(batch, event, "currency", charged->currency);
}

static void decide(struct batch *batch)
{
    struct charge_work *work = batch->work;

    for (size_t i = 0; i < batch->count; i++) {
        struct charged *charged = &work->invoices[i];
        const bool is_open = text_is(charged->invoice_status, "OPEN");

        if (!charged->is_known) {
            const struct text number = entry_value(batch, i, INVOICE_NO)->text;

            reject(batch, i, "unknown_invoice",
                   text_format(batch->arena, "there is no invoice %.*s", (int)number.len, number.ptr));
            continue;
        }
        if (is_open && charged->pays_by_link && batch->entries[i]->stream == INVOICE_CREATED) {
            done(batch, i, "waits for its link");
            continue;
        }
        if (is_open)
            charge_now(batch, i);
        if (charged->payment_id.ptr)
            say_done(batch, i);
        done(batch, i, !charged->is_new ? "charged before" : charged->reason.ptr ? "payment failed" : "paid");
    }
}

static bool bind_payments(struct batch *batch, struct params *params)
{
    const struct charge_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_UUID), *statuses = params_column(params, COLUMN_TEXT),
                  *amounts = params_column(params, COLUMN_INT64), *currencies = params_column(params, COLUMN_TEXT),
                  *invoices = params_column(params, COLUMN_TEXT), *payments = params_column(params, COLUMN_TEXT),
                  *reasons = params_column(params, COLUMN_TEXT);

    for (size_t k = 0; k < batch->count; k++) {
        const size_t i = batch->by_key[k].position;
        const struct charged *charged = &work->invoices[i];

        if (!charged->is_new)
            continue;
        column_uuid(ids, batch->entries[i]->key);
        column_text(statuses, charged->payment_status);
        column_int(amounts, charged->amount);
        column_text(currencies, charged->currency);
        column_text(invoices, entry_value(batch, i, INVOICE_NO)->text);
        column_text(payments, charged->payment_id);
        column_text(reasons, charged->reason);
    }
    return work->new_count > 0;
}

static bool bind_invoices(struct batch *batch, struct params *params)
{
    const struct charge_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_UUID), *failed = params_column(params, COLUMN_UUID);

    for (size_t k = 0; k < batch->count; k++) {
        const struct charged *charged = &work->invoices[batch->by_key[k].position];

        if (!charged->is_new)
            continue;
        column_uuid(ids, batch->by_key[k].key);
        if (charged->reason.ptr)
            column_uuid(failed, batch->by_key[k].key);
    }
    params_int64(params, (int64_t)work->new_count);
    return work->new_count > 0;
}

const struct step charge = {
    .name = "charge",
    .reads = {INVOICE_CREATED, PAYMENT_REQUESTED},
    .reads_count = 2,
    .fields = charge_fields,
    .field_count = FIELDS,
    .key = INVOICE_NO,
    .is_timed = true,
    .loads = (const struct query[]){{SQL(charge_load), bind_load, take_load}, {NULL, NULL, NULL}},
    .work_bytes = sizeof(struct charge_work),
    .begin = begin,
    .decide = decide,
    .stores = (const struct query[]){{SQL(charge_payments), bind_payments, NULL},
                                     {SQL(charge_invoices), bind_invoices, NULL},
                                     {NULL, NULL, NULL}},
};
