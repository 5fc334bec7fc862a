/* What hold said of a booking, said again. The rest of the flow follows by itself: every step that hears of a booking
 * it knows says again what it said then. */
#include "ticket-worker/steps.h"

#include "common/arena.h"
#include "common/config.h"
#include "ticket-worker/hold.h"
#include "ticket-worker/redrive.sql.h"

static void begin(struct batch *batch)
{
    struct hold_work *work = batch->work;

    work->known = ARENA_ARRAY(batch->arena, struct known, batch->count);
}

static bool bind_keys(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

static void take_rows(struct batch *batch, const struct rows *rows)
{
    struct hold_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        size_t i;

        if (!batch_find(batch, rows_uuid(rows, row, 0), &i))
            continue;
        work->known[i] = hold_read_known(batch->arena, rows, row);
        batch->entries[i]->traceparent = text_copy(batch->arena, rows_text(rows, row, 12));
    }
}

static bool waits(const struct known *known)
{
    return text_is(known->status, "HELD") || (text_is(known->status, "AWAITING_PAYMENT") && !known->pays_by_link);
}

/* Whether anything was said. */
static bool say_again(struct batch *batch, size_t i, const struct known *known)
{
    if (!known->is_known || (!batch->is_recall && !waits(known)))
        return false;
    if (text_is(known->status, "AWAITING_PAYMENT") || text_is(known->status, "CONFIRMED") ||
        text_is(known->reason, "payment_failed"))
        hold_say_held(batch, i, known);
    else if (text_is(known->status, "HELD") || text_is(known->status, "RESERVED") || text_is(known->status, "REJECTED"))
        hold_say_what_follows(batch, i, known);
    else
        return false;
    return true;
}

static void decide(struct batch *batch)
{
    const struct hold_work *work = batch->work;

    for (size_t i = 0; i < batch->count; i++)
        done(batch, i, say_again(batch, i, &work->known[i]) ? "said again" : NULL);
}

static int64_t decided_us(int64_t now_us)
{
    return now_us + config()->hold_ttl_s * 1000000;
}

static const struct step step = {
    .name = "hold",
    .reads = {BOOKING_REQUESTED, SEAT_HELD, INVOICE_CREATED, PAYMENT_REQUESTED, PAYMENT_DONE},
    .reads_count = 5,
    .key = 0,
    .loads = (const struct query[]){{SQL(redrive_load), bind_keys, take_rows}, {NULL, NULL, NULL}},
    .work_bytes = sizeof(struct hold_work),
    .begin = begin,
    .decide = decide,
    .stores = NO_QUERIES,
};

const struct redrive hold_redrive = {
    .step = &step,
    .overdue = SQL(redrive_overdue),
    .recall = SQL(redrive_recall),
    .decided_us = decided_us,
};
