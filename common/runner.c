/* One step's life in a process: read, load, decide, store, say and acknowledge, again.
 *
 * The idea to hold in mind: an entry is ours from the moment Redis gives it to us until the emit script has
 * acknowledged it. In between it is in exactly one list of the inbox. Whatever fails puts it back into todo; nothing is
 * ever dropped, and if this process dies, it is still pending in Redis. */
#include "common/runner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/now.sql.h"

const struct statement *const now_statement = SQL(store_now);

static void emit(struct runner *runner);

void runner_advance_later(struct runner *runner, int64_t delay_ms)
{
    loop_timer_set(runner->again, runner->worker->is_draining ? 0 : delay_ms);
}

void runner_back_off(struct runner *runner)
{
    /* Who leaves does not wait for Redis to come back: what is stored and not said is pending, and said by the next. */
    if (runner->worker->is_draining && runner->state == RUNNER_EMITTING)
        runner_put_back(runner);
    runner_advance_later(runner, 1 + jitter_ms(RECONNECT_MS_BASE, RECONNECT_MS_CAP, runner->failures++));
}

/* ---- a batch ---- */

static struct arena *batch_arena(struct runner *runner)
{
    if (!runner->arena)
        runner->arena = arena_new();
    return runner->arena;
}

static size_t batch_most(const struct runner *runner)
{
    return (size_t)config()->batch * (runner->step->batch_factor ? runner->step->batch_factor : 1);
}

static size_t batch_limit(const struct runner *runner)
{
    const bool is_limited = runner->step->is_ordered && config()->exact_order;

    return is_limited && runner->turn_count < runner->batch_limit ? runner->turn_count : runner->batch_limit;
}

void runner_put_back(struct runner *runner)
{
    inbox_put_back(&runner->inbox);
    runner->turn_count = 0;
    runner->batch = NULL;
    runner->state = RUNNER_IDLE;
    arena_reset(runner->arena);
}

/* The store will never take this batch: half of it next time, and when one entry stands alone, that is the culprit. */
static void single_out(struct runner *runner, const struct store_failure *failure)
{
    struct batch *batch = runner->batch;

    if (batch->count > 1) {
        runner->batch_limit = batch->count / 2;
        runner_put_back(runner);
        runner_advance(runner);
        return;
    }
    batch->said = NULL;
    batch->outcomes[0] = (struct outcome){REJECT, "refused_by_store",
                                          text_format(batch->arena, "%s %s", failure->sqlstate, failure->message)};
    emit_prepare(runner);
    emit(runner);
}

static void on_batch_failed(struct runner *runner, const struct store_failure *failure)
{
    if (store_is_up(runner->store) && failure->result != STORE_LOST) {
        store_rollback(runner->store);
        store_sync(runner->store, NULL, NULL);
    }
    switch (failure->result) {
    case STORE_BAD_DATA:
        single_out(runner, failure);
        return;
    case STORE_CONFLICT:
        metrics_count(runner->metrics.conflicts, 1);
        runner->conflicts++;
        log_debug("conflict", LOG_STRING("step", runner->step->name), LOG_STRING("why", failure->message));
        if (runner->conflicts > 4)
            runner->batch_limit = runner->batch->count / 2 + 1;
        runner_put_back(runner);
        runner_advance_later(runner, runner->conflicts < 3 ? 0 : jitter_ms(5, 1000, runner->conflicts));
        return;
    case STORE_BROKEN:
        log_error("the store refuses our statement", LOG_STRING("step", runner->step->name),
                  LOG_STRING("sqlstate", failure->sqlstate), LOG_STRING("why", failure->message));
        break;
    default:
        log_warn("batch put back", LOG_STRING("step", runner->step->name), LOG_STRING("sqlstate", failure->sqlstate),
                 LOG_STRING("why", failure->message));
    }
    runner_put_back(runner);
    runner_back_off(runner);
}

static void on_stored(struct store *store, const struct store_failure *failure, void *context)
{
    struct runner *runner = context;

    (void)store;
    if (failure) {
        on_batch_failed(runner, failure);
        return;
    }
    runner->conflicts = runner->failures = 0;
    metrics_observe(runner->metrics.commit_seconds, (double)(clock_monotonic_us() - runner->begun_us) / 1e6);
    runner->batch_limit *= 2;
    if (runner->batch_limit > batch_most(runner))
        runner->batch_limit = batch_most(runner);
    emit_prepare(runner);
    emit(runner);
}

/* Too often retried: somebody must look at it. */
static void give_up_on_old(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct outcome *outcome = &batch->outcomes[i];

        assert(outcome->kind != UNDECIDED);
        if (outcome->kind == RETRY && batch->entries[i]->attempts + 1 >= (unsigned)config()->max_deliveries)
            *outcome = (struct outcome){REJECT, "gave_up", text_of(outcome->what)};
    }
}

struct taken { /* which statement's rows are coming */
    struct runner *runner;
    const struct query *query;
};

static void on_rows(const struct rows *rows, void *context)
{
    const struct taken *taken = context;

    taken->query->take(taken->runner->batch, rows);
}

static void on_now(const struct rows *rows, void *context)
{
    struct runner *runner = context;

    runner->batch->now_us = rows_time(rows, 0, 0);
}

/* False if there was nothing to send. */
static bool send_queries(struct runner *runner, const struct query *queries)
{
    struct batch *batch = runner->batch;
    bool is_sent = false;

    for (size_t i = 0; i < STEP_QUERIES_MAX && queries[i].statement; i++) {
        struct params *params = params_new(batch->arena);
        struct taken *taken = ARENA_NEW(batch->arena, struct taken);

        *taken = (struct taken){runner, &queries[i]};
        if (!queries[i].bind(batch, params))
            continue;
        store_send(runner->store, queries[i].statement, params, queries[i].take ? on_rows : NULL, taken);
        is_sent = true;
    }
    return is_sent;
}

static void store_batch(struct runner *runner)
{
    runner->state = RUNNER_STORING;
    runner->step->decide(runner->batch);
    give_up_on_old(runner->batch);
    send_queries(runner, runner->step->stores);
    store_commit(runner->store);
    store_sync(runner->store, on_stored, runner);
}

static void on_loaded(struct store *store, const struct store_failure *failure, void *context)
{
    struct runner *runner = context;

    (void)store;
    if (failure)
        on_batch_failed(runner, failure);
    else
        store_batch(runner);
}

/* The next read, while the store works: what it brings waits in todo. Only behind a full batch, for small ones are read
 * seldom on purpose (linger); and not while history is to be read, which would show what is under way. */
static void read_ahead(struct runner *runner)
{
    const struct inbox *inbox = &runner->inbox;

    if (runner->step->reads_ahead && inbox->under_way.count >= (size_t)config()->batch && inbox->todo.count == 0 &&
        !runner->has_history)
        reader_read(runner);
}

static void load_batch(struct runner *runner)
{
    const struct entries *picked = &runner->inbox.under_way;

    runner->batch = batch_new(batch_arena(runner), runner->step, picked->list, picked->count, clock_now_us());
    runner->batch->conflicts = runner->conflicts;
    batch_begin(runner->batch);
    runner->begun_us = clock_monotonic_us();
    metrics_observe(runner->metrics.batch_entries, (double)picked->count);
    store_begin(runner->store);
    if (runner->step->is_timed)
        store_send(runner->store, now_statement, NULL, on_now, runner);
    if (send_queries(runner, runner->step->loads) || runner->step->is_timed) {
        runner->state = RUNNER_LOADING;
        store_sync(runner->store, on_loaded, runner);
    } else {
        store_batch(runner); /* nothing to look at: everything in one round trip */
    }
    read_ahead(runner);
}

static void start_batch(struct runner *runner)
{
    inbox_pick(&runner->inbox, batch_limit(runner), runner->step->key >= 0);
    runner->turn_count = 0;
    if (is_suspect(runner->inbox.under_way.list[0]))
        suspect_try(runner, load_batch);
    else
        load_batch(runner);
}

/* ---- saying and acknowledging ---- */

static void log_outcomes(const struct runner *runner)
{
    const struct batch *batch = runner->batch;
    const struct text step = text_of(runner->step->name);

    for (size_t i = 0; batch && i < batch->count; i++) {
        const struct entry *entry = batch->entries[i];
        const struct outcome *outcome = &batch->outcomes[i];
        char key[UUID_TEXT_BYTES];
        struct text booking = TEXT_NONE;

        if (!uuid_is_nil(entry->key)) {
            uuid_write(entry->key, key);
            booking = (struct text){key, sizeof key};
        }
        if (outcome->kind == DONE && outcome->what)
            log_info(outcome->what, LOG_TEXT("step", step), LOG_TEXT("booking", booking),
                     LOG_TEXT("entry", entry->id_text), LOG_TEXT("detail", outcome->detail));
        if (outcome->kind != DONE)
            log_warn(outcome->kind == REJECT ? "dead letter" : "postponed", LOG_TEXT("step", step),
                     LOG_TEXT("booking", booking), LOG_TEXT("entry", entry->id_text),
                     LOG_STRING("reason", outcome->what), LOG_TEXT("detail", outcome->detail));
    }
    for (size_t i = 0; i < runner->inbox.refused_emitted; i++)
        log_warn("dead letter", LOG_TEXT("step", step), LOG_TEXT("entry", runner->inbox.refused.list[i]->id_text),
                 LOG_STRING("reason", runner->inbox.refused.list[i]->refusal.reason),
                 LOG_TEXT("detail", runner->inbox.refused.list[i]->refusal.detail));
}

static void postpone(struct runner *runner, const struct entry *entry)
{
    const int64_t delay_ms = 1 + jitter_ms(RETRY_MS_BASE, RETRY_MS_CAP, entry->attempts);

    inbox_postpone(&runner->inbox, entry, clock_monotonic_us() + delay_ms * 1000);
    metrics_count(runner->metrics.postponed, 1);
}

/* A dead entry's booking is not driven on: what killed once would kill again. Dying before this is said costs one more
 * dead letter. Its key is read from the text, for nobody may have looked at the entry. A request is another matter: the
 * booking of its id, if there is one, may be somebody else's, and nothing that is said again is a request. */
static void note_dead(struct runner *runner, const struct entry *entry)
{
    struct uuid booking;
    char seconds[24];
    struct text words[5] = {TEXT("SET"), TEXT_NONE, TEXT("1"), TEXT("EX"), log_number(BOOKING_DEAD_S, seconds)};

    if (entry->stream == BOOKING_REQUESTED || !uuid_parse(entry_field(entry, "booking_id"), &booking))
        return;
    words[1] = stream_dead_key(runner->arena, booking);
    redis_send(runner->worker->commands, NULL, NULL, 5, words);
}

static void finish_batch(struct runner *runner)
{
    log_outcomes(runner);
    for (size_t i = 0; i < runner->inbox.refused_emitted; i++)
        note_dead(runner, runner->inbox.refused.list[i]);
    for (size_t i = 0; runner->batch && i < runner->batch->count; i++) {
        if (runner->batch->outcomes[i].kind == RETRY)
            postpone(runner, runner->batch->entries[i]);
        if (runner->batch->outcomes[i].kind == REJECT)
            note_dead(runner, runner->batch->entries[i]);
        metrics_count(runner->metrics.rejected, runner->batch->outcomes[i].kind == REJECT);
    }
    metrics_count(runner->metrics.rejected, runner->inbox.refused_emitted);
    if (runner->step->linger_ms && runner->batch && runner->batch->count < (size_t)config()->batch)
        runner->lingers_until_us = clock_monotonic_us() + runner->step->linger_ms * 1000;
    inbox_settle(&runner->inbox);
    runner->batch = NULL;
    runner->state = RUNNER_IDLE;
    arena_reset(runner->arena);
    runner_advance(runner);
    log_flush();
}

static void on_emitted(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;

    (void)redis;
    runner->is_emitting = false;
    switch (redis_problem_of(reply)) {
    case REDIS_FINE:
        runner->failures = 0;
        finish_batch(runner);
        return;
    case REDIS_LOST: /* said or not: it is said again under the same event ids, which is harmless */
        runner_back_off(runner);
        return;
    default:
        log_error("cannot say what follows", LOG_STRING("step", runner->step->name), LOG_TEXT("why", reply->text));
        runner_back_off(runner);
    }
}

static void emit(struct runner *runner)
{
    runner->state = RUNNER_EMITTING;
    runner->is_emitting = emit_send(runner, on_emitted);
    if (!runner->is_emitting)
        runner_back_off(runner);
}

/* ---- what next ---- */

void runner_advance(struct runner *runner)
{
    switch (runner->state) {
    case RUNNER_EMITTING:
        return; /* on_again repeats it */
    case RUNNER_TURN:
    case RUNNER_SUSPECT:
    case RUNNER_LOADING:
    case RUNNER_STORING:
        return;
    case RUNNER_IDLE:
        break;
    }
    if (runner->worker->is_draining) {
        /* What was not begun is handed back: it is pending, and our heartbeat ends with us. */
        if (runner_is_idle(runner))
            runner->worker->on_idle(runner->worker);
        return;
    }
    /* Refused entries need no turn, but while they are pending nobody behind them has one. */
    if (runner->inbox.refused.count > 0 && (runner->inbox.todo.count == 0 || runner->step->is_ordered)) {
        batch_arena(runner);
        emit_prepare(runner);
        emit(runner);
        return;
    }
    if (runner->inbox.todo.count == 0) {
        reader_fetch_due(runner);
        if (runner->lingers_until_us > clock_monotonic_us())
            runner_advance_later(runner, runner->step->linger_ms);
        else
            reader_read(runner);
        return;
    }
    if (!store_is_up(runner->store))
        return; /* on_store_state goes on */
    if (runner->step->is_ordered && config()->exact_order && runner->turn_count == 0)
        turn_ask(runner->turn);
    else
        start_batch(runner);
}

static void on_again(void *context)
{
    struct runner *runner = context;

    if (runner->state == RUNNER_EMITTING) {
        if (!runner->is_emitting) /* the timer may be one that was set for something else */
            emit(runner);
    } else if (runner->state == RUNNER_TURN) {
        turn_ask(runner->turn);
    } else {
        runner_advance(runner);
    }
}

static void on_store_state(struct store *store, bool is_up, void *context)
{
    (void)store;
    if (is_up)
        runner_advance(context);
}

static void on_rescue(void *context)
{
    struct runner *runner = context;

    loop_timer_set(runner->rescue, RESCUE_MS + jitter_ms(RESCUE_MS / 4, RESCUE_MS / 4, 0));
    rescue_look(runner->rescuing);
    if (runner->state == RUNNER_IDLE)
        reader_fetch_due(runner);
}

/* ---- life ---- */

uint64_t runner_life_lock(const struct step *step, struct text consumer)
{
    const struct text parts[] = {TEXT("karcis-life"), text_of(step->name), consumer};
    const uint64_t lock = content_hash(parts, 3);

    return lock ? lock : 1;
}

/* All that this step's connection prepares. */
static void collect_statements(struct runner *runner)
{
    size_t count = 0;

    for (size_t i = 0; i < STEP_QUERIES_MAX && runner->step->loads[i].statement; i++)
        runner->statements[count++] = runner->step->loads[i].statement;
    for (size_t i = 0; i < STEP_QUERIES_MAX && runner->step->stores[i].statement; i++)
        runner->statements[count++] = runner->step->stores[i].statement;
    runner->statements[count++] = rescue_statement;
    runner->statements[count++] = now_statement;
    runner->statements[count] = NULL;
}

static void name_metrics(struct runner *runner)
{
    const char *step = runner->step->name;

    runner->metrics.entries = metrics_counter("karcis_step_entries_total", "Entries received.", "step", step, NULL);
    runner->metrics.redelivered =
        metrics_counter("karcis_step_redelivered_total", "Entries received again.", "step", step, NULL);
    runner->metrics.taken_over =
        metrics_counter("karcis_step_taken_over_total", "Entries taken over from dead consumers.", "step", step, NULL);
    runner->metrics.rejected =
        metrics_counter("karcis_step_rejected_total", "Entries sent to the stream dead.", "step", step, NULL);
    runner->metrics.postponed =
        metrics_counter("karcis_step_postponed_total", "Retries asked for.", "step", step, NULL);
    runner->metrics.conflicts = metrics_counter("karcis_step_conflicts_total",
                                                "Batches begun again because of a faster one.", "step", step, NULL);
    runner->metrics.batch_entries =
        metrics_histogram("karcis_step_batch_entries", "Entries of a batch.", METRICS_COUNTS, "step", step, NULL);
    runner->metrics.commit_seconds = metrics_histogram("karcis_step_commit_seconds", "From begin to committed.",
                                                       METRICS_SECONDS, "step", step, NULL);
}

struct runner *runner_new(struct worker *worker, const struct step *step)
{
    struct runner *runner = calloc(1, sizeof *runner);

    if (!runner)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    runner->worker = worker;
    runner->step = step;
    for (size_t i = 0; i < step->reads_count; i++)
        assert(stream_has_reader(step->reads[i], text_of(step->name))); /* what is not listed there is trimmed early */
    runner->batch_limit = batch_most(runner);
    runner->read_count = (size_t)config()->batch;
    runner->again = loop_timer_new(worker->loop, on_again, runner);
    runner->rescue = loop_timer_new(worker->loop, on_rescue, runner);
    runner->rescuing = rescue_new(runner);
    collect_statements(runner);
    name_metrics(runner);
    runner->reader = redis_open(worker->loop, &(struct redis_options){.url = config()->redis_url,
                                                                      .name = step->name,
                                                                      .command_ms = REDIS_COMMAND_MS,
                                                                      .on_state = reader_on_state,
                                                                      .context = runner});
    if (step->is_ordered)
        runner->turn = turn_new(runner);
    runner->store =
        store_open(worker->loop, &(struct store_options){.url = config()->database_url,
                                                         .name = step->name,
                                                         .statements = runner->statements,
                                                         .on_state = on_store_state,
                                                         .context = runner,
                                                         .life_lock = runner_life_lock(step, worker->consumer)});
    if (step->redrive)
        runner->redriver = redriver_new(worker, step->redrive);
    loop_timer_set(runner->rescue, jitter_ms(RESCUE_MS, RESCUE_MS, 0));
    return runner;
}

void runner_drain(struct runner *runner)
{
    loop_timer_clear(runner->rescue);
    reader_unblock(runner);
    if (runner->state == RUNNER_TURN)
        runner->state = RUNNER_IDLE;
    runner_advance_later(runner, 0); /* also out of a back-off, which may be long */
}

bool runner_is_idle(const struct runner *runner)
{
    return runner->state == RUNNER_IDLE && !runner->is_reading;
}

void runner_free(struct runner *runner)
{
    if (!runner)
        return;
    redis_close(runner->reader);
    turn_free(runner->turn);
    store_close(runner->store);
    loop_timer_free(runner->again);
    loop_timer_free(runner->rescue);
    rescue_free(runner->rescuing);
    redriver_free(runner->redriver);
    inbox_free(&runner->inbox);
    arena_free(runner->arena);
    free(runner);
}
