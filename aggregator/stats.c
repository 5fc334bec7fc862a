/* GET /stats: the whole system in one answer.
 *
 * The idea to hold in mind: while somebody looks, the answer is made once a second, and whoever asks gets the last one
 * at once. Who comes first, or after a pause, waits for a new one. */
#include "aggregator/stats.h"

#include "aggregator/percentile.h"
#include "aggregator/stats.sql.h"
#include "aggregator/tally.h"
#include "aggregator/throughput.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/backlog.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/request.h"

struct latencies {
    const char *name;
    int64_t counts[LATENCY_BUCKETS];
};

/* What PostgreSQL says; sections are written as the rows come. */
struct numbers {
    int64_t unique, duplicate, conflicts, rejected, redelivered, dead_letters;
    struct text topics; /* a JSON object */
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
    struct arena *arenas[2]; /* of the last answer, and of the one that is being made */
    int newest;
    struct text answer; /* ptr NULL: none */
    int64_t made_us, asked_us;
    struct waiting *waiting; /* for the one that is being made */
    bool is_being_made;
    struct numbers numbers;
    const struct tally *tally;
    bool has_numbers, has_tally, has_failed;
    struct store_failure failure;  /* sqlstate "": the store is away */
    const struct backlog *backlog; /* NULL: to come */
    void (*tell)(struct text numbers);
    bool (*is_wanted)(void); /* NULL: nobody listens */
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

static struct arena *making(void)
{
    return state.arenas[!state.newest];
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

static int64_t received_of(const struct numbers *numbers)
{
    return numbers->unique + numbers->duplicate + numbers->rejected;
}

static double per_second(int64_t received)
{
    if (!state.throughput.count) /* what comes after the first answer counts, also within its second */
        throughput_add(&state.throughput, clock_monotonic_us(), received);
    return throughput_per_second(&state.throughput, clock_monotonic_us(), received);
}

static struct text write_answer(const struct numbers *numbers, const struct backlog *backlog, const struct tally *tally)
{
    struct json json = json_in(making());
    const int64_t received = received_of(numbers);

    json_begin_object(&json);
    view_int(&json, "received", received);
    view_int(&json, "unique_processed", numbers->unique);
    view_int(&json, "duplicate_dropped", numbers->duplicate);
    view_int(&json, "conflicts", numbers->conflicts);
    view_int(&json, "rejected", numbers->rejected);
    view_int(&json, "redelivered", numbers->redelivered);
    write_object(&json, "topics", numbers->topics);
    write_fixed(&json, "uptime_seconds", (double)(clock_monotonic_us() - state.started_us) / 1e6, 3);
    json_key(&json, "throughput");
    json_begin_object(&json);
    write_fixed(&json, "events_per_second_10s", per_second(received), 2);
    json_end_object(&json);
    write_fixed(&json, "duplicate_rate", received ? (double)numbers->duplicate / (double)received : 0, 4);
    write_latencies(&json);
    write_streams(&json, backlog);
    view_int(&json, "dead_letters", numbers->dead_letters);
    write_object(&json, "bookings", tally->bookings);
    write_object(&json, "payments", tally->payments);
    json_key(&json, "bookings_counted_at");
    json_time(&json, tally->counted_at_us);
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

static void answer_waiting(void)
{
    struct waiting *waiting = state.waiting;

    state.waiting = NULL;
    while (waiting) {
        struct waiting *next = waiting->next; /* in the request's arena, which goes with the answer */

        if (state.has_failed)
            answer_store_failure(waiting->request, state.failure.sqlstate[0] ? &state.failure : NULL);
        else
            answer_with(waiting->request, state.answer);
        waiting = next;
    }
}

static void tell_numbers(void)
{
    const struct numbers *numbers = &state.numbers;
    struct json json = json_in(making());

    json_begin_object(&json);
    view_int(&json, "received", received_of(numbers));
    view_int(&json, "unique_processed", numbers->unique);
    view_int(&json, "duplicate_dropped", numbers->duplicate);
    view_int(&json, "rejected", numbers->rejected);
    view_int(&json, "dead_letters", numbers->dead_letters);
    json_key(&json, "events_per_second_10s");
    json_fixed(&json, per_second(received_of(numbers)), 2);
    write_object(&json, "bookings", state.tally->bookings);
    write_object(&json, "payments", state.tally->payments);
    json_end_object(&json);
    state.tell(json_take(&json));
}

/* All three have answered: so can we. */
static void finish_when_complete(void)
{
    if (!state.has_numbers || !state.has_tally || !state.backlog)
        return;
    state.is_being_made = false;
    if (!state.has_failed) {
        if (state.is_wanted && state.is_wanted())
            tell_numbers();
        state.answer = write_answer(&state.numbers, state.backlog, state.tally);
        state.newest = !state.newest;
        state.made_us = clock_monotonic_us();
    }
    answer_waiting();
}

/* ---- asking ---- */

/* {"first column":second column}. A topic of which every event was refused is none. */
static struct text object_of_rows(const struct rows *rows)
{
    struct json json = json_in(making());

    json_begin_object(&json);
    for (size_t row = 0; row < rows_count(rows); row++) {
        if (rows_int(rows, row, 1) == 0)
            continue;
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
        numbers->conflicts += rows_int(rows, row, 5);
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

static void on_dead_letters(const struct rows *rows, void *context)
{
    ((struct numbers *)context)->dead_letters = rows_int(rows, 0, 0);
}

static void fail(const struct store_failure *failure)
{
    state.has_failed = true;
    state.failure = failure ? *failure : (struct store_failure){0};
}

static void on_numbers(struct store *store, const struct store_failure *failure, void *context)
{
    (void)store;
    (void)context;
    state.has_numbers = true;
    if (failure)
        fail(failure);
    finish_when_complete();
}

static void on_tally(const struct tally *tally, const struct store_failure *failure, void *context)
{
    (void)context;
    state.has_tally = true;
    state.tally = tally;
    if (!tally)
        fail(failure);
    finish_when_complete();
}

static void on_backlog(const struct backlog *backlog, void *context)
{
    (void)context;
    state.backlog = backlog;
    finish_when_complete();
}

static void make(void)
{
    struct store *store = state.sources->store;

    state.is_being_made = true;
    arena_reset(making());
    state.numbers = (struct numbers){.latencies = {{.name = "sent_to_processed"}, {.name = "request_to_closed"}}};
    state.has_numbers = state.has_tally = state.has_failed = false;
    state.backlog = NULL;
    tally_ask(on_tally, NULL); /* first: what else is said is not older than bookings_counted_at */
    store_send(store, SQL(stats_counters), NULL, on_counters, &state.numbers);
    store_send(store, SQL(stats_latencies), NULL, on_latencies, &state.numbers);
    store_send(store, SQL(stats_dead_letters), NULL, on_dead_letters, &state.numbers);
    store_sync(store, on_numbers, NULL);
    backlog_collect(state.sources->redis, making(), BACKLOG_ALL, on_backlog, NULL);
}

static void show_stats(struct request *request, void *context)
{
    const int64_t now_us = clock_monotonic_us();
    struct waiting *waiting;

    (void)context;
    state.asked_us = now_us;
    if (state.answer.ptr && now_us < state.made_us + STATS_KEPT_US) {
        answer_with(request, state.answer);
        return;
    }
    if (!state.is_being_made && !store_is_up(state.sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    waiting = ARENA_NEW(request->arena, struct waiting);
    *waiting = (struct waiting){state.waiting, request};
    state.waiting = waiting;
    if (!state.is_being_made)
        make();
}

/* ---- throughput ---- */

static void on_received(const struct rows *rows, void *context)
{
    (void)context;
    throughput_add(&state.throughput, clock_monotonic_us(), rows_int(rows, 0, 0));
}

/* Once a second, and as soon as there is a store: what came before the first sample counts in no throughput. */
static void sample(void *context)
{
    const bool is_watched = (state.asked_us && clock_monotonic_us() < state.asked_us + STATS_WATCHED_US) ||
                            (state.is_wanted && state.is_wanted());

    (void)context;
    if (!store_is_up(state.sources->store)) {
        loop_timer_set(state.sampler, state.throughput.count ? STATS_EVERY_MS : STATS_FIRST_MS);
        return;
    }
    loop_timer_set(state.sampler, STATS_EVERY_MS);
    store_send(state.sources->store, SQL(stats_received), NULL, on_received, NULL);
    store_sync(state.sources->store, NULL, NULL);
    if (is_watched && !state.is_being_made)
        make();
}

void stats_tell(void (*tell)(struct text numbers), bool (*is_wanted)(void))
{
    state.tell = tell;
    state.is_wanted = is_wanted;
}

static void start(struct sources *sources)
{
    state.sources = sources;
    state.started_us = clock_monotonic_us();
    state.arenas[0] = arena_new();
    state.arenas[1] = arena_new();
    state.sampler = loop_timer_new(sources->loop, sample, NULL);
    sample(NULL);
    tally_start(sources->loop);
}

static void stop(void)
{
    tally_stop();
    loop_timer_free(state.sampler);
    arena_free(state.arenas[0]);
    arena_free(state.arenas[1]);
}

static const struct route routes[] = {
    {"GET", "/stats", ANYONE, show_stats},
    {0},
};

static const struct statement *const statements[] = {
    SQL(stats_counters), SQL(stats_received), SQL(stats_latencies), SQL(stats_dead_letters), NULL,
};

const struct view stats = {.routes = routes, .statements = statements, .start = start, .stop = stop};
