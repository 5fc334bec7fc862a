/* floor-sql URL SHOW BOOKINGS BATCH: the same rows as the system writes for its bookings, by the same statements, in
 * batches and transactions of the same size, and nothing else: no streams, no look-ups, nothing decided. What
 * PostgreSQL needs for this the system cannot go below.
 *
 * Each stage has its own connection and follows the stage before it by one batch, as the steps do. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/record.sql.h"
#include "bench/sample.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/store.h"
#include "common/stream.h"
#include "payment-worker/charge.sql.h"
#include "payment-worker/invoice.sql.h"
#include "ticket-worker/bill.sql.h"
#include "ticket-worker/hold_load.sql.h"
#include "ticket-worker/hold_store.sql.h"
#include "ticket-worker/settle.sql.h"

#define STATEMENTS_MAX 3 /* the first stage also reads where the seats are */

struct stage;

struct write {
    const struct statement *statement;
    void (*bind)(struct stage *stage, struct params *params);
};

struct stage {
    struct write writes[STATEMENTS_MAX + 1];
    const struct statement *statements[STATEMENTS_MAX + 1];
    struct store *store;
    struct arena *arena;
    int64_t done; /* bookings */
    bool is_busy;
    size_t count; /* of the batch under way */
    struct sample *samples;
};

static struct {
    struct text show;
    int64_t bookings, batch, begun_us;
    struct loop *loop;
    int64_t *seat_ids;
    uint64_t *places;
    size_t waiting; /* stores not up yet */
} floor_run;

/* ---- the rows ---- */

static void add_ids(const struct stage *stage, struct params *params)
{
    struct column *ids = params_column(params, COLUMN_UUID);

    for (size_t i = 0; i < stage->count; i++)
        column_uuid(ids, stage->samples[i].id);
}

static void add_count(const struct stage *stage, struct params *params)
{
    params_int64(params, (int64_t)stage->count);
}

static void add_texts(const struct stage *stage, struct params *params, struct text value)
{
    struct column *column = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < stage->count; i++)
        column_text(column, value);
}

static void add_ints(const struct stage *stage, struct params *params, enum column_type type, int64_t value)
{
    struct column *column = params_column(params, type);

    for (size_t i = 0; i < stage->count; i++)
        column_int(column, value);
}

static void add_times(const struct stage *stage, struct params *params, bool is_null)
{
    struct column *column = params_column(params, COLUMN_TIME);

    for (size_t i = 0; i < stage->count; i++)
        if (is_null)
            column_null(column);
        else
            column_time(column, stage->samples[i].entry_ms * 1000);
}

static void add_bools(const struct stage *stage, struct params *params)
{
    struct column *column = params_column(params, COLUMN_BOOL);

    for (size_t i = 0; i < stage->count; i++)
        column_bool(column, false);
}

static void add_own_texts(const struct stage *stage, struct params *params, size_t offset)
{
    struct column *column = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < stage->count; i++)
        column_text(column, *(const struct text *)((const char *)&stage->samples[i] + offset));
}

static int64_t seat_id_of(const struct sample *sample)
{
    return floor_run.seat_ids[sample->number - 1];
}

static void bind_bookings(struct stage *stage, struct params *params)
{
    struct column *seat_ids;

    add_ids(stage, params);
    add_ints(stage, params, COLUMN_INT64, 0x123456789abcdef);
    add_ints(stage, params, COLUMN_INT64, stage->samples[0].entry_ms);
    add_ints(stage, params, COLUMN_INT64, 0);
    add_ints(stage, params, COLUMN_INT64, 125000);
    add_times(stage, params, false);
    add_times(stage, params, false);
    add_times(stage, params, true);
    add_texts(stage, params, TEXT("HELD"));
    add_ints(stage, params, COLUMN_INT16, 1);
    add_bools(stage, params);
    add_own_texts(stage, params, offsetof(struct sample, user));
    add_texts(stage, params, floor_run.show);
    add_texts(stage, params, TEXT("IDR"));
    add_own_texts(stage, params, offsetof(struct sample, seat));
    seat_ids = params_column(params, COLUMN_TEXT);
    for (size_t i = 0; i < stage->count; i++)
        column_text(seat_ids, text_of_int64(stage->arena, seat_id_of(&stage->samples[i])));
    add_texts(stage, params, TEXT_NONE);
    add_texts(stage, params, TEXT_NONE);
}

static void bind_taken(struct stage *stage, struct params *params)
{
    struct column *places = params_column(params, COLUMN_PLACE), *ids = params_column(params, COLUMN_INT64);

    for (size_t i = 0; i < stage->count; i++) {
        column_place(places, floor_run.places[stage->samples[i].number - 1]);
        column_int(ids, seat_id_of(&stage->samples[i]));
    }
    add_ids(stage, params);
    add_count(stage, params);
}

static void bind_invoices(struct stage *stage, struct params *params)
{
    add_ids(stage, params);
    add_ints(stage, params, COLUMN_INT64, 125000);
    add_times(stage, params, false);
    add_bools(stage, params);
    add_texts(stage, params, TEXT("IDR"));
    add_own_texts(stage, params, offsetof(struct sample, invoice_no));
    add_own_texts(stage, params, offsetof(struct sample, payment_url));
}

static void bind_bills(struct stage *stage, struct params *params)
{
    add_ids(stage, params);
}

static void bind_payments(struct stage *stage, struct params *params)
{
    add_ids(stage, params);
    add_texts(stage, params, TEXT("SUCCEEDED"));
    add_ints(stage, params, COLUMN_INT64, 125000);
    add_texts(stage, params, TEXT("IDR"));
    add_own_texts(stage, params, offsetof(struct sample, invoice_no));
    add_own_texts(stage, params, offsetof(struct sample, payment_id));
    add_texts(stage, params, TEXT_NONE);
}

static void bind_paid(struct stage *stage, struct params *params)
{
    add_ids(stage, params);
    params_column(params, COLUMN_UUID);
    add_count(stage, params);
}

static void bind_closed(struct stage *stage, struct params *params)
{
    add_ids(stage, params);
    params_column(params, COLUMN_UUID);
    params_time(params, clock_now_us());
    add_count(stage, params);
}

static void bind_sold(struct stage *stage, struct params *params)
{
    struct column *ids = params_column(params, COLUMN_INT64);

    for (size_t i = 0; i < stage->count; i++)
        column_int(ids, seat_id_of(&stage->samples[i]));
    params_column(params, COLUMN_UUID);
    add_ids(stage, params);
    add_count(stage, params);
}

/* ---- the event log: all five events of each booking of the batch ---- */

static struct text payload_of(struct json *json, const struct fact *event)
{
    json_begin_object(json);
    for (size_t i = 2; i < event->word_count; i += 2) { /* the event_id, which stands first, has its own column */
        json_key_text(json, event->words[i]);
        json_text(json, event->words[i + 1]);
    }
    json_end_object(json);
    return json_take(json);
}

/* As `record` does it: by topic, and within a topic by event_id. */
static void bind_events(struct stage *stage, struct params *params)
{
    struct column *topics = params_column(params, COLUMN_TEXT), *ids = params_column(params, COLUMN_TEXT),
                  *times = params_column(params, COLUMN_TIME), *sources = params_column(params, COLUMN_TEXT),
                  *payloads = params_column(params, COLUMN_TEXT), *streams = params_column(params, COLUMN_INT16),
                  *ms = params_column(params, COLUMN_INT64), *seqs = params_column(params, COLUMN_INT64);
    struct json json = json_in(stage->arena);

    for (size_t s = 0; s < SAMPLE_STREAMS; s++)
        for (size_t i = 0; i < stage->count; i++) {
            const struct fact *event = sample_event(stage->arena, &stage->samples[i], sample_streams[s]);

            column_text(topics, stream_key(event->stream));
            column_text(ids, event->words[1]);
            column_time(times, stage->samples[i].entry_ms * 1000);
            column_text(sources, TEXT("settle"));
            column_text(payloads, payload_of(&json, event));
            column_int(streams, event->stream);
            column_int(ms, stage->samples[i].entry_ms);
            column_int(seqs, stage->samples[i].number);
        }
}

static void bind_counters(struct stage *stage, struct params *params)
{
    struct column *topics, *counts;

    params_int16(params, 1);
    topics = params_column(params, COLUMN_TEXT);
    counts = params_column(params, COLUMN_INT64);
    for (size_t s = 0; s < SAMPLE_STREAMS; s++) {
        column_text(topics, stream_key(sample_streams[s]));
        column_int(counts, (int64_t)stage->count);
    }
}

/* ---- the stages ---- */

static struct stage stages[] = {
    {.writes = {{SQL(hold_bookings), bind_bookings}, {SQL(hold_take), bind_taken}}},
    {.writes = {{SQL(invoice_store), bind_invoices}}},
    {.writes = {{SQL(bill_store), bind_bills}}},
    {.writes = {{SQL(charge_payments), bind_payments}, {SQL(charge_invoices), bind_paid}}},
    {.writes = {{SQL(settle_close), bind_closed}, {SQL(settle_seats), bind_sold}}},
    {.writes = {{SQL(record_new), bind_events}, {SQL(record_count), bind_counters}}},
};
#define STAGES (sizeof stages / sizeof *stages)

static void advance(void);

static void on_written(struct store *store, const struct store_failure *failure, void *context)
{
    struct stage *stage = context;

    (void)store;
    if (failure)
        log_fatal(EXIT_TEMPORARY, "a batch could not be written", failure->message);
    stage->done += (int64_t)stage->count;
    stage->is_busy = false;
    advance();
}

static void write_batch(struct stage *stage)
{
    const int64_t left = floor_run.bookings - stage->done;

    arena_reset(stage->arena);
    stage->is_busy = true;
    stage->count = (size_t)(left < floor_run.batch ? left : floor_run.batch);
    stage->samples = ARENA_ARRAY(stage->arena, struct sample, stage->count);
    for (size_t i = 0; i < stage->count; i++) /* a fixed time within the batch, so that all stages make the same ids */
        stage->samples[i] = sample_make(stage->arena, floor_run.show, stage->done + (int64_t)i + 1,
                                        1800000000000 + stage->done / floor_run.batch);
    store_begin(stage->store);
    for (size_t i = 0; stage->writes[i].statement; i++) {
        struct params *params = params_new(stage->arena);

        stage->writes[i].bind(stage, params);
        store_send(stage->store, stage->writes[i].statement, params, NULL, NULL);
    }
    store_commit(stage->store);
    store_sync(stage->store, on_written, stage);
}

static void advance(void)
{
    if (floor_run.waiting > 0 || !floor_run.places)
        return;
    if (!floor_run.begun_us)
        floor_run.begun_us = clock_monotonic_us();
    for (size_t i = 0; i < STAGES; i++)
        if (!stages[i].is_busy && stages[i].done < (i == 0 ? floor_run.bookings : stages[i - 1].done))
            write_batch(&stages[i]);
    if (stages[STAGES - 1].done == floor_run.bookings)
        event_base_loopexit(floor_run.loop->base, NULL);
}

/* Where the seats are is known before the clock starts. */
static const struct statement seats_statement = {
    "floor_seats", "SELECT seat_id, ctid FROM ticketing.seats WHERE show_id = $1::text ORDER BY position"};

static void take_seats(const struct rows *rows, void *context)
{
    (void)context;
    floor_run.seat_ids = calloc(rows_count(rows) + 1, sizeof *floor_run.seat_ids);
    floor_run.places = calloc(rows_count(rows) + 1, sizeof *floor_run.places);
    if (!floor_run.seat_ids || !floor_run.places || (int64_t)rows_count(rows) < floor_run.bookings)
        log_fatal(EXIT_CONFIGURATION, "the show has too few seats", NULL);
    for (size_t row = 0; row < rows_count(rows); row++) {
        floor_run.seat_ids[row] = rows_int(rows, row, 0);
        floor_run.places[row] = rows_place(rows, row, 1);
    }
}

static void on_seats(struct store *store, const struct store_failure *failure, void *context)
{
    (void)store;
    (void)context;
    if (failure)
        log_fatal(EXIT_TEMPORARY, "the seats could not be read", failure->message);
    advance();
}

static void on_state(struct store *store, bool is_up, void *context)
{
    const struct stage *stage = context;

    if (!is_up)
        log_fatal(EXIT_TEMPORARY, "PostgreSQL is away", store_last_error(store));
    floor_run.waiting--;
    if (stage == stages) {
        struct params *params = params_new(stage->arena);

        params_text(params, floor_run.show);
        store_send(store, &seats_statement, params, take_seats, NULL);
        store_sync(store, on_seats, NULL);
    }
    advance();
}

static void open_stage(struct stage *stage, const char *url)
{
    size_t count = 0;

    for (; stage->writes[count].statement; count++)
        stage->statements[count] = stage->writes[count].statement;
    if (stage == stages)
        stage->statements[count] = &seats_statement;
    stage->arena = arena_new();
    floor_run.waiting++;
    stage->store = store_open(
        floor_run.loop,
        &(struct store_options){
            .url = url, .name = "floor", .statements = stage->statements, .on_state = on_state, .context = stage});
}

int main(int argc, char **argv)
{
    log_open("floor-sql", LOG_WARN);
    if (argc != 5 || !text_to_int64(text_of(argv[3]), 1, 10000000, &floor_run.bookings) ||
        !text_to_int64(text_of(argv[4]), 1, 2000, &floor_run.batch))
        log_fatal(EXIT_CONFIGURATION, "usage: floor-sql URL SHOW BOOKINGS BATCH", NULL);
    floor_run.show = text_of(argv[2]);
    floor_run.loop = loop_new();
    for (size_t i = 0; i < STAGES; i++)
        open_stage(&stages[i], argv[1]);
    event_base_dispatch(floor_run.loop->base);
    printf("{\"seconds\": %.6f}\n", (double)(clock_monotonic_us() - floor_run.begun_us) / 1e6);
    return 0;
}
