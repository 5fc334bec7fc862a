/* Getting entries: groups, XREADGROUP, what this consumer was given before, and postponed entries that are due. */
#include "common/runner.h"

#include <stdio.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"

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

static unsigned deliveries_of(const struct redis_reply *suspects, struct text id)
{
    for (size_t i = 0; suspects && i + 1 < suspects->count; i += 2)
        if (text_equal(suspects->items[i]->text, id))
            return (unsigned)suspects->items[i + 1]->integer;
    return 0;
}

size_t reader_take(struct runner *runner, enum stream stream, const struct redis_reply *entries, enum origin origin,
                   unsigned attempts, const struct redis_reply *suspects)
{
    struct arena *arena = inbox_last_arena(&runner->inbox);
    size_t taken = 0;

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
        /* What comes anew through `>` cannot be known; claimed and re-read entries are few. */
        if (origin == ORIGIN_AGAIN && inbox_knows(&runner->inbox, entry))
            continue;
        entry->attempts = attempts;
        entry->deliveries = deliveries_of(suspects, entry->id_text);
        if (!is_suspect(entry)) /* nor is it looked at before it stands alone */
            step_check(arena, runner->step, entry);
        if (entry->refusal.reason && !runner->step->wants_refused)
            inbox_refuse(&runner->inbox, entry);
        else
            inbox_add(&runner->inbox, entry);
        taken++;
    }
    inbox_sort(&runner->inbox);
    runner->turn_count = 0;
    metrics_count(runner->metrics.entries, taken);
    if (origin == ORIGIN_AGAIN)
        metrics_count(runner->metrics.redelivered, taken);
    return taken;
}

/* ---- reading ---- */

/* KEYS stream, positions  ARGV group
 * BUSYGROUP is the usual answer. A group that was destroyed goes on where all was acknowledged, as far as that is known
 * and the stream is still the same; else from 0, not $: what was said before the first worker came counts too.
 * allow-oom: when memory is full, whoever reads makes room, and cannot read without a group. */
static const struct redis_script group_script = {
    "#!lua flags=allow-oom\n" LUA_IS_BEFORE LUA_MAP
    "local from = redis.call('HGET', KEYS[2], KEYS[1] .. ' ' .. ARGV[1]) or '0-0'\n"
    "if redis.call('EXISTS', KEYS[1]) == 0 or\n"
    "   is_before(map(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id'], from) then from = '0-0' end\n"
    "return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], from, 'MKSTREAM')\n"};

static void set_up_groups(struct runner *runner)
{
    for (size_t i = 0; i < runner->step->reads_count; i++) {
        const struct text words[] = {stream_key(runner->step->reads[i]), stream_positions_key(),
                                     text_of(runner->step->name)};

        redis_eval(runner->reader, &group_script, NULL, NULL, 2, 3, words);
    }
}

static void take_streams(struct runner *runner, const struct redis_reply *reply, size_t asked, enum origin origin)
{
    for (size_t i = 0; i < reply->count; i++) {
        const struct redis_reply *entries = reply->items[i]->items[1];
        enum stream stream;
        size_t taken;

        if (!stream_of_key(reply->items[i]->items[0]->text, &stream))
            continue;
        taken = reader_take(runner, stream, entries, origin, 0, NULL);
        /* A full page of history may have more behind it; it shows when these are acknowledged. */
        if (origin == ORIGIN_AGAIN && taken > 0 && entries->count >= asked)
            runner->has_history = true;
    }
}

static void ask_for_more(struct runner *runner)
{
    runner->read_count *= 2;
    if (runner->read_count > (size_t)config()->batch)
        runner->read_count = (size_t)config()->batch;
}

static void ask_for_less(struct runner *runner)
{
    runner->read_count = runner->read_count > 4 ? runner->read_count / 4 : 1;
    runner->read_stream = (runner->read_stream + 1) % runner->step->reads_count;
}

static void on_read(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;
    const enum origin origin = runner->reads_history ? ORIGIN_AGAIN : ORIGIN_NEW;
    const size_t asked = runner->read_count;

    runner->is_reading = false;
    if (redis_problem_of(reply) != REDIS_FINE && runner->reads_history)
        runner->has_history = true;
    switch (redis_problem_of(reply)) {
    case REDIS_FINE:
        break;
    case REDIS_LOST:
        if (redis_was_too_large(redis))
            ask_for_less(runner); /* what it brought is pending, and comes again as history */
        return;
    case REDIS_NO_GROUP:
        log_warn("group is gone, made again", LOG_STRING("step", runner->step->name));
        set_up_groups(runner);
        runner_advance_later(runner, 100);
        return;
    default:
        log_error("cannot read", LOG_STRING("step", runner->step->name), LOG_TEXT("why", reply->text));
        runner_back_off(runner);
        return;
    }
    if (reply->type == REDIS_ARRAY) {
        struct arena *arena = redis_keep_reply(redis);

        inbox_keep_arena(&runner->inbox, arena);
        if (arena_bytes(arena) > READ_BYTES_WANTED)
            ask_for_less(runner);
        else if (asked > 1)
            ask_for_more(runner);
        take_streams(runner, reply, asked, origin);
    }
    if (asked == 1) {
        runner->has_history = runner->has_history || origin == ORIGIN_AGAIN; /* that was one stream's */
        ask_for_more(runner);
    }
    runner_advance(runner);
}

static bool may_read(const struct runner *runner)
{
    return !runner->worker->is_draining && !runner->is_reading && runner->worker->is_alive &&
           redis_is_up(runner->reader) && runner->inbox.postponed_count < RETRY_ENTRIES_MAX;
}

void reader_read(struct runner *runner)
{
    const struct step *step = runner->step;
    const size_t streams = runner->read_count > 1 ? step->reads_count : 1;
    struct text words[9 + 2 * STEP_STREAMS_MAX];
    char count[24], block[24];
    size_t at = 0;

    if (!may_read(runner))
        return;
    words[at++] = TEXT("XREADGROUP");
    words[at++] = TEXT("GROUP");
    words[at++] = text_of(step->name);
    words[at++] = runner->worker->consumer;
    words[at++] = TEXT("COUNT");
    words[at++] = log_number((int64_t)runner->read_count, count);
    if (!runner->has_history) {
        words[at++] = TEXT("BLOCK");
        words[at++] = log_number(REDIS_READ_BLOCK_MS, block);
        redis_expect_block(runner->reader, REDIS_READ_BLOCK_MS);
    }
    words[at++] = TEXT("STREAMS");
    for (size_t i = 0; i < streams; i++)
        words[at++] = stream_key(step->reads[(runner->read_stream + i) % step->reads_count]);
    for (size_t i = 0; i < streams; i++)
        words[at++] = runner->has_history ? TEXT("0") : TEXT(">");
    runner->is_reading = redis_send(runner->reader, on_read, runner, at, words);
    runner->reads_history = runner->has_history;
    runner->has_history = false; /* until more turns up, maybe while this one waits */
}

static void on_reader_id(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;

    (void)redis;
    if (reply && reply->type == REDIS_INTEGER)
        runner->reader_id = log_number(reply->integer, runner->reader_id_digits);
}

void reader_on_state(struct redis *redis, bool is_up, void *context)
{
    struct runner *runner = context;

    runner->reader_id = TEXT_NONE;
    if (!is_up) {
        runner->is_reading = false;
        if (runner->worker->is_draining)
            runner_advance_later(runner, 0); /* it was all that we waited for */
        return;
    }
    set_up_groups(runner);
    redis_sendv(redis, on_reader_id, runner, "CLIENT", "ID", NULL);
    runner->has_history = true; /* a reply may have been lost with the connection */
    if (runner->state == RUNNER_TURN)
        reader_read(runner); /* what we wait for may be our own */
    else
        runner_advance(runner);
}

void reader_unblock(struct runner *runner)
{
    const struct text words[] = {TEXT("CLIENT"), TEXT("UNBLOCK"), runner->reader_id};

    if (runner->is_reading && runner->reader_id.ptr)
        redis_send(runner->worker->commands, NULL, NULL, 3, words);
}

/* ---- postponed entries ---- */

/* One answer for each entry asked for, in the order of asking; so the first that is being fetched is meant. */
static void on_fetched(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct runner *runner = context;
    struct inbox *inbox = &runner->inbox;
    struct postponed fetched;
    size_t i = 0;

    while (i < inbox->postponed_count && !inbox->postponed[i].is_fetching)
        i++;
    if (i == inbox->postponed_count)
        return;
    if (redis_problem_of(reply) != REDIS_FINE) {
        inbox->postponed[i].is_fetching = false;
        inbox->postponed[i].due_us = clock_monotonic_us() + RETRY_MS_BASE * 1000;
        runner_advance_later(runner, RETRY_MS_BASE);
        return;
    }
    fetched = inbox->postponed[i];
    inbox_keep_arena(inbox, redis_keep_reply(redis));
    if (reply->count == 0)
        drop_vanished(runner, fetched.stream, entry_id_text(inbox_last_arena(inbox), fetched.id));
    else
        reader_take(runner, fetched.stream, reply, ORIGIN_AGAIN, fetched.attempts, NULL);
    inbox_end_postponed(inbox, i);
    runner_advance(runner);
}

void reader_fetch_due(struct runner *runner)
{
    const int64_t now_us = clock_monotonic_us();
    int64_t next_us = INT64_MAX;

    for (size_t i = 0; i < runner->inbox.postponed_count; i++) {
        struct postponed *postponed = &runner->inbox.postponed[i];
        char id[ENTRY_ID_TEXT_BYTES + 1];

        if (postponed->is_fetching)
            continue;
        if (postponed->due_us > now_us) {
            next_us = postponed->due_us < next_us ? postponed->due_us : next_us;
            continue;
        }
        snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)postponed->id.ms,
                 (unsigned long long)postponed->id.seq);
        postponed->is_fetching = redis_sendv(runner->worker->commands, on_fetched, runner, "XRANGE",
                                             stream_key(postponed->stream).ptr, id, id, NULL);
    }
    if (next_us != INT64_MAX)
        runner_advance_later(runner, (next_us - now_us) / 1000 + 1);
}
