/* GET /stats: the whole system in one answer.
 *
 * The idea to hold in mind: the answer is made at most once a second, however many ask, and more seldom when making it
 * takes long. Who asks while it is being made waits for it; who asks soon after gets the same. */
#include "aggregator/percentile.h"
#include "aggregator/stats.sql.h"
#include "aggregator/throughput.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/backlog.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/request.h"

#define KEPT_US     1000000 /* counting bookings reads them all: not oftener than this, */
#define KEPT_TIMES  10      /* nor for more than a tenth of the time, */
#define KEPT_US_MAX 5000000 /* but no answer is older than this */
#define SAMPLE_MS   1000

struct latencies {
    const char *name;
    int64_t counts[LATENCY_BUCKETS];
};

/* What PostgreSQL says; sections are written as the rows come. */
struct numbers {
    int64_t unique, duplicate, rejected, redelivered, dead_letters;
    struct text topics, bookings, payments; /* JSON objects */
    struct latencies latencies[2];
};

struct waiting {
    struct waiting *next;
    struct request *request;
};

static struct {
    struct sources *sources;
    int64_t started_us;
    struct loop_timer *sampler;
    struct throughput throughput;
    struct arena *arena; /* of the answer that is being made, or was made last */
    struct text answer;  /* ptr NULL: none yet */
    int64_t asked_us;
    int64_t kept_until_us;
    struct waiting *waiting; /* not NULL: one is being made */
    struct numbers numbers;
    bool has_numbers, has_failed;
    struct store_failure failure;
    const struct backlog *backlog; /* NULL: to come */
} state;

/* ---- the answer ---- */

static void write_latencies(struct json *json)
{
    static const struct {
        const char *key;
        double share;
    } wanted[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};

    json_key(json, "latency_ms");
    json_begin_object(json);
    for (size_t i = 0; i < sizeof state.numbers.latencies / sizeof *state.numbers.latencies; i++) {
        const struct latencies *latencies = &state.numbers.latencies[i];

        json_key(json, latencies->name);
        json_begin_object(json);
        for (size_t p = 0; p < sizeof wanted / sizeof *wanted; p++) {
            json_key(json, wanted[p].key);
            json_fixed(json, percentile_ms(latencies->counts, wanted[p].share), 3);
        }
        json_end_object(json);
    }
    json_end_object(json);
}

static void write_group(struct json *json, const struct backlog_group *group)
{
    json_key_text(json, group->name);
    json_begin_object(json);
    view_int(json, "lag", group->lag);
    view_int(json, "pending", group->pending);
    view_int(json, "oldest_unread_ms", group->oldest_unread_ms);
    view_int(json, "oldest_pending_ms", group->oldest_pending_ms);
    view_int(json, "consumers", group->consumers);
    json_end_object(json);
}

/* Empty when Redis could not be asked. */
static void write_streams(struct json *json, const struct backlog *backlog)
{
    json_key(json, "streams");
    json_begin_object(json);
    for (int stream = 0; stream < STREAM_COUNT && backlog->is_known; stream++) {
        json_key_text(json, stream_key((enum stream)stream));
        json_begin_object(json);
        view_int(json, "length", backlog->streams[stream].length);
        json_key(json, "groups");
        json_begin_object(json);
        for (size_t i = 0; i < backlog->streams[stream].group_count; i++)
            write_group(json, &backlog->streams[stream].groups[i]);
        json_end_object(json);
        json_end_object(json);
    }
    json_end_object(json);
}

static void write_fixed(struct json *json, const char *key, double number, int decimals)
{
    json_key(json, key);
    json_fixed(json, number, decimals);
}

static void write_object(struct json *json, const char *key, struct text object)
{
    json_key(json, key);
    json_raw(json, object);
}

static struct text write_answer(const struct numbers *numbers, const struct backlog *backlog)
{
    struct json json = json_in(state.arena);
    const int64_t received = numbers->unique + numbers->duplicate + numbers->rejected;

    json_begin_object(&json);
    view_int(&json, "received", received);
    view_int(&json, "unique_processed", numbers->unique);
    view_int(&json, "duplicate_dropped", numbers->duplicate);
    view_int(&json, "rejected", numbers->rejected);
    view_int(&json, "redelivered", numbers->redelivered);
    write_object(&json, "topics", numbers->topics);
    write_fixed(&json, "uptime_seconds", (double)(clock_monotonic_us() - state.started_us) / 1e6, 3);
    json_key(&json, "throughput");
    json_begin_object(&json);
    write_fixed(&json, "events_per_second_10s", throughput_per_second(&state.throughput), 2);
    json_end_object(&json);
    write_fixed(&json, "duplicate_rate", received ? (double)numbers->duplicate / (double)received : 0, 4);
    write_latencies(&json);
    write_streams(&json, backlog);
    view_int(&json, "dead_letters", numbers->dead_letters);
    write_object(&json, "bookings", numbers->bookings);
    write_object(&json, "payments", numbers->payments);
    write_object(&json, "organizer", TEXT("{\"asked\":0,\"refused\":0}"));
    write_object(&json, "deliveries", TEXT("{\"owed\":0,\"delivered\":0,\"given_up\":0}"));
    json_end_object(&json);
    return json_take(&json);
}

static void answer_with(struct request *request, struct text answer)
{
    struct json json = json_in(request->arena);

    json_raw(&json, answer);
    answer_json(request, 200, &json);
}

/* With millions of bookings the counting takes a second, and everybody who books pays for it. */
static void keep_answer(void)
{
    const int64_t now_us = clock_monotonic_us(), kept_us = (now_us - state.asked_us) * KEPT_TIMES;

    state.kept_until_us = now_us + (kept_us < KEPT_US ? KEPT_US : kept_us > KEPT_US_MAX ? KEPT_US_MAX : kept_us);
}

/* Both sides have answered: so can we. */
static void finish_when_complete(void)
{
    struct waiting *waiting = state.waiting;

    if (!state.has_numbers || !state.backlog)
        return;
    state.answer = TEXT_NONE;
    if (!state.has_failed) {
        state.answer = write_answer(&state.numbers, state.backlog);
        keep_answer();
    }
    state.waiting = NULL;
    while (waiting) {
        struct waiting *next = waiting->next; /* in the request's arena, which goes with the answer */

        if (state.has_failed)
            answer_store_failure(waiting->request, &state.failure);
        else
            answer_with(waiting->request, state.answer);
        waiting = next;
    }
}

/* ---- asking ---- */

/* {"first column":second column} */
static struct text object_of_rows(const struct rows *rows)
{
    struct json json = json_in(state.arena);

    json_begin_object(&json);
    for (size_t row = 0; row < rows_count(rows); row++) {
        json_key_text(&json, rows_text(rows, row, 0));
        json_int(&json, rows_int(rows, row, 1));
    }
    json_end_object(&json);
    return json_take(&json);
}

static void on_counters(const struct rows *rows, void *context)
{
    struct numbers *numbers = context;

    numbers->topics = object_of_rows(rows);
    for (size_t row = 0; row < rows_count(rows); row++) {
        numbers->unique += rows_int(rows, row, 1);
        numbers->duplicate += rows_int(rows, row, 2);
        numbers->rejected += rows_int(rows, row, 3);
        numbers->redelivered += rows_int(rows, row, 4);
    }
}

static void on_latencies(const struct rows *rows, void *context)
{
    struct numbers *numbers = context;

    for (size_t row = 0; row < rows_count(rows); row++)
        for (size_t i = 0; i < sizeof numbers->latencies / sizeof *numbers->latencies; i++) {
            const int64_t bucket = rows_int(rows, row, 1);

            if (text_is(rows_text(rows, row, 0), numbers->latencies[i].name) && bucket >= 0 && bucket < LATENCY_BUCKETS)
                numbers->latencies[i].counts[bucket] += rows_int(rows, row, 2);
        }
}

static void on_bookings(const struct rows *rows, void *context)
{
    ((struct numbers *)context)->bookings = object_of_rows(rows);
}

static void on_payments(const struct rows *rows, void *context)
{
    ((struct numbers *)context)->payments = object_of_rows(rows);
}

static void on_dead_letters(const struct rows *rows, void *context)
{
    ((struct numbers *)context)->dead_letters = rows_int(rows, 0, 0);
}

static void on_numbers(struct store *store, const struct store_failure *failure, void *context)
{
    (void)store;
    (void)context;
    state.has_numbers = true;
    if (failure) {
        state.has_failed = true;
        state.failure = *failure;
    }
    finish_when_complete();
}

static void on_backlog(const struct backlog *backlog, void *context)
{
    (void)context;
    state.backlog = backlog;
    finish_when_complete();
}

static void ask(void)
{
    struct store *store = state.sources->store;

    arena_reset(state.arena);
    state.asked_us = clock_monotonic_us();
    state.answer = TEXT_NONE;
    state.numbers = (struct numbers){.latencies = {{.name = "sent_to_processed"}, {.name = "request_to_closed"}}};
    state.has_numbers = state.has_failed = false;
    state.backlog = NULL;
    store_send(store, SQL(stats_counters), NULL, on_counters, &state.numbers);
    store_send(store, SQL(stats_latencies), NULL, on_latencies, &state.numbers);
    store_send(store, SQL(stats_bookings), NULL, on_bookings, &state.numbers);
    store_send(store, SQL(stats_payments), NULL, on_payments, &state.numbers);
    store_send(store, SQL(stats_dead_letters), NULL, on_dead_letters, &state.numbers);
    store_sync(store, on_numbers, NULL);
    backlog_collect(state.sources->redis, state.arena, BACKLOG_ALL, on_backlog, NULL);
}

static void show_stats(struct request *request, void *context)
{
    const bool is_being_made = state.waiting != NULL;
    struct waiting *waiting;

    (void)context;
    if (!is_being_made && state.answer.ptr && clock_monotonic_us() < state.kept_until_us) {
        answer_with(request, state.answer);
        return;
    }
    if (!is_being_made && !store_is_up(state.sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    waiting = ARENA_NEW(request->arena, struct waiting);
    *waiting = (struct waiting){state.waiting, request};
    state.waiting = waiting;
    if (!is_being_made)
        ask();
}

/* ---- throughput ---- */

static void on_received(const struct rows *rows, void *context)
{
    (void)context;
    throughput_add(&state.throughput, clock_monotonic_us(), rows_int(rows, 0, 0));
}

static void sample(void *context)
{
    (void)context;
    loop_timer_set(state.sampler, SAMPLE_MS);
    if (!store_is_up(state.sources->store))
        return;
    store_send(state.sources->store, SQL(stats_received), NULL, on_received, NULL);
    store_sync(state.sources->store, NULL, NULL);
}

static void start(struct sources *sources)
{
    state.sources = sources;
    state.started_us = clock_monotonic_us();
    state.arena = arena_new();
    state.sampler = loop_timer_new(sources->loop, sample, NULL);
    sample(NULL);
}

static void stop(void)
{
    loop_timer_free(state.sampler);
    arena_free(state.arena);
}

static const struct route routes[] = {
    {"GET", "/stats", ANYONE, show_stats},
    {0},
};

static const struct statement *const statements[] = {
    SQL(stats_counters),
    SQL(stats_received),
    SQL(stats_latencies),
    SQL(stats_bookings),
    SQL(stats_payments),
    SQL(stats_dead_letters),
    NULL,
};

const struct view stats = {.routes = routes, .statements = statements, .start = start, .stop = stop};
