/* record: keeps every entry of every stream in the event log, each (topic, event_id) once, and counts what came. An
 * entry counts once, however often it is delivered: as unique, as a duplicate (its event is known under another entry's
 * id) or as rejected (it cannot be stored). Entries of `dead` become dead letters and are not counted.
 *
 * Looking for every event before inserting it would cost as much as the insert, so only those are looked for that have
 * probably been seen before. If one that looked new was there after all, the insert fails and the batch is done again
 * with all of them looked for (conflict). All that is new goes in by one statement, sorted: recorders that meet wait
 * for each other, but never in a circle. */
#include "aggregator/record.h"

#include <assert.h>
#include <stdlib.h>

#include "aggregator/familiar.h"
#include "aggregator/latency.h"
#include "aggregator/letters.h"
#include "aggregator/logged.h"
#include "aggregator/record.sql.h"
#include "aggregator/slot.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"

struct item {
    size_t position; /* in the batch */
    struct logged logged;
    bool looks_new;                                              /* not looked for */
    enum { UNIQUE, DELIVERED_AGAIN, DUPLICATE, CONFLICT } state; /* a conflict is a duplicate with another payload */
};

struct record_work {
    struct item *items; /* the events, by (topic, event_id, entry) */
    size_t item_count;
    struct refusal *refusals; /* one for each entry */
    size_t refused_count;
    struct letters letters;
    size_t unique_count;
    int64_t sent[LATENCY_BUCKETS], closed[LATENCY_BUCKETS];
};

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = text_compare(x->logged.topic, y->logged.topic);

    if (!order)
        order = text_compare(x->logged.event_id, y->logged.event_id);
    return order ? order : (x->position > y->position) - (x->position < y->position);
}

static void count_latencies(struct batch *batch, size_t i)
{
    struct record_work *work = batch->work;
    const struct entry *entry = batch->entries[i];
    const int64_t entry_us = entry_time_us(entry);
    int64_t requested_us;

    work->sent[latency_bucket(batch->now_us - entry_us)]++;
    if (entry->stream == BOOKING_CLOSED && time_parse(entry_field(entry, "requested_at"), &requested_us))
        work->closed[latency_bucket(entry_us - requested_us)]++;
}

static void guess(struct batch *batch)
{
    struct record_work *work = batch->work;

    familiar_begin(batch->conflicts > 0);
    for (size_t i = 0; i < work->item_count; i++) {
        struct item *item = &work->items[i];

        item->looks_new = familiar_is_new(item->logged.topic, item->logged.event_id);
    }
}

static void begin(struct batch *batch)
{
    struct record_work *work = batch->work;
    struct json json = json_in(batch->arena);

    work->items = ARENA_ARRAY(batch->arena, struct item, batch->count);
    work->refusals = ARENA_ARRAY(batch->arena, struct refusal, batch->count);
    letters_begin(&work->letters, batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct entry *entry = batch->entries[i];

        if (entry->stream == DEAD) {
            letters_take(&work->letters, &json, entry);
            continue;
        }
        letters_look(&work->letters, entry);
        work->items[work->item_count].position = i;
        work->refusals[i] = logged_read(&json, entry, &work->items[work->item_count].logged);
        if (work->refusals[i].reason) {
            work->refused_count++;
            continue;
        }
        work->item_count++;
        count_latencies(batch, i);
    }
    qsort(work->items, work->item_count, sizeof *work->items, compare_items);
    guess(batch);
}

/* ---- what is known ---- */

static bool bind_known(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *topics = params_column(params, COLUMN_TEXT), *ids = params_column(params, COLUMN_TEXT),
                  *payloads = params_column(params, COLUMN_TEXT), *items = params_column(params, COLUMN_INT32);

    for (size_t i = 0; i < work->item_count; i++) {
        const struct logged *logged = &work->items[i].logged;

        if (work->items[i].looks_new)
            continue;
        column_text(topics, logged->topic);
        column_text(ids, logged->event_id);
        column_text(payloads, logged->payload);
        column_int(items, (int64_t)i);
    }
    return column_count(topics) > 0;
}

static void take_known(struct batch *batch, const struct rows *rows)
{
    const struct record_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        struct item *item = &work->items[rows_int(rows, row, 0)];
        const struct entry *entry = batch->entries[item->position];

        if (rows_int(rows, row, 1) == (int64_t)entry->stream && rows_int(rows, row, 2) == (int64_t)entry->id.ms &&
            rows_int(rows, row, 3) == (int64_t)entry->id.seq)
            item->state = DELIVERED_AGAIN;
        else
            item->state = rows_bool(rows, row, 4) ? CONFLICT : DUPLICATE;
    }
}

/* Of unknown events that came several times in this batch the first is the event. */
static void sort_out_repeats(struct batch *batch)
{
    struct record_work *work = batch->work;
    const struct item *first = NULL;

    for (size_t i = 0; i < work->item_count; i++) {
        struct item *item = &work->items[i];

        if (item->state != UNIQUE)
            continue;
        if (first && text_equal(first->logged.topic, item->logged.topic) &&
            text_equal(first->logged.event_id, item->logged.event_id)) {
            item->state = text_equal(first->logged.payload, item->logged.payload) ? DUPLICATE : CONFLICT;
            continue;
        }
        first = item;
        work->unique_count++;
    }
}

static void decide(struct batch *batch)
{
    const struct record_work *work = batch->work;

    sort_out_repeats(batch);
    for (size_t i = 0; i < batch->count; i++)
        if (work->refusals[i].reason)
            reject(batch, i, work->refusals[i].reason, work->refusals[i].detail);
        else
            done(batch, i, NULL); /* not worth a line in the log: it is in the log */
}

/* ---- the insert ---- */

static bool bind_new(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *topics = params_column(params, COLUMN_TEXT), *ids = params_column(params, COLUMN_TEXT),
                  *times = params_column(params, COLUMN_TIME), *sources = params_column(params, COLUMN_TEXT),
                  *payloads = params_column(params, COLUMN_TEXT), *streams = params_column(params, COLUMN_INT16),
                  *ms = params_column(params, COLUMN_INT64), *seqs = params_column(params, COLUMN_INT64),
                  *extras = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < work->item_count; i++) {
        const struct logged *logged = &work->items[i].logged;
        const struct entry *entry = batch->entries[work->items[i].position];

        if (work->items[i].state != UNIQUE)
            continue;
        if (logged->extra.ptr) { /* one that has none adds nothing, until one behind it has some */
            while (column_count(extras) < column_count(topics))
                column_null(extras);
            column_text(extras, logged->extra);
        }
        column_text(topics, logged->topic);
        column_text(ids, logged->event_id);
        column_time(times, logged->at_us);
        column_text(sources, logged->source);
        column_text(payloads, logged->payload);
        column_int(streams, entry->stream);
        column_int(ms, (int64_t)entry->id.ms);
        column_int(seqs, (int64_t)entry->id.seq);
    }
    return work->unique_count > 0;
}

/* ---- counting ---- */

static bool has_repeats(const struct batch *batch)
{
    const struct record_work *work = batch->work;

    return work->unique_count < work->item_count;
}

/* How many of each topic are new. Items are sorted by topic, so those of one stand together. */
static void add_unique_counts(const struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *topics = params_column(params, COLUMN_TEXT), *counts = params_column(params, COLUMN_INT64);

    for (size_t i = 0, next; i < work->item_count; i = next) {
        const struct text topic = work->items[i].logged.topic;
        int64_t count = 0;

        for (next = i; next < work->item_count && text_equal(work->items[next].logged.topic, topic); next++)
            count += work->items[next].state == UNIQUE;
        if (count > 0) {
            column_text(topics, topic);
            column_int(counts, count);
        }
    }
}

static bool bind_count(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;

    params_int16(params, counter_slot());
    add_unique_counts(batch, params);
    return work->item_count > 0 && !has_repeats(batch);
}

static bool bind_count_repeats(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *topics, *ids, *duplicates, *conflicts, *streams, *ms, *seqs;

    params_int16(params, counter_slot());
    add_unique_counts(batch, params);
    topics = params_column(params, COLUMN_TEXT);
    ids = params_column(params, COLUMN_TEXT);
    duplicates = params_column(params, COLUMN_BOOL);
    conflicts = params_column(params, COLUMN_BOOL);
    streams = params_column(params, COLUMN_INT16);
    ms = params_column(params, COLUMN_INT64);
    seqs = params_column(params, COLUMN_INT64);
    for (size_t i = 0; i < work->item_count; i++) {
        const struct item *item = &work->items[i];
        const struct entry *entry = batch->entries[item->position];

        if (item->state == UNIQUE)
            continue;
        column_text(topics, item->logged.topic);
        column_text(ids, item->logged.event_id);
        column_bool(duplicates, item->state != DELIVERED_AGAIN);
        column_bool(conflicts, item->state == CONFLICT);
        column_int(streams, entry->stream);
        column_int(ms, (int64_t)entry->id.ms);
        column_int(seqs, (int64_t)entry->id.seq);
    }
    return has_repeats(batch);
}

/* The item whose entry a row names. Rows come in the order of the items, so it stands behind the one before it
 * (`from`); only if they did not, all would be looked through. */
static const struct item *item_of_row(const struct batch *batch, const struct rows *rows, size_t row, size_t *from)
{
    const struct record_work *work = batch->work;

    for (size_t step = 0; step < work->item_count; step++) {
        const struct item *item = &work->items[(*from + step) % work->item_count];
        const struct entry *entry = batch->entries[item->position];

        if ((int64_t)entry->id.seq == rows_int(rows, row, 2) && (int64_t)entry->id.ms == rows_int(rows, row, 1) &&
            (int64_t)entry->stream == rows_int(rows, row, 0)) {
            *from = (*from + step + 1) % work->item_count;
            return item;
        }
    }
    assert(!"a row of no entry in the batch");
    return NULL;
}

/* Each duplicate gets its line in the program's log, when it is noted for the first time. */
static void take_noted(struct batch *batch, const struct rows *rows)
{
    size_t from = 0;

    for (size_t row = 0; row < rows_count(rows); row++) {
        const struct item *item = item_of_row(batch, rows, row, &from);
        struct outcome *outcome = &batch->outcomes[item->position];
        const struct logged *logged = &item->logged;

        outcome->what = item->state == CONFLICT ? "duplicate with another payload" : "duplicate";
        outcome->detail = text_format(batch->arena, "%.*s %.*s", (int)logged->topic.len, logged->topic.ptr,
                                      (int)logged->event_id.len, logged->event_id.ptr);
    }
}

static bool bind_rejected(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *streams, *ms, *seqs, *reasons, *numbers, *names;

    if (work->refused_count == 0)
        return false;
    params_int16(params, counter_slot());
    streams = params_column(params, COLUMN_INT16);
    ms = params_column(params, COLUMN_INT64);
    seqs = params_column(params, COLUMN_INT64);
    reasons = params_column(params, COLUMN_TEXT);
    for (size_t i = 0; i < batch->count; i++) {
        if (!work->refusals[i].reason)
            continue;
        column_int(streams, batch->entries[i]->stream);
        column_int(ms, (int64_t)batch->entries[i]->id.ms);
        column_int(seqs, (int64_t)batch->entries[i]->id.seq);
        column_text(reasons, work->refusals[i].detail);
    }
    numbers = params_column(params, COLUMN_INT16);
    names = params_column(params, COLUMN_TEXT);
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        column_int(numbers, stream);
        column_text(names, stream_key((enum stream)stream));
    }
    return true;
}

static bool bind_dead(struct batch *batch, struct params *params)
{
    return letters_bind_dead(&((const struct record_work *)batch->work)->letters, params);
}

static bool bind_replayed(struct batch *batch, struct params *params)
{
    return letters_bind_replayed(&((const struct record_work *)batch->work)->letters, params);
}

static bool bind_latencies(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *names, *buckets, *counts;

    params_int16(params, counter_slot());
    names = params_column(params, COLUMN_TEXT);
    buckets = params_column(params, COLUMN_INT16);
    counts = params_column(params, COLUMN_INT64);
    for (int closed = 1; closed >= 0; closed--) /* by name: "request_to_closed", "sent_to_processed" */
        for (int bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
            const int64_t count = closed ? work->closed[bucket] : work->sent[bucket];

            if (count == 0)
                continue;
            column_text(names, closed ? TEXT("request_to_closed") : TEXT("sent_to_processed"));
            column_int(buckets, bucket);
            column_int(counts, count);
        }
    return column_count(names) > 0;
}

const struct step record = {
    .name = "record",
    .reads = {BOOKING_REQUESTED, SEAT_RESERVED, SEAT_HELD, INVOICE_CREATED, PAYMENT_REQUESTED, PAYMENT_DONE,
              CANCEL_REQUESTED, BOOKING_CLOSED, EVENTS, DEAD},
    .reads_count = 10,
    .batch_factor = 4,
    .linger_ms = 20,
    .reads_ahead = true,
    .key = -1,
    .wants_refused = true,
    .loads = (const struct query[]){{SQL(record_known), bind_known, take_known}, {NULL, NULL, NULL}},
    .work_bytes = sizeof(struct record_work),
    .begin = begin,
    .decide = decide,
    .stores = (const struct query[]){{SQL(record_new), bind_new, NULL},
                                     {SQL(record_count), bind_count, NULL},
                                     {SQL(record_count_repeats), bind_count_repeats, take_noted},
                                     {SQL(record_rejected), bind_rejected, NULL},
                                     {SQL(record_dead), bind_dead, NULL},
                                     {SQL(record_replayed), bind_replayed, NULL},
                                     {SQL(record_latencies), bind_latencies, NULL},
                                     {NULL, NULL, NULL}},
};
