/* One step's life in a process: read, load, decide, store, say and acknowledge, again.
 *
 * The idea to hold in mind: an entry is ours from the moment Redis gives it to us until the emit script has acknowledged
 * it. In between it is in exactly one place: todo, the batch under way, refused, or postponed. Whatever fails puts it
 * back into todo; nothing is ever dropped, and if this process dies, it is still pending in Redis. */
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

static void emit(struct runner *runner);

/* Room for one more of anything that is kept in a growing list. */
static void *grow(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    *capacity = *capacity ? *capacity * 2 : 64;
    list = realloc(list, *capacity * size);
    if (!list)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return list;
}

static void advance_later(struct runner *runner, int64_t delay_ms)
{
    loop_timer_set(runner->again, delay_ms);
}

static void back_off(struct runner *runner)
{
    advance_later(runner, 1 + jitter_ms(RECONNECT_MS_BASE, RECONNECT_MS_CAP, runner->failures++));
}

/* ---- todo: entries that are ours and wait ---- */

static int compare_entries(const struct entry *a, const struct entry *b)
{
    if (a->stream != b->stream)
        return a->stream < b->stream ? -1 : 1;
    return entry_id_compare(a->id, b->id);
}

static int compare_entry_pointers(const void *a, const void *b)
{
    return compare_entries(*(struct entry *const *)a, *(struct entry *const *)b);
}

static bool is_in(struct entry *const *entries, size_t count, const struct entry *entry)
{
    for (size_t i = 0; i < count; i++)
        if (compare_entries(entries[i], entry) == 0)
            return true;
    return false;
}

/* Entries that come anew through `>` cannot be known; only claimed and re-read ones, which are few, are looked up. */
static bool is_known(const struct runner *runner, const struct entry *entry)
{
    if (is_in(runner->todo, runner->todo_count, entry) || is_in(runner->refused, runner->refused_count, entry))
        return true;
    return runner->batch && is_in(runner->batch->entries, runner->batch->count, entry);
}

static bool is_postponed(const struct runner *runner, const struct entry *entry)
{
    for (size_t i = 0; i < runner->postponed_count; i++)
        if (runner->postponed[i].stream == entry->stream &&
            entry_id_compare(runner->postponed[i].id, entry->id) == 0 && !runner->postponed[i].is_fetching)
            return true;
    return false;
}

/* In order at the end; what comes out of order waits for sort_todo. */
static void add_todo(struct runner *runner, struct entry *entry)
{
    runner->todo = grow(runner->todo, runner->todo_count, &runner->todo_capacity, sizeof(struct entry *));
    runner->todo[runner->todo_count++] = entry;
    runner->turn_count = 0;
}

static void sort_todo(struct runner *runner)
{
    for (size_t i = 1; i < runner->todo_count; i++)
        if (compare_entries(runner->todo[i - 1], runner->todo[i]) > 0) {
            qsort(runner->todo, runner->todo_count, sizeof *runner->todo, compare_entry_pointers);
            return;
        }
}

static void add_refused(struct runner *runner, struct entry *entry)
{
    runner->refused = grow(runner->refused, runner->refused_count, &runner->refused_capacity, sizeof(struct entry *));
    runner->refused[runner->refused_count++] = entry;
}

void runner_forget_before(struct runner *runner, struct entry_id id)
{
    size_t left = 0;

    for (size_t i = 0; i < runner->todo_count; i++)
        if (entry_id_compare(runner->todo[i]->id, id) >= 0)
            runner->todo[left++] = runner->todo[i];
    runner->todo_count = left;
}

void runner_keep_arena(struct runner *runner, struct arena *arena)
{
    runner->arenas = grow(runner->arenas, runner->arena_count, &runner->arena_capacity, sizeof(struct arena *));
    runner->arenas[runner->arena_count++] = arena;
}

static void free_arenas(struct runner *runner)
{
    for (size_t i = 0; i < runner->arena_count; i++)
        arena_free(runner->arenas[i]);
    runner->arena_count = 0;
}

/* A pending entry whose text is gone (XDEL, XTRIM by hand): nothing can be done with it but to say so. */
static void drop_vanished(struct runner *runner, enum stream stream, struct text id)
{
    const struct text words[] = {TEXT("XACK"), stream_key(stream), text_of(runner->step->name), id};

    log_error("entry vanished from its stream", LOG_STRING("step", runner->step->name),
              LOG_TEXT("stream", stream_key(stream)), LOG_TEXT("entry", id));
    redis_send(runner->worker->commands, NULL, NULL, 4, words);
}

static struct entry *read_entry(struct arena *arena, enum stream stream, const struct redis_reply *reply)
{
    struct entry *entry = ARENA_NEW(arena, struct entry);
    struct text *pairs;

    entry->stream = stream;
    entry->id_text = reply->items[0]->text;
    if (!entry_id_parse(entry->id_text, &entry->id) || reply->items[1]->type != REDIS_ARRAY)
        return NULL;
    entry->pair_count = reply->items[1]->count / 2;
    pairs = ARENA_ARRAY(arena, struct text, entry->pair_count * 2 + 1);
    for (size_t i = 0; i < entry->pair_count * 2; i++)
        pairs[i] = reply->items[1]->items[i]->text;
    entry->pairs = pairs;
    return entry;
}

size_t runner_take_entries(struct runner *runner, enum stream stream, const struct redis_reply *entries, enum origin origin,
                           unsigned attempts)
{
    size_t taken = 0;

    struct arena *arena = runner->arenas[runner->arena_count - 1];

    for (size_t i = 0; i < entries->count; i++) {
        const struct redis_reply *reply = entries->items[i];
        struct entry *entry;

        if (reply->type != REDIS_ARRAY || reply->count < 2)
            continue;
        entry = read_entry(arena, stream, reply);
        if (!entry) {
            drop_vanished(runner, stream, reply->items[0]->text);
            continue;
        }
        if (origin != ORIGIN_NEW && (is_known(runner, entry) || is_postponed(runner, entry)))
            continue;
        entry->attempts = attempts;
        step_check(arena, runner->step, entry);
        if (entry->refusal.reason && !runner->step->wants_refused)
            add_refused(runner, entry);
        else
            add_todo(runner, entry);
        taken++;
    }
    sort_todo(runner);
    runner->counts.entries += taken;
    runner->counts.redelivered += origin == ORIGIN_NEW ? 0 : taken;
    return taken;
}

/* ---- reading ---- */

static void set_up_groups(struct runner *runner)
{
    for (size_t i = 0; i < runner->step->reads_count; i++) {
        const struct text words[] = {TEXT("XGROUP"), TEXT("CREATE"), stream_key(runner->step->reads[i]),
                                     text_of(runner->step->name), TEXT("0"), TEXT("MKSTREAM")};

        /* BUSYGROUP is the usual answer. From 0, not $: what was said before the first worker came counts too. */
        redis_send(runner->reader, NULL, NULL, 6, words);
    }
}

static void on_read(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;
    const bool was_history = runner->has_history;

    runner->is_reading = false;
    switch (redis_problem_of(reply)) {
    case REDIS_FINE:
        break;
    case REDIS_LOST:
        return;
    case REDIS_NO_GROUP:
        log_warn("group is gone, made again", LOG_STRING("step", runner->step->name));
        set_up_groups(runner);
        advance_later(runner, 100);
        return;
    default:
        log_error("cannot read", LOG_STRING("step", runner->step->name), LOG_TEXT("why", reply->text));
        back_off(runner);
        return;
    }
    runner->has_history = false;
    if (reply->type == REDIS_ARRAY) {
        runner_keep_arena(runner, redis_keep_reply(redis));
        for (size_t i = 0; i < reply->count; i++) {
            const struct redis_reply *stream_reply = reply->items[i];
            enum stream stream;
            size_t taken;

            if (stream_reply->count != 2 || !stream_of_key(stream_reply->items[0]->text, &stream))
                continue;
            taken = runner_take_entries(runner, stream, stream_reply->items[1],
                                        was_history ? ORIGIN_AGAIN : ORIGIN_NEW, 0);
            /* A full page of history may have more behind it; it shows when these are acknowledged. */
            if (was_history && taken > 0 && stream_reply->items[1]->count >= (size_t)config()->batch)
                runner->has_history = true;
        }
    }
    runner_advance(runner);
}

static void read_more(struct runner *runner)
{
    const struct step *step = runner->step;
    struct text words[9 + 2 * STEP_STREAMS_MAX];
    char count[24];
    size_t at = 0;

    words[at++] = TEXT("XREADGROUP");
    words[at++] = TEXT("GROUP");
    words[at++] = text_of(step->name);
    words[at++] = runner->worker->consumer;
    words[at++] = TEXT("COUNT");
    words[at++] = log_number(config()->batch, count);
    if (!runner->has_history) {
        words[at++] = TEXT("BLOCK");
        words[at++] = TEXT("2000");
        redis_expect_block(runner->reader, REDIS_READ_BLOCK_MS);
    }
    words[at++] = TEXT("STREAMS");
    for (size_t i = 0; i < step->reads_count; i++)
        words[at++] = stream_key(step->reads[i]);
    for (size_t i = 0; i < step->reads_count; i++)
        words[at++] = runner->has_history ? TEXT("0") : TEXT(">");
    runner->is_reading = redis_send(runner->reader, on_read, runner, at, words);
}

static bool may_read(const struct runner *runner)
{
    return !runner->worker->is_draining && !runner->is_reading && runner->worker->is_alive &&
           redis_is_up(runner->reader) && runner->postponed_count < RETRY_ENTRIES_MAX;
}

static void on_reader_id(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;

    (void)redis;
    if (reply && reply->type == REDIS_INTEGER)
        runner->reader_id = log_number(reply->integer, runner->reader_id_digits);
}

static void on_reader_state(struct redis *redis, bool is_up, void *context)
{
    struct runner *runner = context;

    runner->reader_id = TEXT_NONE;
    if (!is_up) {
        runner->is_reading = false;
        return;
    }
    set_up_groups(runner);
    redis_sendv(redis, on_reader_id, runner, "CLIENT", "ID", NULL);
    runner->has_history = true; /* a reply may have been lost with the connection */
    if (runner->state == RUNNER_TURN && may_read(runner))
        read_more(runner); /* what we wait for may be our own */
    else
        runner_advance(runner);
}

/* ---- postponed entries ---- */

static void postpone(struct runner *runner, const struct entry *entry)
{
    const unsigned attempts = entry->attempts + 1;

    runner->postponed =
        grow(runner->postponed, runner->postponed_count, &runner->postponed_capacity, sizeof(struct postponed));
    runner->postponed[runner->postponed_count++] =
        (struct postponed){entry->stream, entry->id, attempts,
                           clock_monotonic_us() + (1 + jitter_ms(RETRY_MS_BASE, RETRY_MS_CAP, attempts)) * 1000, false};
    runner->counts.retried++;
}

/* One answer for each entry asked for, in the order of asking; so the first that is being fetched is meant. */
static void on_fetched(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;
    size_t i = 0;
    struct postponed fetched;

    while (i < runner->postponed_count && !runner->postponed[i].is_fetching)
        i++;
    if (i == runner->postponed_count)
        return;
    if (redis_problem_of(reply) != REDIS_FINE) {
        runner->postponed[i].is_fetching = false;
        runner->postponed[i].due_us = clock_monotonic_us() + RETRY_MS_BASE * 1000;
        advance_later(runner, RETRY_MS_BASE);
        return;
    }
    fetched = runner->postponed[i];
    runner_keep_arena(runner, redis_keep_reply(redis));
    if (reply->count == 0)
        drop_vanished(runner, fetched.stream, entry_id_text(runner->arenas[runner->arena_count - 1], fetched.id));
    else
        runner_take_entries(runner, fetched.stream, reply, ORIGIN_AGAIN, fetched.attempts);
    runner->postponed_count--;
    memmove(&runner->postponed[i], &runner->postponed[i + 1], (runner->postponed_count - i) * sizeof fetched);
    runner_advance(runner);
}

static void fetch_due(struct runner *runner)
{
    const int64_t now_us = clock_monotonic_us();
    int64_t next_us = INT64_MAX;

    for (size_t i = 0; i < runner->postponed_count; i++) {
        struct postponed *postponed = &runner->postponed[i];
        char id[ENTRY_ID_TEXT_BYTES + 1];

        if (postponed->is_fetching)
            continue;
        if (postponed->due_us > now_us) {
            next_us = postponed->due_us < next_us ? postponed->due_us : next_us;
            continue;
        }
        snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)postponed->id.ms, (unsigned long long)postponed->id.seq);
        postponed->is_fetching =
            redis_sendv(runner->worker->commands, on_fetched, runner, "XRANGE", stream_key(postponed->stream).ptr, id, id, NULL);
    }
    if (next_us != INT64_MAX)
        advance_later(runner, (next_us - now_us) / 1000 + 1);
}

/* ---- a batch ---- */

static struct arena *batch_arena(struct runner *runner)
{
    if (!runner->arena)
        runner->arena = arena_new();
    return runner->arena;
}

/* The first entries of todo whose keys differ, no more than may be decided now. The others keep their order. */
static size_t pick(struct runner *runner, struct entry **picked)
{
    const size_t limit = runner->step->is_ordered && config()->exact_order && runner->turn_count < runner->batch_limit
                             ? runner->turn_count
                             : runner->batch_limit;
    const size_t seen = runner->todo_count < limit ? runner->todo_count : limit;
    struct key_index *keys = ARENA_ARRAY(batch_arena(runner), struct key_index, seen + 1);
    size_t count = 0, left = 0;

    for (size_t i = 0; i < seen; i++)
        keys[i] = (struct key_index){runner->todo[i]->key, i};
    if (runner->step->key >= 0)
        sort_keys(keys, seen);
    for (size_t i = 1; runner->step->key >= 0 && i < seen; i++)
        if (uuid_compare(keys[i - 1].key, keys[i].key) == 0)
            runner->todo[keys[i].position]->is_repeated = true;
    for (size_t i = 0; i < runner->todo_count; i++) {
        struct entry *entry = runner->todo[i];

        if (i < seen && !entry->is_repeated)
            picked[count++] = entry;
        else
            runner->todo[left++] = entry;
        entry->is_repeated = false;
    }
    runner->todo_count = left;
    runner->turn_count = 0;
    return count;
}

static void put_back(struct runner *runner)
{
    for (size_t i = 0; i < runner->batch->count; i++)
        add_todo(runner, runner->batch->entries[i]);
    sort_todo(runner);
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
        put_back(runner);
        runner_advance(runner);
        return;
    }
    batch->said = NULL;
    batch->outcomes[0] = (struct outcome){
        REJECT, "refused_by_store", text_format(batch->arena, "%s %s", failure->sqlstate, failure->message)};
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
        runner->counts.conflicts++;
        runner->conflicts++;
        log_debug("conflict", LOG_STRING("step", runner->step->name), LOG_STRING("why", failure->message));
        if (runner->conflicts > 4)
            runner->batch_limit = runner->batch->count / 2 + 1;
        put_back(runner);
        advance_later(runner, runner->conflicts < 3 ? 0 : jitter_ms(5, 1000, runner->conflicts));
        return;
    case STORE_BROKEN:
        log_error("the store refuses our statement", LOG_STRING("step", runner->step->name),
                  LOG_STRING("sqlstate", failure->sqlstate), LOG_STRING("why", failure->message));
        break;
    default:
        log_warn("batch put back", LOG_STRING("step", runner->step->name), LOG_STRING("sqlstate", failure->sqlstate),
                 LOG_STRING("why", failure->message));
    }
    put_back(runner);
    back_off(runner);
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
    if (runner->batch_limit < (size_t)config()->batch)
        runner->batch_limit *= 2;
    if (runner->batch_limit > (size_t)config()->batch)
        runner->batch_limit = (size_t)config()->batch;
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

static void send_queries(struct runner *runner, const struct query *queries)
{
    struct batch *batch = runner->batch;

    for (size_t i = 0; i < STEP_QUERIES_MAX && queries[i].statement; i++) {
        struct params *params = params_new(batch->arena);
        struct taken *taken = ARENA_NEW(batch->arena, struct taken);

        *taken = (struct taken){runner, &queries[i]};
        if (queries[i].bind(batch, params))
            store_send(runner->store, queries[i].statement, params, queries[i].take ? on_rows : NULL, taken);
    }
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

static void start_batch(struct runner *runner)
{
    struct arena *arena = batch_arena(runner);
    struct entry **entries = ARENA_ARRAY(arena, struct entry *, runner->batch_limit);
    const size_t count = pick(runner, entries);

    runner->batch = batch_new(arena, runner->step, entries, count, clock_now_us());
    runner->counts.batches++;
    store_begin(runner->store);
    if (!runner->step->loads[0].statement) {
        store_batch(runner); /* nothing to look at: everything in one round trip */
        return;
    }
    runner->state = RUNNER_LOADING;
    send_queries(runner, runner->step->loads);
    store_sync(runner->store, on_loaded, runner);
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
        if (outcome->kind == DONE)
            log_info(outcome->what, LOG_TEXT("step", step), LOG_TEXT("booking", booking), LOG_TEXT("entry", entry->id_text));
        else
            log_warn(outcome->kind == REJECT ? "dead letter" : "postponed", LOG_TEXT("step", step),
                     LOG_TEXT("booking", booking), LOG_TEXT("entry", entry->id_text), LOG_STRING("reason", outcome->what),
                     LOG_TEXT("detail", outcome->detail));
    }
    for (size_t i = 0; i < runner->refused_emitted; i++)
        log_warn("dead letter", LOG_TEXT("step", step), LOG_TEXT("entry", runner->refused[i]->id_text),
                 LOG_STRING("reason", runner->refused[i]->refusal.reason),
                 LOG_TEXT("detail", runner->refused[i]->refusal.detail));
}

static void finish_batch(struct runner *runner)
{
    log_outcomes(runner);
    for (size_t i = 0; runner->batch && i < runner->batch->count; i++) {
        if (runner->batch->outcomes[i].kind == RETRY)
            postpone(runner, runner->batch->entries[i]);
        runner->counts.rejected += runner->batch->outcomes[i].kind == REJECT;
    }
    runner->counts.rejected += runner->refused_emitted;
    runner->batch = NULL;
    runner->refused_count -= runner->refused_emitted;
    memmove(runner->refused, runner->refused + runner->refused_emitted, runner->refused_count * sizeof *runner->refused);
    runner->emit_words = NULL;
    runner->state = RUNNER_IDLE;
    if (runner->todo_count == 0 && runner->refused_count == 0)
        free_arenas(runner);
    arena_reset(runner->arena);
    runner_advance(runner);
    log_flush();
}

static void on_emitted(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;

    (void)redis;
    switch (redis_problem_of(reply)) {
    case REDIS_FINE:
        runner->failures = 0;
        finish_batch(runner);
        return;
    case REDIS_LOST: /* said or not: it is said again under the same event ids, which is harmless */
        back_off(runner);
        return;
    default:
        log_error("cannot say what follows", LOG_STRING("step", runner->step->name), LOG_TEXT("why", reply->text));
        back_off(runner);
    }
}

static void emit(struct runner *runner)
{
    runner->state = RUNNER_EMITTING;
    if (!redis_eval(runner->worker->commands, &emit_script, on_emitted, runner, runner->emit_key_count,
                    runner->emit_word_count, runner->emit_words))
        back_off(runner);
}

/* ---- what next ---- */

void runner_advance(struct runner *runner)
{
    switch (runner->state) {
    case RUNNER_EMITTING:
        return; /* on_again repeats it */
    case RUNNER_TURN:
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
    if (runner->refused_count > 0 && runner->todo_count == 0) {
        batch_arena(runner);
        emit_prepare(runner);
        emit(runner);
        return;
    }
    if (runner->todo_count == 0) {
        if (runner->postponed_count > 0)
            fetch_due(runner);
        if (may_read(runner))
            read_more(runner);
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

    if (runner->state == RUNNER_EMITTING)
        emit(runner);
    else if (runner->state == RUNNER_TURN)
        turn_ask(runner->turn);
    else
        runner_advance(runner);
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
    if (runner->postponed_count > 0 && runner->state == RUNNER_IDLE)
        fetch_due(runner);
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
    runner->statements[count] = NULL;
}

struct runner *runner_new(struct worker *worker, const struct step *step)
{
    struct runner *runner = calloc(1, sizeof *runner);

    if (!runner)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    runner->worker = worker;
    runner->step = step;
    runner->batch_limit = (size_t)config()->batch;
    runner->again = loop_timer_new(worker->loop, on_again, runner);
    runner->rescue = loop_timer_new(worker->loop, on_rescue, runner);
    runner->rescuing = rescue_new(runner);
    collect_statements(runner);
    runner->reader = redis_open(worker->loop, &(struct redis_options){.url = config()->redis_url,
                                                                      .name = step->name,
                                                                      .command_ms = REDIS_COMMAND_MS,
                                                                      .on_state = on_reader_state,
                                                                      .context = runner});
    if (step->is_ordered)
        runner->turn = turn_new(runner);
    runner->store = store_open(worker->loop, &(struct store_options){.url = config()->database_url,
                                                                     .name = step->name,
                                                                     .statements = runner->statements,
                                                                     .on_state = on_store_state,
                                                                     .context = runner,
                                                                     .life_lock = runner_life_lock(step, worker->consumer)});
    loop_timer_set(runner->rescue, jitter_ms(RESCUE_MS, RESCUE_MS, 0));
    return runner;
}

void runner_drain(struct runner *runner)
{
    const struct text words[] = {TEXT("CLIENT"), TEXT("UNBLOCK"), runner->reader_id};

    loop_timer_clear(runner->rescue);
    if (runner->is_reading && runner->reader_id.ptr)
        redis_send(runner->worker->commands, NULL, NULL, 3, words);
    if (runner->state == RUNNER_TURN)
        runner->state = RUNNER_IDLE;
    runner_advance(runner);
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
    free_arenas(runner);
    arena_free(runner->arena);
    free(runner->arenas);
    free(runner->todo);
    free(runner->refused);
    free(runner->postponed);
    free(runner);
}
