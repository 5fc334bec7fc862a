/* Taking over what dead consumers left pending. Two proofs of death: the heartbeat key is gone (killed or frozen), or
 * the advisory lock that the consumer's store session holds is free (killed: known within milliseconds). A consumer
 * that lives and is merely slow has both and keeps its entries, until one is pending for STUCK_OWNER_MS. Being wrong is
 * harmless: whoever comes second finds the work done. */
#include "common/runner.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"
#include "common/rescue.sql.h"

/* KEYS streams  ARGV group, us, entries at most, stuck after ms, suspect from deliveries on, then consumers that are
 * known to be dead
 * {{index of the stream, entries taken over, {suspect among them, its deliveries, …}}, …} and, last, {living consumers
 * that have entries pending, …}.
 * A dead consumer that has nothing left is removed in the same breath, so never with entries. XAUTOCLAIM goes through
 * the whole pending list, so it is used only when a living owner's first entry is stuck.
 * allow-oom: when memory is full, what a dead consumer holds back must drain as well.
 * A heartbeat that will last longer than it was given for was given before Redis' clock went back: it proves nothing,
 * and whoever lives soon gives another. */
static const struct redis_script rescue_script = {
    "#!lua flags=allow-oom\n"
    "local group, me, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])\n"
    "local dead, living, result = {}, {}, {}\n"
    "for i = 6, #ARGV do dead[ARGV[i]] = true end\n"
    "local function lives(name)\n"
    "  local given = redis.call('GET', 'hb:' .. name)\n"
    "  return given and redis.call('PTTL', 'hb:' .. name) <= tonumber(given)\n"
    "end\n"
    "for k, key in ipairs(KEYS) do\n"
    "  local summary = redis.pcall('XPENDING', key, group)\n"
    "  for _, owner in ipairs(summary[4] or {}) do\n"
    "    local name, taken, suspects = owner[1], {}, {}\n"
    "    if name ~= me and (dead[name] or not lives(name)) then\n"
    "      local claim = {'XCLAIM', key, group, me, 0}\n"
    "      for _, pending in ipairs(redis.call('XPENDING', key, group, '-', '+', limit, name)) do\n"
    "        claim[#claim + 1] = pending[1]\n"
    "        if pending[4] + 1 >= tonumber(ARGV[5]) then\n"
    "          suspects[#suspects + 1] = pending[1]\n"
    "          suspects[#suspects + 1] = pending[4] + 1\n"
    "        end\n"
    "      end\n"
    "      if #claim > 5 then taken = redis.call(unpack(claim)) end\n"
    "      if #redis.call('XPENDING', key, group, '-', '+', 1, name) == 0 then\n"
    "        redis.call('XGROUP', 'DELCONSUMER', key, group, name)\n"
    "      end\n"
    "    elseif name ~= me then\n"
    "      living[#living + 1] = name\n"
    "      local oldest = redis.call('XPENDING', key, group, '-', '+', 1, name)[1]\n"
    "      if oldest and oldest[3] >= tonumber(ARGV[4]) then\n"
    "        taken = redis.call('XAUTOCLAIM', key, group, me, ARGV[4], '0-0', 'COUNT', 100)[2]\n"
    "      end\n"
    "    end\n"
    "    if #taken > 0 then result[#result + 1] = {k, taken, suspects} end\n"
    "  end\n"
    "end\n"
    "result[#result + 1] = living\n"
    "return result\n"};

const struct statement *const rescue_statement = SQL(rescue_probe);

struct rescue {
    struct runner *runner;
    struct arena *arena; /* of the look under way */
    bool is_looking;
    struct text *living; /* consumers with entries pending whose heartbeat is there */
    size_t living_count;
    struct text *dead; /* those of them whose session is gone */
    size_t dead_count;
};

static void ask(struct rescue *rescue);

static void finish(struct rescue *rescue)
{
    rescue->is_looking = false;
    rescue->dead_count = rescue->living_count = 0;
    arena_reset(rescue->arena);
}

static void on_probed_rows(const struct rows *rows, void *context)
{
    struct rescue *rescue = context;

    for (size_t i = 0; i < rows_count(rows); i++)
        rescue->dead[rescue->dead_count++] = rescue->living[rows_int(rows, i, 0) - 1];
}

static void on_probed(struct store *store, const struct store_failure *failure, void *context)
{
    struct rescue *rescue = context;

    (void)store;
    if (failure || rescue->dead_count == 0)
        finish(rescue);
    else
        ask(rescue);
}

static void probe(struct rescue *rescue, const struct redis_reply *living)
{
    struct runner *runner = rescue->runner;
    struct params *params = params_new(rescue->arena);
    struct column *locks = params_column(params, COLUMN_INT64);

    rescue->living = ARENA_ARRAY(rescue->arena, struct text, living->count);
    rescue->dead = ARENA_ARRAY(rescue->arena, struct text, living->count);
    rescue->living_count = living->count;
    for (size_t i = 0; i < living->count; i++) {
        rescue->living[i] = text_copy(rescue->arena, living->items[i]->text);
        column_int(locks, (int64_t)runner_life_lock(runner->step, rescue->living[i]));
    }
    store_send(runner->store, rescue_statement, params, on_probed_rows, rescue);
    store_sync(runner->store, on_probed, rescue);
}

static void on_answer(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct rescue *rescue = context;
    struct runner *runner = rescue->runner;
    const struct redis_reply *living;
    const bool was_probed = rescue->dead_count > 0;
    size_t taken = 0;

    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count == 0) {
        if (redis_was_too_large(redis))
            runner->has_history = true; /* they are ours now; the reader fetches them in smaller portions */
        if (reply)
            log_warn("cannot look for dead consumers", LOG_STRING("step", runner->step->name),
                     LOG_TEXT("why", reply->text));
        finish(rescue);
        return;
    }
    living = reply->items[reply->count - 1];
    if (reply->count > 1) {
        inbox_keep_arena(&runner->inbox, redis_keep_reply(redis));
        for (size_t i = 0; i + 1 < reply->count; i++)
            taken += reader_take(runner, runner->step->reads[reply->items[i]->items[0]->integer - 1],
                                 reply->items[i]->items[1], ORIGIN_AGAIN, 0, reply->items[i]->items[2]);
        metrics_count(runner->metrics.taken_over, taken);
    }
    if (taken > 0)
        log_info("entries taken over", LOG_STRING("step", runner->step->name), LOG_NUMBER("count", taken));
    if (living->count > 0 && !was_probed && store_is_up(runner->store) && store_is_idle(runner->store))
        probe(rescue, living);
    else
        finish(rescue);
    if (runner->state == RUNNER_TURN && taken > 0)
        turn_ask(runner->turn); /* our first entry may be another one now */
    else
        runner_advance(runner);
}

static void ask(struct rescue *rescue)
{
    struct runner *runner = rescue->runner;
    const struct step *step = runner->step;
    struct text *words = ARENA_ARRAY(rescue->arena, struct text, step->reads_count + 5 + rescue->dead_count);
    size_t at = 0;

    for (size_t i = 0; i < step->reads_count; i++)
        words[at++] = stream_key(step->reads[i]);
    words[at++] = text_of(step->name);
    words[at++] = runner->worker->consumer;
    words[at++] = text_of_int64(rescue->arena, CLAIM_ENTRIES_MAX);
    words[at++] = text_of_int64(rescue->arena, STUCK_OWNER_MS);
    words[at++] = text_of_int64(rescue->arena, SUSPECT_DELIVERIES);
    for (size_t i = 0; i < rescue->dead_count; i++)
        words[at++] = rescue->dead[i];
    rescue->is_looking =
        redis_eval(runner->worker->commands, &rescue_script, on_answer, rescue, step->reads_count, at, words);
    if (!rescue->is_looking)
        finish(rescue);
}

void rescue_look(struct rescue *rescue)
{
    if (rescue->is_looking || !rescue->runner->worker->is_alive || rescue->runner->worker->is_draining)
        return;
    rescue->is_looking = true;
    ask(rescue);
}

struct rescue *rescue_new(struct runner *runner)
{
    struct rescue *rescue = calloc(1, sizeof *rescue);

    if (!rescue)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    rescue->runner = runner;
    rescue->arena = arena_new();
    return rescue;
}

void rescue_free(struct rescue *rescue)
{
    if (!rescue)
        return;
    arena_free(rescue->arena);
    free(rescue);
}
