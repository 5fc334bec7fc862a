/* Exact arrival order with any number of workers: the group's pending list is the turnstile.
 *
 * Redis hands entries out in the order of their ids and keeps each in the pending list until it is acknowledged, which
 * happens after its decision is committed. So when our first entry is the smallest pending one, everything before it is
 * decided and visible, and everything after it is ours or later: we may decide our leading run. Otherwise we wait; each
 * emit tells the owner of the then smallest entry. A worker that was declared dead and lives finds its entries
 * acknowledged and forgets them, or its inserts refused by the primary key. */
#include "common/runner.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"

/* KEYS stream  ARGV group, our first entry, us, how many we could take
 * {WAIT, smallest, its owner}: something before our first is pending.
 * {RUN, id, …}: our first is the smallest. The pending ids from it on that are ours, up to the first that is not.
 * {SETTLED, smallest}: our first is not pending any more: whoever took it over acknowledged it, or the group was made
 * anew and will hand it out again. The same holds for all before the smallest pending one ('': for all).
 * {LOST, next}: nor is it on the stream. Redis lost its data or went back to an older copy of it, or the entry was
 * acknowledged and trimmed; the same holds for all before the next entry that is there ('': for all). We may be the
 * last who know of them. */
static const struct redis_script turn_script = {
    "#!lua flags=no-writes\n" LUA_IS_BEFORE "local summary = redis.pcall('XPENDING', KEYS[1], ARGV[1])\n"
    "local smallest = not summary.err and summary[1] > 0 and summary[2]\n"
    "if smallest == ARGV[2] then\n"
    "  local run = {1}\n"
    "  for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', ARGV[4])) do\n"
    "    if pending[2] ~= ARGV[3] then break end\n"
    "    run[#run + 1] = pending[1]\n"
    "  end\n"
    "  return run\n"
    "end\n"
    "if smallest and is_before(smallest, ARGV[2]) then\n"
    "  local first = redis.call('XPENDING', KEYS[1], ARGV[1], smallest, smallest, 1)\n"
    "  return {0, smallest, first[1] and first[1][2] or ''}\n"
    "end\n"
    "local next = redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', 1)[1]\n"
    "if not next or next[1] ~= ARGV[2] then return {3, next and next[1] or ''} end\n"
    "return {2, smallest or ''}\n"};

enum answer { WAIT, RUN, SETTLED, LOST };

struct turn {
    struct runner *runner;
    struct redis *listener;
    struct arena *arena;
    bool is_asking, is_called; /* called: the message came while the answer to an older question was under way */
    int64_t rescue_us;         /* when we last looked whether the one we wait for is dead */
};

static void wait(struct turn *turn)
{
    struct runner *runner = turn->runner;
    const int64_t now_us = clock_monotonic_us();

    runner->state = RUNNER_TURN;
    loop_timer_set(runner->again, TURN_WAIT_MS);
    if (now_us - turn->rescue_us > RESCUE_WHILE_WAITING_MS * 1000) {
        turn->rescue_us = now_us;
        rescue_look(runner->rescuing);
    }
}

/* An entry that is ours but that we do not know (the reply that brought it was lost): read our pending list again. */
static void find_unknown(struct runner *runner)
{
    if (!runner->is_reading)
        redis_reconnect(runner->reader, "an entry of ours is unknown to us");
}

static void on_wait(struct turn *turn, const struct redis_reply *reply)
{
    struct runner *runner = turn->runner;

    if (runner->inbox.refused.count > 0) { /* taken over while we waited; it may be one of them */
        runner->state = RUNNER_IDLE;
        runner_advance(runner);
        return;
    }
    if (text_equal(reply->items[2]->text, runner->worker->consumer))
        find_unknown(runner);
    wait(turn);
}

static void take_turn(struct runner *runner, size_t run)
{
    runner->state = RUNNER_IDLE;
    runner->turn_count = run;
    runner_advance(runner);
}

static void on_run(struct turn *turn, const struct redis_reply *reply)
{
    struct runner *runner = turn->runner;
    size_t run = 0;

    while (run + 1 < reply->count && run < runner->inbox.todo.count &&
           text_equal(reply->items[run + 1]->text, runner->inbox.todo.list[run]->id_text))
        run++;
    if (run == 0)
        wait(turn); /* somebody took our first over and will acknowledge it */
    else
        take_turn(runner, run);
}

static void on_settled(struct runner *runner, struct text smallest)
{
    struct entry_id id = {UINT64_MAX, UINT64_MAX};

    entry_id_parse(smallest, &id);
    inbox_forget_before(&runner->inbox, id);
    take_turn(runner, 0);
}

/* What was decided by another is found decided; what was not is decided now, or nobody ever would. */
static void on_lost(struct runner *runner, struct text next)
{
    struct entry_id id = {UINT64_MAX, UINT64_MAX};
    size_t run = 0;

    entry_id_parse(next, &id);
    while (run < runner->inbox.todo.count && entry_id_compare(runner->inbox.todo.list[run]->id, id) < 0)
        run++;
    log_warn("entries are gone from their stream, decided all the same", LOG_STRING("step", runner->step->name),
             LOG_NUMBER("count", run));
    take_turn(runner, run);
}

static void on_answer(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct turn *turn = context;
    struct runner *runner = turn->runner;

    (void)redis;
    turn->is_asking = false;
    if (runner->state != RUNNER_TURN)
        return;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count == 0) {
        wait(turn);
        return;
    }
    switch ((enum answer)reply->items[0]->integer) {
    case WAIT:
        on_wait(turn, reply);
        break;
    case RUN:
        on_run(turn, reply);
        break;
    case SETTLED:
        on_settled(runner, reply->items[1]->text);
        break;
    case LOST:
        on_lost(runner, reply->items[1]->text);
        break;
    }
    if (turn->is_called && runner->state == RUNNER_TURN)
        turn_ask(turn);
}

void turn_ask(struct turn *turn)
{
    struct runner *runner = turn->runner;
    char count[24];
    struct text words[5];

    runner->state = RUNNER_TURN;
    turn->is_called = turn->is_asking;
    if (turn->is_asking)
        return;
    if (runner->inbox.todo.count == 0) {
        runner->state = RUNNER_IDLE;
        return;
    }
    words[0] = stream_key(runner->step->reads[0]);
    words[1] = text_of(runner->step->name);
    words[2] = runner->inbox.todo.list[0]->id_text;
    words[3] = runner->worker->consumer;
    words[4] = log_number(
        (int64_t)(runner->inbox.todo.count < runner->batch_limit ? runner->inbox.todo.count : runner->batch_limit),
        count);
    turn->is_asking = redis_eval(runner->worker->commands, &turn_script, on_answer, turn, 1, 5, words);
    if (!turn->is_asking)
        wait(turn);
}

static void on_message(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct turn *turn = context;

    (void)redis;
    if (reply->type == REDIS_ARRAY && reply->count == 3 && text_is(reply->items[0]->text, "message") &&
        turn->runner->state == RUNNER_TURN)
        turn_ask(turn);
}

static void on_listener_state(struct redis *redis, bool is_up, void *context)
{
    struct turn *turn = context;

    if (is_up)
        redis_subscribe(redis, stream_turn_channel(turn->arena, turn->runner->worker->consumer));
}

struct turn *turn_new(struct runner *runner)
{
    struct turn *turn = calloc(1, sizeof *turn);

    if (!turn)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    turn->runner = runner;
    turn->arena = arena_new();
    turn->listener = redis_open(runner->worker->loop, &(struct redis_options){.url = config()->redis_url,
                                                                              .name = "turn",
                                                                              .command_ms = REDIS_COMMAND_MS,
                                                                              .on_state = on_listener_state,
                                                                              .on_message = on_message,
                                                                              .context = turn});
    return turn;
}

void turn_free(struct turn *turn)
{
    if (!turn)
        return;
    redis_close(turn->listener);
    arena_free(turn->arena);
    free(turn);
}
