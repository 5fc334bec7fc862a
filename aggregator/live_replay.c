/* See live_replay.h. One script reads all streams in one moment. */
#include "aggregator/live_replay.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/redis.h"

/* KEYS the streams  ARGV how many entries of each at most, then for each stream from and to
 * For each stream its entries; or false if some may be missing: the stream ends before `from` (it is another one), or
 * entries behind `from` were trimmed, or there are too many. */
static const struct redis_script missed_script = {
    "#!lua flags=no-writes\n" LUA_IS_BEFORE LUA_MAP "local missed = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local from, to = ARGV[2 * i], ARGV[2 * i + 1]\n"
    "  missed[i] = {}\n"
    "  if redis.call('EXISTS', key) == 0 then\n"
    "    if from ~= '0-0' then return false end\n"
    "  elseif is_before(from, to) then\n"
    "    local stream = map(redis.call('XINFO', 'STREAM', key))\n"
    "    local first = stream['first-entry'] and stream['first-entry'][1]\n"
    "    if is_before(stream['last-generated-id'], from) then return false end\n"
    "    if stream['entries-added'] > stream['length'] and (not first or is_before(from, first)) then return false end\n"
    "    missed[i] = redis.call('XRANGE', key, '(' .. from, to, 'COUNT', ARGV[1] + 1)\n"
    "    if #missed[i] > tonumber(ARGV[1]) then return false end\n"
    "  elseif is_before(to, from) then\n"
    "    return false\n"
    "  end\n"
    "end\n"
    "return missed\n"};

static const struct redis_script place_script = {
    "#!lua flags=no-writes\n" LUA_MAP "local place = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  place[i] = '0-0'\n"
    "  if redis.call('EXISTS', key) == 1 then place[i] = map(redis.call('XINFO', 'STREAM', key))['last-generated-id'] end\n"
    "end\n"
    "return place\n"};

struct replay {
    struct arena *arena;
    live_replay_fn *fn;
    live_place_fn *place_fn;
    void *context;
};

static struct entry read_entry(struct arena *arena, enum stream stream, const struct redis_reply *reply)
{
    const struct redis_reply *fields = reply->items[1];
    struct text *pairs = ARENA_ARRAY(arena, struct text, fields->count + 1);
    struct entry entry = {
        .stream = stream, .id_text = reply->items[0]->text, .pair_count = fields->count / 2, .pairs = pairs};

    for (size_t i = 0; i < fields->count; i++)
        pairs[i] = fields->items[i]->text;
    entry_id_parse(entry.id_text, &entry.id);
    return entry;
}

static void on_missed(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct replay *replay = context;
    struct buffer buffer = buffer_in(replay->arena);
    struct live_event *events;
    size_t count = 0, most = 0;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE) {
        replay->fn(LIVE_MISSED_UNKNOWN, NULL, 0, replay->context);
        return;
    }
    if (reply->type != REDIS_ARRAY || reply->count != LIVE_STREAMS) {
        replay->fn(LIVE_MISSED_GONE, NULL, 0, replay->context);
        return;
    }
    for (size_t i = 0; i < reply->count; i++)
        most += reply->items[i]->count;
    events = ARENA_ARRAY(replay->arena, struct live_event, most + 1);
    for (size_t i = 0; i < reply->count; i++)
        for (size_t j = 0; j < reply->items[i]->count; j++) {
            const struct redis_reply *item = reply->items[i]->items[j];
            struct entry entry;

            if (item->type != REDIS_ARRAY || item->count != 2)
                continue;
            entry = read_entry(replay->arena, live_streams[i], item);
            count += live_format(&buffer, &entry, &events[count]);
        }
    qsort(events, count, sizeof *events, live_compare);
    replay->fn(LIVE_MISSED_KNOWN, events, count, replay->context);
}

static void on_place(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct replay *replay = context;
    struct live_place place;
    bool is_known = redis_problem_of(reply) == REDIS_FINE && reply->count == LIVE_STREAMS;

    (void)redis;
    for (size_t i = 0; is_known && i < LIVE_STREAMS; i++)
        is_known = entry_id_parse(reply->items[i]->text, &place.ids[i]);
    replay->place_fn(is_known ? &place : NULL, replay->context);
}

bool live_replay(struct redis *redis, struct arena *arena, const struct live_place *from, const struct live_place *to,
                 live_replay_fn *fn, void *context)
{
    struct text words[LIVE_STREAMS + 1 + 2 * LIVE_STREAMS];
    struct replay *replay = ARENA_NEW(arena, struct replay);
    size_t count = 0;

    *replay = (struct replay){.arena = arena, .fn = fn, .context = context};
    for (int i = 0; i < LIVE_STREAMS; i++)
        words[count++] = stream_key(live_streams[i]);
    words[count++] = text_of_int64(arena, LIVE_REPLAY_ENTRIES);
    for (int i = 0; i < LIVE_STREAMS; i++) {
        words[count++] = entry_id_text(arena, from->ids[i]);
        words[count++] = entry_id_text(arena, to->ids[i]);
    }
    return redis_eval(redis, &missed_script, on_missed, replay, LIVE_STREAMS, count, words);
}

bool live_find_place(struct redis *redis, struct arena *arena, live_place_fn *fn, void *context)
{
    struct text words[LIVE_STREAMS];
    struct replay *replay = ARENA_NEW(arena, struct replay);

    *replay = (struct replay){.arena = arena, .place_fn = fn, .context = context};
    for (int i = 0; i < LIVE_STREAMS; i++)
        words[i] = stream_key(live_streams[i]);
    return redis_eval(redis, &place_script, on_place, replay, LIVE_STREAMS, LIVE_STREAMS, words);
}
