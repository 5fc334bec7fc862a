/* Entries that may kill whoever looks at them. Redis counts how often an entry was given out; one whose consumers died
 * again and again is suspected, and taken alone: not even read before it stands alone in a batch. That it is tried is
 * noted in Redis first, so that a worker which dies of it is remembered; after SUSPECT_RUNS_MAX such deaths it goes to
 * `dead` without being looked at. Its innocent neighbours are through by then, one by one. */
#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"
#include "common/runner.h"

/* KEYS the note  ARGV ms to keep it. How many tried, us included. allow-oom: it stands in everybody's way. */
static const struct redis_script note_script = {"#!lua flags=allow-oom\n"
                                                "local tried = redis.call('INCR', KEYS[1])\n"
                                                "redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
                                                "return tried\n"};

static void go_on(struct runner *runner)
{
    if (!runner->inbox.under_way.list[0]->refusal.reason || runner->step->wants_refused) {
        runner->on_suspect_noted(runner);
        return;
    }
    inbox_refuse_under_way(&runner->inbox);
    runner->state = RUNNER_IDLE;
    runner_advance(runner);
}

static void on_noted(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;
    struct entry *entry = runner->inbox.under_way.list[0];
    struct arena *arena = entry->reading->arena;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_INTEGER) {
        runner_put_back(runner);
        runner_back_off(runner);
        return;
    }
    if (reply->integer > SUSPECT_RUNS_MAX) {
        entry->refusal = (struct refusal){
            "kills_worker",
            text_format(arena, "%d workers died while they tried it alone; nobody has looked at it since",
                        SUSPECT_RUNS_MAX)};
        go_on(runner);
        return;
    }
    log_warn("an entry whose workers died is tried alone", LOG_STRING("step", runner->step->name),
             LOG_TEXT("entry", entry->id_text), LOG_NUMBER("deliveries", entry->deliveries));
    log_flush();
    entry->is_noted = true;
    step_check(arena, runner->step, entry);
    go_on(runner);
}

void suspect_try(struct runner *runner, void (*fn)(struct runner *runner))
{
    const struct entry *entry = runner->inbox.under_way.list[0];
    char expiry[24];
    struct text words[2];

    runner->on_suspect_noted = fn;
    if (entry->is_noted) { /* it was put back, and we live */
        fn(runner);
        return;
    }
    if (!runner->arena)
        runner->arena = arena_new();
    words[0] = stream_suspect_key(runner->arena, text_of(runner->step->name), entry->stream, entry->id_text);
    words[1] = log_number(SUSPECT_KEPT_MS, expiry);
    runner->state = RUNNER_SUSPECT;
    if (!redis_eval(runner->worker->commands, &note_script, on_noted, runner, 1, 2, words)) {
        runner_put_back(runner);
        runner_back_off(runner);
    }
}
