/* Saying again what Redis may have lost: an event of a row that waits too long, and after a loss (Redis has another
 * incarnation) the events of everything that was under way.
 *
 * The idea to hold in mind: an event is never said again while it, or what follows from it, is still unread or pending.
 * That is found out without looking for it. Mark the last id of every stream the flow runs through; once all groups
 * have acknowledged everything up to the marks, whatever was there has moved on by one stream at least. As many rounds
 * as there are streams, and it has fallen off the end. A row that still waits then is waited for by nobody.
 *
 * One process at a time does this for a step (a lease in Redis); two would do no harm, only the work twice. */
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/runner.h"

/* KEYS lease, incarnation, recalled, streams  ARGV us, ms of the lease, then for each stream its readers and our mark
 * {0}: another one has the lease.  {1, incarnation, recalled, is all up to the marks acknowledged, last id of each} */
static const struct redis_script look_script = {
    "#!lua flags=allow-oom\n" LUA_IS_BEFORE LUA_MAP LUA_TAKE_LEASE
    "local result = {1, redis.call('GET', KEYS[2]) or '', redis.call('GET', KEYS[3]) or '', 1}\n"
    "for i = 4, #KEYS do\n"
    "  local key, readers, mark = KEYS[i], ARGV[2 * i - 5], ARGV[2 * i - 4]\n"
    "  local last, groups = '0-0', {}\n"
    "  if redis.call('EXISTS', key) == 1 then\n"
    "    last = map(redis.call('XINFO', 'STREAM', key))['last-generated-id']\n"
    "    for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do\n"
    "      local is = map(group)\n"
    "      groups[is['name']] = is\n"
    "    end\n"
    "  end\n"
    "  result[#result + 1] = last\n"
    "  for reader in string.gmatch(mark == '' and '' or readers, '[^,]+') do\n"
    "    local group, from = groups[reader], '-'\n"
    "    if group then\n"
    "      from = '(' .. group['last-delivered-id']\n"
    "      local smallest = group['pending'] > 0 and redis.call('XPENDING', key, reader)[2]\n"
    "      if smallest and not is_before(mark, smallest) then result[4] = 0 end\n"
    "    end\n"
    "    if redis.call('XRANGE', key, from, mark, 'COUNT', 1)[1] then result[4] = 0 end\n"
    "  end\n"
    "end\n"
    "return result\n"};

struct waiting {
    struct uuid key;
    int64_t due_us; /* monotonic */
    unsigned said;  /* again, so often */
};

struct redriver {
    struct worker *worker;
    const struct redrive *redrive;
    struct store *store;
    const struct statement *statements[STEP_QUERIES_MAX + 4];
    struct loop_timer *timer;
    struct arena *arena, *batch_arena, *keys_arena;
    struct text lease_key, recalled_key;

    int64_t now_us;   /* the store's time, by which rows were decided, too */
    int64_t place_us; /* everything decided before this place was looked at once */
    struct uuid place;
    struct waiting *waiting; /* to be looked at again */
    size_t waiting_count;

    bool is_recalling;
    struct uuid recalled_up_to;
    int64_t since_us;
    char incarnation[64]; /* the one that is recalled */

    struct waiting *cohort; /* what is to be said again when the wire is clear of it */
    size_t cohort_count, round;
    char marks[STEP_STREAMS_MAX][ENTRY_ID_TEXT_BYTES + 1];
    struct batch *batch;
    struct uuid page_end; /* of the page that is being read */
    int64_t page_end_us;
    bool has_page_rows;
    struct metrics_counter *said_again;
};

static void later(struct redriver *redriver, int64_t delay_ms)
{
    log_flush();
    loop_timer_set(redriver->timer, delay_ms);
}

static void forget_cohort(struct redriver *redriver)
{
    redriver->cohort_count = redriver->round = 0;
    for (size_t i = 0; i < STEP_STREAMS_MAX; i++)
        redriver->marks[i][0] = '\0';
}

/* Somebody else does it now; whoever does it next begins at the beginning. */
static void forget_all(struct redriver *redriver)
{
    forget_cohort(redriver);
    redriver->is_recalling = false;
    redriver->place_us = 0;
    redriver->waiting_count = 0;
}

/* ---- saying ---- */

static void wait_again(struct redriver *redriver, struct waiting waited)
{
    const unsigned doublings = waited.said < 10 ? waited.said : 10;
    int64_t delay_ms = (int64_t)REDRIVE_AFTER_MS << doublings;

    if (redriver->waiting_count == REDRIVE_WAITING_MAX)
        return; /* found again by the next leader, or when we begin again */
    if (delay_ms > REDRIVE_AGAIN_MS_MAX)
        delay_ms = REDRIVE_AGAIN_MS_MAX;
    waited.said++;
    waited.due_us = clock_monotonic_us() + delay_ms * 1000;
    redriver->waiting[redriver->waiting_count++] = waited;
}

static void on_said(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct redriver *redriver = context;
    size_t said = 0;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE) {
        later(redriver, RECONNECT_MS_CAP); /* the cohort stays, and is said then */
        return;
    }
    for (size_t i = 0; i < redriver->batch->count; i++) {
        if (!redriver->batch->outcomes[i].what)
            continue;
        said++;
        if (!redriver->batch->is_recall)
            wait_again(redriver, redriver->cohort[i]);
    }
    metrics_count(redriver->said_again, said);
    log_warn("events said again", LOG_STRING("step", redriver->redrive->step->name), LOG_NUMBER("count", said),
             LOG_STRING("why", redriver->batch->is_recall ? "redis lost data" : "waited too long"));
    forget_cohort(redriver);
    later(redriver, (int64_t)said * 1000 / REDRIVE_ROWS_PER_S);
}

static void on_loaded(struct store *store, const struct store_failure *failure, void *context)
{
    struct redriver *redriver = context;

    (void)store;
    if (failure) {
        log_warn("cannot look at what waits", LOG_STRING("why", failure->message));
        later(redriver, RECONNECT_MS_CAP);
        return;
    }
    redriver->redrive->step->decide(redriver->batch);
    if (!redriver->batch->said) { /* none of them waits any more */
        forget_cohort(redriver);
        later(redriver, 0);
    } else if (!emit_facts(redriver->worker->commands, redriver->batch_arena, redriver->batch->said, on_said,
                           redriver)) {
        later(redriver, RECONNECT_MS_CAP);
    }
}

static void on_rows(const struct rows *rows, void *context)
{
    struct redriver *redriver = context;

    redriver->redrive->step->loads[0].take(redriver->batch, rows);
}

static void load_cohort(struct redriver *redriver)
{
    const struct step *step = redriver->redrive->step;
    struct entry **entries;
    struct params *params;

    if (!store_is_up(redriver->store)) { /* lost while Redis answered */
        later(redriver, RECONNECT_MS_CAP);
        return;
    }
    arena_reset(redriver->batch_arena);
    entries = ARENA_ARRAY(redriver->batch_arena, struct entry *, redriver->cohort_count);
    for (size_t i = 0; i < redriver->cohort_count; i++) {
        entries[i] = ARENA_NEW(redriver->batch_arena, struct entry);
        entries[i]->key = redriver->cohort[i].key;
    }
    redriver->batch = batch_new(redriver->batch_arena, step, entries, redriver->cohort_count, clock_now_us());
    redriver->batch->is_recall = redriver->is_recalling;
    batch_begin(redriver->batch);
    params = params_new(redriver->batch_arena);
    step->loads[0].bind(redriver->batch, params);
    store_send(redriver->store, step->loads[0].statement, params, on_rows, redriver);
    store_sync(redriver->store, on_loaded, redriver);
}

static void on_dead(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct redriver *redriver = context;
    size_t left = 0;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count != redriver->cohort_count) {
        later(redriver, RECONNECT_MS_CAP);
        return;
    }
    for (size_t i = 0; i < reply->count; i++)
        if (reply->items[i]->type == REDIS_NIL)
            redriver->cohort[left++] = redriver->cohort[i];
        else if (!redriver->is_recalling)
            wait_again(redriver, redriver->cohort[i]);
    redriver->cohort_count = left;
    if (left > 0) {
        load_cohort(redriver);
    } else {
        forget_cohort(redriver);
        later(redriver, 0);
    }
}

/* What has a dead letter is left to people. */
static void say_cohort(struct redriver *redriver)
{
    struct text *words;

    arena_reset(redriver->batch_arena);
    words = ARENA_ARRAY(redriver->batch_arena, struct text, 1 + redriver->cohort_count);
    words[0] = TEXT("MGET");
    for (size_t i = 0; i < redriver->cohort_count; i++)
        words[1 + i] = stream_dead_key(redriver->batch_arena, redriver->cohort[i].key);
    if (!redis_send(redriver->worker->commands, on_dead, redriver, 1 + redriver->cohort_count, words))
        later(redriver, RECONNECT_MS_CAP);
}

/* ---- choosing ---- */

static void add_to_cohort(struct redriver *redriver, struct waiting waiting)
{
    if (redriver->cohort_count < REDRIVE_ROWS_MAX)
        redriver->cohort[redriver->cohort_count++] = waiting;
}

/* Those whose time has come again. */
static void choose_due(struct redriver *redriver)
{
    const int64_t now_us = clock_monotonic_us();
    size_t left = 0;

    for (size_t i = 0; i < redriver->waiting_count; i++)
        if (redriver->waiting[i].due_us <= now_us && redriver->cohort_count < REDRIVE_ROWS_MAX)
            add_to_cohort(redriver, redriver->waiting[i]);
        else
            redriver->waiting[left++] = redriver->waiting[i];
    redriver->waiting_count = left;
}

static void on_page_rows(const struct rows *rows, void *context)
{
    struct redriver *redriver = context;
    const size_t count = rows_count(rows);

    redriver->has_page_rows = count > 0;
    for (size_t row = 0; row < count; row++)
        if (rows_bool(rows, row, 2))
            add_to_cohort(redriver, (struct waiting){.key = rows_uuid(rows, row, 0)});
    if (count > 0) {
        redriver->page_end = rows_uuid(rows, count - 1, 0);
        redriver->page_end_us = rows_is_null(rows, count - 1, 1) ? 0 : rows_time(rows, count - 1, 1);
    }
}

static void end_recall(struct redriver *redriver)
{
    redriver->is_recalling = false;
    log_warn("everything that Redis may have lost was said again", LOG_STRING("step", redriver->redrive->step->name));
    redis_sendv(redriver->worker->commands, NULL, NULL, "SET", redriver->recalled_key.ptr, redriver->incarnation, NULL);
}

static void on_page(struct store *store, const struct store_failure *failure, void *context)
{
    struct redriver *redriver = context;

    (void)store;
    if (failure) {
        log_warn("cannot look for what waits", LOG_STRING("why", failure->message));
        forget_cohort(redriver);
        later(redriver, RECONNECT_MS_CAP);
        return;
    }
    if (redriver->is_recalling) {
        redriver->recalled_up_to = redriver->page_end;
        if (!redriver->has_page_rows)
            end_recall(redriver);
        later(redriver, 0);
        return;
    }
    if (redriver->has_page_rows) {
        redriver->place = redriver->page_end;
        redriver->place_us = redriver->page_end_us;
    }
    choose_due(redriver);
    later(redriver, redriver->has_page_rows || redriver->cohort_count > 0 ? 0 : REDRIVE_IDLE_MS);
}

static void send_page(struct redriver *redriver, const struct statement *statement, struct params *params)
{
    redriver->has_page_rows = false;
    params_int64(params, REDRIVE_ROWS_MAX);
    store_send(redriver->store, statement, params, on_page_rows, redriver);
    store_sync(redriver->store, on_page, redriver);
}

static void read_lost(struct redriver *redriver)
{
    struct params *params = params_new(redriver->arena);

    params_uuid(params, redriver->recalled_up_to);
    params_time(params, redriver->since_us);
    send_page(redriver, redriver->redrive->recall, params);
}

/* If the store's clock was set back, what is decided from now on lies before the place: it goes back as well. */
static void read_overdue(struct redriver *redriver)
{
    const int64_t up_to_us = redriver->redrive->decided_us(redriver->now_us - (int64_t)REDRIVE_AFTER_MS * 1000);
    struct params *params = params_new(redriver->arena);

    if (redriver->place_us > up_to_us) {
        redriver->place_us = up_to_us;
        redriver->place = (struct uuid){{0}};
    }
    params_time(params, redriver->place_us);
    params_uuid(params, redriver->place);
    params_time(params, up_to_us);
    send_page(redriver, redriver->redrive->overdue, params);
}

static void on_time_row(const struct rows *rows, void *context)
{
    ((struct redriver *)context)->now_us = rows_time(rows, 0, 0);
}

static void on_time(struct store *store, const struct store_failure *failure, void *context)
{
    if (failure)
        on_page(store, failure, context);
    else
        read_overdue(context);
}

static void read_page(struct redriver *redriver)
{
    if (!store_is_up(redriver->store)) { /* lost while Redis answered */
        later(redriver, RECONNECT_MS_CAP);
    } else if (redriver->is_recalling) {
        read_lost(redriver);
    } else {
        store_send(redriver->store, now_statement, NULL, on_time_row, redriver);
        store_sync(redriver->store, on_time, redriver);
    }
}

/* ---- looking ---- */

static void begin_recall(struct redriver *redriver, struct text incarnation)
{
    struct text name, since;

    if (!text_next(&incarnation, ' ', &name) || !text_next(&incarnation, ' ', &since) ||
        name.len >= sizeof redriver->incarnation || !text_to_int64(since, 0, INT64_MAX, &redriver->since_us))
        return;
    memcpy(redriver->incarnation, name.ptr, name.len);
    redriver->incarnation[name.len] = '\0';
    forget_cohort(redriver);
    redriver->is_recalling = true;
    redriver->recalled_up_to = (struct uuid){{0}};
    if (redriver->since_us == 0) { /* nothing was lost */
        redriver->is_recalling = false;
        redis_sendv(redriver->worker->commands, NULL, NULL, "SET", redriver->recalled_key.ptr, redriver->incarnation,
                    NULL);
    }
}

static bool begins_with_word(struct text text, struct text word)
{
    return text.len > word.len && text.ptr[word.len] == ' ' && memcmp(text.ptr, word.ptr, word.len) == 0;
}

static void mark(struct redriver *redriver, const struct redis_reply *reply)
{
    for (size_t i = 0; i < redriver->redrive->step->reads_count; i++) {
        const struct text last = reply->items[4 + i]->text;
        const size_t len = last.len < ENTRY_ID_TEXT_BYTES ? last.len : ENTRY_ID_TEXT_BYTES;

        memcpy(redriver->marks[i], last.ptr, len);
        redriver->marks[i][len] = '\0';
    }
    redriver->round++;
}

static void on_look(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct redriver *redriver = context;
    const size_t streams = redriver->redrive->step->reads_count;
    struct text incarnation, recalled;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count < 4 + streams) {
        if (redis_problem_of(reply) == REDIS_FINE)
            forget_all(redriver);
        later(redriver, REDRIVE_IDLE_MS);
        return;
    }
    incarnation = reply->items[1]->text;
    recalled = redriver->is_recalling ? text_of(redriver->incarnation) : reply->items[2]->text;
    if (incarnation.len > 0 && !begins_with_word(incarnation, recalled))
        begin_recall(redriver, incarnation);
    if (redriver->cohort_count == 0) {
        read_page(redriver);
        return;
    }
    if (reply->items[3]->integer == 1)
        mark(redriver, reply);
    if (redriver->round > streams + 1)
        say_cohort(redriver);
    else
        later(redriver, REDRIVE_ACTIVE_MS);
}

static void look(void *context)
{
    struct redriver *redriver = context;
    const struct step *step = redriver->redrive->step;
    struct text words[3 + STEP_STREAMS_MAX + 2 + 2 * STEP_STREAMS_MAX];
    size_t at = 0;

    if (redriver->worker->is_draining)
        return;
    if (!redriver->worker->is_alive || !store_is_up(redriver->store)) {
        loop_timer_set(redriver->timer, REDRIVE_IDLE_MS);
        return;
    }
    arena_reset(redriver->arena);
    words[at++] = redriver->lease_key;
    words[at++] = stream_incarnation_key();
    words[at++] = redriver->recalled_key;
    for (size_t i = 0; i < step->reads_count; i++)
        words[at++] = stream_key(step->reads[i]);
    words[at++] = redriver->worker->consumer;
    words[at++] = text_of_int64(redriver->arena, LEASE_MS);
    for (size_t i = 0; i < step->reads_count; i++) {
        words[at++] = stream_readers(step->reads[i]);
        words[at++] = text_of(redriver->marks[i]);
    }
    if (!redis_eval(redriver->worker->commands, &look_script, on_look, redriver, 3 + step->reads_count, at, words))
        loop_timer_set(redriver->timer, REDRIVE_IDLE_MS);
}

struct redriver *redriver_new(struct worker *worker, const struct redrive *redrive)
{
    struct redriver *redriver = calloc(1, sizeof *redriver);

    if (!redriver)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    redriver->worker = worker;
    redriver->redrive = redrive;
    redriver->arena = arena_new();
    redriver->batch_arena = arena_new();
    redriver->waiting = calloc(REDRIVE_WAITING_MAX, sizeof *redriver->waiting);
    redriver->cohort = calloc(REDRIVE_ROWS_MAX, sizeof *redriver->cohort);
    if (!redriver->waiting || !redriver->cohort)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    redriver->keys_arena = arena_new();
    redriver->lease_key = stream_state_key(redriver->keys_arena, "redrive", redrive->step->name);
    redriver->recalled_key = stream_recalled_key(redriver->keys_arena, redrive->step->name);
    redriver->statements[0] = redrive->overdue;
    redriver->statements[1] = redrive->recall;
    redriver->statements[2] = redrive->step->loads[0].statement;
    redriver->statements[3] = now_statement;
    redriver->said_again =
        metrics_counter("karcis_redriven_total", "Events said again because Redis may have lost them.", "step",
                        redrive->step->name, NULL);
    redriver->timer = loop_timer_new(worker->loop, look, redriver);
    redriver->store = store_open(
        worker->loop,
        &(struct store_options){.url = config()->database_url, .name = "redrive", .statements = redriver->statements});
    loop_timer_set(redriver->timer, jitter_ms(REDRIVE_IDLE_MS, REDRIVE_IDLE_MS, 0));
    return redriver;
}

void redriver_free(struct redriver *redriver)
{
    if (!redriver)
        return;
    store_close(redriver->store);
    loop_timer_free(redriver->timer);
    arena_free(redriver->arena);
    arena_free(redriver->batch_arena);
    arena_free(redriver->keys_arena);
    free(redriver->waiting);
    free(redriver->cohort);
    free(redriver);
}
