/* bill: an invoice exists, so the booking can be paid: HELD becomes AWAITING_PAYMENT. An invoice for a booking that has
 * gone on or closed meanwhile changes nothing. */
#include "ticket-worker/steps.h"

#include "common/bounds.h"
#include "ticket-worker/bill.sql.h"

enum bill_field { BOOKING_ID, INVOICE_NO, AMOUNT, CURRENCY, PAYMENT_URL, DUE_AT, PAYMENT, FIELDS };

/* The booking alone is needed here. The others are checked, for what lacks one is no invoice; who reads them is
 * outside. */
static const struct field bill_fields[FIELDS] = {
    [BOOKING_ID] = {.name = "booking_id", .type = FIELD_UUID, .is_required = true},
    [INVOICE_NO] = {.name = "invoice_no", .type = FIELD_IDENTIFIER, .is_required = true},
    [AMOUNT] = {.name = "amount", .type = FIELD_INTEGER, .max = AMOUNT_MAX * BOOKING_SEATS_MAX, .is_required = true},
    [CURRENCY] = {.name = "currency", .type = FIELD_CURRENCY, .is_required = true},
    [PAYMENT_URL] = {.name = "payment_url", .type = FIELD_TEXT, .max = ENTRY_BYTES_MAX, .is_required = true},
    [DUE_AT] = {.name = "due_at", .type = FIELD_TIME, .is_required = true},
    [PAYMENT] = {.name = "payment", .type = FIELD_CHOICE, .choices = "auto|link", .is_required = true},
};

static void decide(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        done(batch, i, "billed");
}

static bool bind_store(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

const struct step bill = {
    .name = "bill",
    .reads = {INVOICE_CREATED},
    .reads_count = 1,
    .fields = bill_fields,
    .field_count = FIELDS,
    .key = BOOKING_ID,
    .linger_ms = 20, /* a booking that is charged at once is mostly settled by then, and need not be touched */
    .loads = NO_QUERIES,
    .decide = decide,
    .stores = (const struct query[]){{SQL(bill_store), bind_store, NULL}, {NULL, NULL, NULL}},
};
