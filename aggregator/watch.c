/* Notices when Redis has lost data: it is empty, or an older copy of itself. Redis and the store both know the
 * incarnation of Redis, and a beat that is counted up in Redis and then noted in the store. Another incarnation, or a
 * beat or a stream that went back, is a loss. Then Redis gets a new incarnation, its streams' ids are lifted above all
 * that were used, and whoever owes events to the streams says them again (common/redrive.c), beginning with what was
 * said since the last moment at which all groups had read everything.
 *
 * One aggregator at a time watches (a lease in Redis). One that was frozen and goes on with what it saw before is
 * wrong once, not twice: so a loss is believed at the second look. */
#include "aggregator/watch.sql.h"

#include <sodium.h>
#include <stdio.h>

#include "aggregator/slot.h"
#include "aggregator/view.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis.h"
#include "common/stream.h"

/* KEYS lease, incarnation, beat, positions, recalled, streams  ARGV us, ms of the lease, each stream's readers (other
 * groups do not count)
 *
 * {0}: another one watches.
 *
 * {1, incarnation and since, beat, read up to (ms since 1970), the incarnation whose losses were all said again, last
 * id of each stream}. Read up to: the oldest entry that some group has not acknowledged; now, if there is none. The
 * position of each group, below which it has acknowledged everything, is noted in passing. */
static const struct redis_script look_script = {
    "#!lua flags=allow-oom\n" LUA_MAP LUA_TAKE_LEASE "local time = redis.call('TIME')\n"
    "local read_up_to = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
    "local function see(id)\n"
    "  local ms = tonumber(string.match(id, '%d+'))\n"
    "  if ms < read_up_to then read_up_to = ms end\n"
    "end\n"
    "local function note(key, group, pending)\n"
    "  local position, ms = group['last-delivered-id'], pending and string.match(pending, '%d+')\n"
    "  if ms then position = #ms < 16 and ms ~= '0' and string.format('%.0f-0', ms - 1) or '0-0' end\n"
    "  local field = key .. ' ' .. group['name']\n"
    "  if redis.call('HGET', KEYS[4], field) ~= position then redis.call('HSET', KEYS[4], field, position) end\n"
    "end\n"
    "local lasts = {}\n"
    "for i = 6, #KEYS do\n"
    "  lasts[i] = ''\n"
    "  if redis.call('EXISTS', KEYS[i]) == 1 then\n"
    "    lasts[i] = map(redis.call('XINFO', 'STREAM', KEYS[i]))['last-generated-id']\n"
    "    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[i])) do\n"
    "      local is = map(group)\n"
    "      if string.find(',record,' .. ARGV[i - 3] .. ',', ',' .. is['name'] .. ',', 1, true) then\n"
    "        local pending = is['pending'] > 0 and redis.call('XPENDING', KEYS[i], is['name'])[2]\n"
    "        if pending then see(pending) end\n"
    "        note(KEYS[i], is, pending)\n"
    "        local unread = redis.call('XRANGE', KEYS[i], '(' .. is['last-delivered-id'], '+', 'COUNT', 1)[1]\n"
    "        if unread then see(unread[1]) end\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "return {1, redis.call('GET', KEYS[2]) or '', redis.call('INCR', KEYS[3]), read_up_to,\n"
    "        redis.call('GET', KEYS[5]) or '', unpack(lasts, 6, #KEYS)}\n"};

/* KEYS incarnation, beat, streams  ARGV the incarnation and since when something may be lost, each stream's mark or ''
 * Streams that are gone are made again, with the group that reads them all, so that their ids can be lifted.
 * Groups of an empty stream are lifted too, or they would look as if they had something to read. */
static const struct redis_script restore_script = {
    "#!lua flags=allow-oom\n" LUA_IS_BEFORE LUA_MAP "local lifted = 0\n"
    "for i = 3, #KEYS do\n"
    "  local mark = ARGV[i - 1]\n"
    "  if mark ~= '' then\n"
    "    if redis.call('EXISTS', KEYS[i]) == 0 then\n"
    "      redis.call('XGROUP', 'CREATE', KEYS[i], 'record', '0', 'MKSTREAM')\n"
    "    end\n"
    "    if is_before(map(redis.call('XINFO', 'STREAM', KEYS[i]))['last-generated-id'], mark) then\n"
    "      redis.call('XSETID', KEYS[i], mark)\n"
    "      lifted = lifted + 1\n"
    "      for _, group in ipairs(redis.call('XLEN', KEYS[i]) == 0 and redis.call('XINFO', 'GROUPS', KEYS[i]) or {}) do\n"
    "        redis.call('XGROUP', 'SETID', KEYS[i], group[2], mark)\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "redis.call('SET', KEYS[2], 0)\n"
    "redis.call('SET', KEYS[1], ARGV[1])\n"
    "return lifted\n"};

struct wire { /* what the store says */
    bool is_known;
    char incarnation[64];
    int64_t beat, read_up_to_us, lost_since_us, lost_at_us;
    bool is_lost_lately; /* by the store's clock, as lost_at is */
};

static struct {
    struct sources *sources;
    struct loop_timer *timer;
    struct arena *arena; /* of the look under way */
    char name[40];
    bool is_suspecting;
    struct wire wire;
    struct text marks[STREAM_COUNT];
    int64_t beat, read_up_to_us; /* what Redis says */
    bool is_recalled;
    struct text incarnation, lasts[STREAM_COUNT];
} state;

static void later(int64_t delay_ms)
{
    log_flush();
    loop_timer_set(state.timer, delay_ms);
}

static void on_done(struct store *store, const struct store_failure *failure, void *context)
{
    (void)store;
    (void)context;
    if (failure)
        log_warn("cannot keep watch over Redis", LOG_STRING("why", failure->message));
    later(WATCH_MS);
}

/* ---- all is well ---- */

static void send_marks(void)
{
    struct params *params = params_new(state.arena);
    struct column *streams = params_column(params, COLUMN_INT16), *ms = params_column(params, COLUMN_INT64),
                  *seqs = params_column(params, COLUMN_INT64);

    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct entry_id id;

        if (!entry_id_parse(state.lasts[stream], &id) || id.ms == 0)
            continue;
        column_int(streams, stream);
        column_int(ms, (int64_t)id.ms);
        column_int(seqs, (int64_t)id.seq);
    }
    store_send(state.sources->store, SQL(watch_mark), params, NULL, NULL);
}

/* Until everything that was in hand at the loss has come to rest, and a while longer. */
static void send_restore(void)
{
    const struct wire *wire = &state.wire;
    struct params *params;

    if (!wire->is_lost_lately || state.read_up_to_us < wire->lost_at_us)
        return;
    params = params_new(state.arena);
    params_int64(params, wire->lost_since_us / 1000);
    params_int64(params, state.read_up_to_us / 1000 - 1);
    params_int16(params, counter_slot());
    store_send(state.sources->store, SQL(watch_restore), params, NULL, NULL);
}

static void advance(void)
{
    struct params *params = params_new(state.arena);

    params_text(params, text_of(state.wire.incarnation));
    params_int64(params, state.beat);
    params_time(params, state.read_up_to_us);
    params_bool(params, state.is_recalled);
    store_begin(state.sources->store);
    store_send(state.sources->store, SQL(watch_advance), params, NULL, NULL);
    send_marks();
    send_restore();
    store_commit(state.sources->store);
    store_sync(state.sources->store, on_done, NULL);
}

/* ---- something was lost ---- */

static void make_incarnation(char *out, size_t size)
{
    snprintf(out, size, "%08x%08x", randombytes_random(), randombytes_random());
}

static void on_restored(struct redis *redis, const struct redis_reply *reply, void *context)
{
    (void)redis;
    (void)context;
    if (redis_problem_of(reply) == REDIS_FINE)
        log_warn("Redis has a new incarnation", LOG_STRING("incarnation", state.wire.incarnation),
                 LOG_NUMBER("streams_lifted", reply->integer));
    later(WATCH_AGAIN_MS);
}

static void restore(void)
{
    struct text words[2 + STREAM_COUNT + 1 + STREAM_COUNT];
    size_t at = 0;

    words[at++] = stream_incarnation_key();
    words[at++] = stream_beat_key();
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        words[at++] = stream_key((enum stream)stream);
    words[at++] = text_format(state.arena, "%s %lld", state.wire.incarnation, (long long)state.wire.lost_since_us);
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        words[at++] = state.marks[stream].ptr ? state.marks[stream] : TEXT("");
    if (!redis_eval(state.sources->redis, &restore_script, on_restored, NULL, 2 + STREAM_COUNT, at, words))
        later(WATCH_MS);
}

static void on_declared_row(const struct rows *rows, void *context)
{
    struct wire *wire = &state.wire;
    struct text incarnation;

    (void)context;
    wire->is_known = rows_count(rows) > 0;
    if (!wire->is_known)
        return; /* another watcher was faster */
    incarnation = rows_text(rows, 0, 0);
    snprintf(wire->incarnation, sizeof wire->incarnation, "%.*s", (int)incarnation.len, incarnation.ptr);
    wire->lost_since_us = rows_is_null(rows, 0, 1) ? 0 : rows_time(rows, 0, 1);
}

/* If Redis cannot be told now, the next look finds another loss, which does no harm. */
static void on_declared(struct store *store, const struct store_failure *failure, void *context)
{
    if (failure)
        on_done(store, failure, context);
    else if (state.wire.is_known)
        restore();
    else
        later(WATCH_MS);
}

/* The store has no incarnation yet: this stack is new. */
static void begin(void)
{
    struct params *params = params_new(state.arena);
    char made[32];

    make_incarnation(made, sizeof made);
    params_text(params, state.incarnation.ptr ? state.incarnation : text_of(made));
    store_send(state.sources->store, SQL(watch_begin), params, on_declared_row, NULL);
    store_sync(state.sources->store, on_declared, NULL);
}

static void declare_loss(void)
{
    struct params *params = params_new(state.arena);
    char made[32];

    make_incarnation(made, sizeof made);
    log_error("Redis has lost data", LOG_STRING("incarnation", state.wire.incarnation), LOG_NUMBER("beat", state.beat),
              LOG_NUMBER("known_beat", state.wire.beat));
    params_text(params, text_of(state.wire.incarnation));
    params_int64(params, state.wire.beat);
    params_text(params, text_of(made));
    params_int64(params, CLOCKS_DIFFER_MS);
    store_send(state.sources->store, SQL(watch_lose), params, on_declared_row, NULL);
    store_sync(state.sources->store, on_declared, NULL);
}

/* ---- looking ---- */

/* A stream whose last id is smaller than one that it had: it was deleted, or is an older one. */
static bool has_gone_back(void)
{
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct entry_id known, last = {0};

        entry_id_parse(state.lasts[stream], &last);
        if (entry_id_parse(state.marks[stream], &known) && entry_id_compare(last, known) < 0)
            return true;
    }
    return false;
}

static void judge(void)
{
    const bool is_same = text_is(state.incarnation, state.wire.incarnation) && !has_gone_back();

    if (!state.wire.is_known) {
        begin();
    } else if (is_same && state.beat > state.wire.beat) {
        state.is_suspecting = false;
        advance();
    } else if (!state.is_suspecting) {
        state.is_suspecting = true;
        later(WATCH_AGAIN_MS);
    } else {
        state.is_suspecting = false;
        declare_loss();
    }
}

static void on_wire(const struct rows *rows, void *context)
{
    struct wire *wire = &state.wire;
    struct text incarnation;

    (void)context;
    *wire = (struct wire){0};
    if (rows_count(rows) == 0)
        return;
    incarnation = rows_text(rows, 0, 0);
    wire->is_known = true;
    snprintf(wire->incarnation, sizeof wire->incarnation, "%.*s", (int)incarnation.len, incarnation.ptr);
    wire->beat = rows_int(rows, 0, 1);
    wire->read_up_to_us = rows_time(rows, 0, 2);
    wire->lost_since_us = rows_is_null(rows, 0, 3) ? 0 : rows_time(rows, 0, 3);
    wire->lost_at_us = rows_is_null(rows, 0, 4) ? 0 : rows_time(rows, 0, 4);
    wire->is_lost_lately = !rows_is_null(rows, 0, 5) && rows_bool(rows, 0, 5);
}

static void on_marks(const struct rows *rows, void *context)
{
    (void)context;
    for (size_t row = 0; row < rows_count(rows); row++)
        if (rows_int(rows, row, 0) < STREAM_COUNT)
            state.marks[rows_int(rows, row, 0)] = entry_id_text(
                state.arena, (struct entry_id){(uint64_t)rows_int(rows, row, 1), (uint64_t)rows_int(rows, row, 2)});
}

static void on_read(struct store *store, const struct store_failure *failure, void *context)
{
    if (failure)
        on_done(store, failure, context);
    else
        judge();
}

static void on_look(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct params *params;
    struct text words;

    (void)redis;
    (void)context;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count < 5 + STREAM_COUNT ||
        !store_is_up(state.sources->store)) {
        if (reply && reply->type == REDIS_ERROR)
            log_warn("cannot keep watch over Redis", LOG_TEXT("why", reply->text));
        later(WATCH_MS);
        return;
    }
    words = text_copy(state.arena, reply->items[1]->text);
    state.incarnation = TEXT_NONE;
    if (words.len > 0)
        text_next(&words, ' ', &state.incarnation);
    state.beat = reply->items[2]->integer;
    state.read_up_to_us = reply->items[3]->integer * 1000;
    state.is_recalled = state.incarnation.ptr && text_equal(reply->items[4]->text, state.incarnation);
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        state.lasts[stream] = text_copy(state.arena, reply->items[5 + stream]->text);
        state.marks[stream] = TEXT_NONE;
    }
    params = params_new(state.arena);
    params_int64(params, RESTORE_MS);
    store_send(state.sources->store, SQL(watch_look), params, on_wire, NULL);
    store_send(state.sources->store, SQL(watch_marks), NULL, on_marks, NULL);
    store_sync(state.sources->store, on_read, NULL);
}

static void look(void *context)
{
    struct text words[5 + STREAM_COUNT + 2 + STREAM_COUNT];
    size_t at = 0;

    (void)context;
    arena_reset(state.arena);
    words[at++] = stream_state_key(state.arena, "watch", "aggregator");
    words[at++] = stream_incarnation_key();
    words[at++] = stream_beat_key();
    words[at++] = stream_positions_key();
    words[at++] = stream_recalled_key(state.arena, "hold");
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        words[at++] = stream_key((enum stream)stream);
    words[at++] = text_of(state.name);
    words[at++] = text_of_int64(state.arena, LEASE_MS);
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        words[at++] = stream_readers((enum stream)stream);
    if (!store_is_up(state.sources->store) ||
        !redis_eval(state.sources->redis, &look_script, on_look, NULL, 5 + STREAM_COUNT, at, words))
        later(WATCH_MS);
}

static void start(struct sources *sources)
{
    state.sources = sources;
    state.arena = arena_new();
    make_incarnation(state.name, sizeof state.name);
    state.timer = loop_timer_new(sources->loop, look, NULL);
    later(0);
}

static void stop(void)
{
    loop_timer_free(state.timer);
    arena_free(state.arena);
}

static const struct route routes[] = {{0}};

static const struct statement *const statements[] = {
    SQL(watch_look), SQL(watch_marks), SQL(watch_begin),   SQL(watch_advance),
    SQL(watch_mark), SQL(watch_lose),  SQL(watch_restore), NULL};

const struct view watch = {.routes = routes, .statements = statements, .start = start, .stop = stop};
