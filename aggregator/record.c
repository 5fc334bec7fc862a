/* record: keeps every entry of every stream in the event log, each (topic, event_id) once, and counts what came. An
 * entry counts once, however often it is delivered: as unique, as a duplicate (its event is known under another entry's
 * id) or as rejected (it cannot be stored). Entries of `dead` become dead letters and are not counted.
 *
 * The insert itself finds out what is new, so here the first "load" already writes; deciding and counting come after.
 */
#include "aggregator/record.h"

#include <stdlib.h>

#include "aggregator/latency.h"
#include "aggregator/logged.h"
#include "aggregator/record.sql.h"
#include "aggregator/slot.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"

struct item {
    size_t position; /* in the batch */
    struct logged logged;
};

struct stored { /* what the insert reported */
    struct text topic;
    int64_t count;
};

struct record_work {
    struct item *items; /* the events, by (topic, event_id, entry) */
    size_t item_count;
    struct refusal *refusals; /* one for each entry */
    size_t refused_count;
    struct letter *letters;
    size_t letter_count;
    struct stored *stored; /* by topic */
    size_t stored_topics;
    int64_t stored_count;
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
    const int64_t entry_us = (int64_t)entry->id.ms * 1000;
    int64_t requested_us;

    work->sent[latency_bucket(batch->now_us - entry_us)]++;
    if (entry->stream == BOOKING_CLOSED && time_parse(entry_field(entry, "requested_at"), &requested_us))
        work->closed[latency_bucket(entry_us - requested_us)]++;
}

static void begin(struct batch *batch)
{
    struct record_work *work = batch->work;
    struct json json = json_in(batch->arena);

    work->items = ARENA_ARRAY(batch->arena, struct item, batch->count);
    work->refusals = ARENA_ARRAY(batch->arena, struct refusal, batch->count);
    work->letters = ARENA_ARRAY(batch->arena, struct letter, batch->count);
    work->stored = ARENA_ARRAY(batch->arena, struct stored, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        const struct entry *entry = batch->entries[i];

        if (entry->stream == DEAD) {
            work->letter_count += letter_read(&json, entry, &work->letters[work->letter_count]);
            continue;
        }
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
}

/* ---- the insert ---- */

/* After a batch that held a known event, others like it are likely to follow (somebody publishes with repetitions). */
#define CAREFUL_BATCHES 100

static int careful_batches; /* left */

static bool is_careful(const struct batch *batch)
{
    if (batch->conflicts > 0)
        careful_batches = CAREFUL_BATCHES;
    return careful_batches > 0;
}

static bool bind_events(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *topics = params_column(params, COLUMN_TEXT), *ids = params_column(params, COLUMN_TEXT),
                  *times = params_column(params, COLUMN_TIME), *sources = params_column(params, COLUMN_TEXT),
                  *payloads = params_column(params, COLUMN_TEXT), *streams = params_column(params, COLUMN_INT16),
                  *ms = params_column(params, COLUMN_INT64), *seqs = params_column(params, COLUMN_INT64);

    for (size_t i = 0; i < work->item_count; i++) {
        const struct logged *logged = &work->items[i].logged;
        const struct entry *entry = batch->entries[work->items[i].position];

        column_text(topics, logged->topic);
        column_text(ids, logged->event_id);
        column_time(times, logged->at_us);
        column_text(sources, logged->source);
        column_text(payloads, logged->payload);
        column_int(streams, entry->stream);
        column_int(ms, (int64_t)entry->id.ms);
        column_int(seqs, (int64_t)entry->id.seq);
    }
    return work->item_count > 0;
}

static bool bind_new(struct batch *batch, struct params *params)
{
    return !is_careful(batch) && bind_events(batch, params);
}

static bool bind_any(struct batch *batch, struct params *params)
{
    return is_careful(batch) && bind_events(batch, params);
}

/* All of them: the statement succeeded. */
static void take_new(struct batch *batch, const struct rows *rows)
{
    struct record_work *work = batch->work;

    (void)rows;
    for (size_t i = 0; i < work->item_count; i++) {
        const struct text topic = work->items[i].logged.topic;

        if (work->stored_topics == 0 || !text_equal(work->stored[work->stored_topics - 1].topic, topic))
            work->stored[work->stored_topics++].topic = topic;
        work->stored[work->stored_topics - 1].count++;
    }
    work->stored_count = (int64_t)work->item_count;
}

static void take_events(struct batch *batch, const struct rows *rows)
{
    struct record_work *work = batch->work;

    work->stored_topics = rows_count(rows);
    for (size_t row = 0; row < work->stored_topics; row++) {
        work->stored[row] = (struct stored){text_copy(batch->arena, rows_text(rows, row, 0)), rows_int(rows, row, 1)};
        work->stored_count += work->stored[row].count;
    }
}

static void decide(struct batch *batch)
{
    const struct record_work *work = batch->work;

    if (careful_batches > 0)
        careful_batches--;
    for (size_t i = 0; i < batch->count; i++)
        if (work->refusals[i].reason)
            reject(batch, i, work->refusals[i].reason, work->refusals[i].detail);
        else
            done(batch, i, NULL); /* not worth a line in the log: it is in the log */
}

/* ---- counting ---- */

static void add_stored(const struct record_work *work, struct params *params)
{
    struct column *topics = params_column(params, COLUMN_TEXT), *counts = params_column(params, COLUMN_INT64);

    for (size_t i = 0; i < work->stored_topics; i++) {
        column_text(topics, work->stored[i].topic);
        column_int(counts, work->stored[i].count);
    }
}

static bool bind_count(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;

    params_int16(params, counter_slot());
    add_stored(work, params);
    return work->stored_topics > 0;
}

static bool bind_repeats(struct batch *batch, struct params *params)
{
    const struct record_work *work = batch->work;
    struct column *topics, *ids, *payloads, *streams, *ms, *seqs;

    if (work->stored_count == (int64_t)work->item_count)
        return false;
    params_int16(params, counter_slot());
    topics = params_column(params, COLUMN_TEXT);
    ids = params_column(params, COLUMN_TEXT);
    payloads = params_column(params, COLUMN_TEXT);
    streams = params_column(params, COLUMN_INT16);
    ms = params_column(params, COLUMN_INT64);
    seqs = params_column(params, COLUMN_INT64);
    for (size_t i = 0; i < work->item_count; i++) {
        const struct entry *entry = batch->entries[work->items[i].position];

        column_text(topics, work->items[i].logged.topic);
        column_text(ids, work->items[i].logged.event_id);
        column_text(payloads, work->items[i].logged.payload);
        column_int(streams, entry->stream);
        column_int(ms, (int64_t)entry->id.ms);
        column_int(seqs, (int64_t)entry->id.seq);
    }
    add_stored(work, params);
    return true;
}

/* Each duplicate gets its line in the program's log. */
static void take_repeats(struct batch *batch, const struct rows *rows)
{
    const struct record_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++)
        for (size_t i = 0; i < work->item_count; i++) {
            const struct entry *entry = batch->entries[work->items[i].position];
            struct outcome *outcome = &batch->outcomes[work->items[i].position];

            if (entry->stream != (enum stream)rows_int(rows, row, 0) ||
                (int64_t)entry->id.ms != rows_int(rows, row, 1) || (int64_t)entry->id.seq != rows_int(rows, row, 2))
                continue;
            outcome->what = rows_bool(rows, row, 3) ? "duplicate with another payload" : "duplicate";
            outcome->detail = text_format(batch->arena, "%.*s %.*s", (int)work->items[i].logged.topic.len,
                                          work->items[i].logged.topic.ptr, (int)work->items[i].logged.event_id.len,
                                          work->items[i].logged.event_id.ptr);
            break;
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
    const struct record_work *work = batch->work;
    struct column *streams = params_column(params, COLUMN_TEXT), *ids = params_column(params, COLUMN_TEXT),
                  *steps = params_column(params, COLUMN_TEXT), *reasons = params_column(params, COLUMN_TEXT),
                  *details = params_column(params, COLUMN_TEXT), *deliveries = params_column(params, COLUMN_INT32),
                  *fields = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < work->letter_count; i++) {
        const struct letter *letter = &work->letters[i];

        column_text(streams, letter->stream);
        column_text(ids, letter->entry_id);
        column_text(steps, letter->step);
        column_text(reasons, letter->reason);
        column_text(details, letter->detail);
        column_int(deliveries, letter->deliveries);
        column_text(fields, letter->fields);
    }
    return work->letter_count > 0;
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
    .key = -1,
    .wants_refused = true,
    .loads = (const struct query[]){{SQL(record_new), bind_new, take_new},
                                    {SQL(record_events), bind_any, take_events},
                                    {NULL, NULL, NULL}},
    .work_bytes = sizeof(struct record_work),
    .begin = begin,
    .decide = decide,
    .stores = (const struct query[]){{SQL(record_count), bind_count, NULL},
                                     {SQL(record_repeats), bind_repeats, take_repeats},
                                     {SQL(record_rejected), bind_rejected, NULL},
                                     {SQL(record_dead), bind_dead, NULL},
                                     {SQL(record_latencies), bind_latencies, NULL},
                                     {NULL, NULL, NULL}},
};
