/* Exact arrival order with any number of workers: the group's pending list is the turnstile.
 *
 * Redis hands entries out in the order of their ids and keeps each in the pending list until it is acknowledged, which
 * happens after its decision is committed. So when our first entry is the smallest pending one, everything before it is
 * decided and visible, and everything after it is ours or later: we may decide our leading run. Otherwise we wait; each
 * emit tells the owner of the then smallest entry. A worker that was declared dead and lives finds its entries
 * acknowledged (smallest pending > its first: forget them) or its inserts refused by the primary key. */
#include "common/runner.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"

/* KEYS stream  ARGV group, our first entry, us, how many we could take
 * {0}: nothing is pending.  {1, smallest, its owner}: not our first.  {2, id, …}: the pending ids from our first on
 * that are ours, up to the first that is not. */
static const struct redis_script turn_script = {
    "#!lua flags=no-writes\n"
    "local summary = redis.call('XPENDING', KEYS[1], ARGV[1])\n"
    "if summary[1] == 0 then return {0} end\n"
    "if summary[2] ~= ARGV[2] then\n"
    "  local first = redis.call('XPENDING', KEYS[1], ARGV[1], summary[2], summary[2], 1)\n"
    "  return {1, summary[2], first[1] and first[1][2] or ''}\n"
    "end\n"
    "local run = {2}\n"
    "for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', ARGV[4])) do\n"
    "  if pending[2] ~= ARGV[3] then break end\n"
    "  run[#run + 1] = pending[1]\n"
    "end\n"
    "return run\n"};

enum answer { NOTHING_PENDING, NOT_FIRST, FIRST };

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

static void on_not_first(struct turn *turn, const struct redis_reply *reply)
{
    struct runner *runner = turn->runner;
    struct entry_id smallest;

    if (!entry_id_parse(reply->items[1]->text, &smallest))
        return;
    if (runner->inbox.todo.count > 0 && entry_id_compare(smallest, runner->inbox.todo.list[0]->id) > 0) {
        inbox_forget_before(&runner->inbox, smallest); /* acknowledged by whoever took them over */
        runner->state = RUNNER_IDLE;
        runner_advance(runner);
        return;
    }
    if (runner->inbox.refused.count > 0) { /* taken over while we waited; it may be one of them */
        runner->state = RUNNER_IDLE;
        runner_advance(runner);
        return;
    }
    if (text_equal(reply->items[2]->text, runner->worker->consumer))
        find_unknown(runner);
    wait(turn);
}

static void on_first(struct turn *turn, const struct redis_reply *reply)
{
    struct runner *runner = turn->runner;
    size_t run = 0;

    while (run + 1 < reply->count && run < runner->inbox.todo.count &&
           text_equal(reply->items[run + 1]->text, runner->inbox.todo.list[run]->id_text))
        run++;
    if (run == 0) {
        wait(turn); /* somebody took our first over and will acknowledge it */
        return;
    }
    runner->state = RUNNER_IDLE;
    runner->turn_count = run;
    runner_advance(runner);
}

static void forget_all(struct runner *runner)
{
    inbox_forget_todo(&runner->inbox);
    runner->state = RUNNER_IDLE;
    runner_advance(runner);
}

static void on_answer(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct turn *turn = context;
    struct runner *runner = turn->runner;

    (void)redis;
    turn->is_asking = false;
    if (runner->state != RUNNER_TURN)
        return;
    if (redis_problem_of(reply) == REDIS_NO_GROUP) {
        forget_all(runner); /* they are read again when the group is there again, and reading makes it */
        return;
    }
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count == 0) {
        wait(turn);
        return;
    }
    switch ((enum answer)reply->items[0]->integer) {
    case NOTHING_PENDING:
        forget_all(runner);
        break;
    case NOT_FIRST:
        on_not_first(turn, reply);
        break;
    case FIRST:
        on_first(turn, reply);
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
