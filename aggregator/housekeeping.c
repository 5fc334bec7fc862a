/* Every HOUSEKEEPING_MS: how full Redis is, then for each stream one script that removes consumers and one that trims,
 * repeated while it cuts off as much as it may at once. */
#include "aggregator/housekeeping.h"

#include "common/backlog.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/redis.h"
#include "common/stream.h"

/* KEYS stream  ARGV entries that stay, entries cut off at most, seconds that every entry stays (0: none), then the
 * groups that must be there
 * {entries cut off, entries left, the group that needs the oldest entry, that entry's id}; an id of '': the group is
 * missing, and nothing is cut off before it has been made and has read.
 *
 * Whatever a group has not read, or has read and not acknowledged, stays, and so it does if the group's position was
 * set back by hand. A group that somebody made for himself counts like ours. `~` cuts off whole nodes of the stream
 * only, and LIMIT never more than so many: the newest stay without being looked for. allow-oom: trimming is what makes
 * room. */
static const struct redis_script trim_script = {
    "#!lua flags=allow-oom\n" LUA_IS_BEFORE LUA_MAP "local key = KEYS[1]\n"
    "local length = redis.call('XLEN', key)\n"
    "local most = math.min(length - tonumber(ARGV[1]), tonumber(ARGV[2]))\n"
    "if most <= 0 then return {0, length, '', '0-0'} end\n"
    "local missing, cut, holder = {}, nil, ''\n"
    "for i = 4, #ARGV do missing[ARGV[i]] = true end\n"
    "local function keep_from(id, who)\n"
    "  if not cut or is_before(id, cut) then cut, holder = id, who end\n"
    "end\n"
    "for _, info in ipairs(redis.call('XINFO', 'GROUPS', key)) do\n"
    "  local group = map(info)\n"
    "  missing[group.name] = nil\n"
    "  keep_from(group['last-delivered-id'], group.name)\n"
    "  local oldest = redis.call('XPENDING', key, group.name, '-', '+', 1)[1]\n"
    "  if oldest then keep_from(oldest[1], group.name) end\n"
    "end\n"
    "local absent = next(missing)\n"
    "if absent then return {0, length, absent, ''} end\n"
    "if tonumber(ARGV[3]) > 0 then\n"
    "  keep_from(string.format('%.0f-0', (redis.call('TIME')[1] - ARGV[3]) * 1000), '')\n"
    "end\n"
    "local gone = redis.call('XTRIM', key, 'MINID', '~', cut, 'LIMIT', most)\n"
    "return {gone, length - gone, holder, cut}\n"};

/* KEYS stream  ARGV groups
 * {group, consumer, …} that were removed. A consumer that lives and waits is made again when it is given an entry. */
static const struct redis_script consumers_script = {
    "#!lua flags=allow-oom\n" LUA_MAP "local removed = {}\n"
    "for _, group in ipairs(ARGV) do\n"
    "  for _, info in ipairs(redis.pcall('XINFO', 'CONSUMERS', KEYS[1], group)) do\n"
    "    local consumer = map(info)\n"
    "    if consumer.pending == 0 and redis.call('EXISTS', 'hb:' .. consumer.name) == 0 then\n"
    "      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, consumer.name)\n"
    "      removed[#removed + 1] = group\n"
    "      removed[#removed + 1] = consumer.name\n"
    "    end\n"
    "  end\n"
    "end\n"
    "return removed\n"};

struct tended { /* one stream */
    enum stream stream;
    int64_t warned_us; /* 0: never */
    struct metrics_counter *trimmed;
    struct metrics_gauge *length;
};

static struct {
    struct redis *redis;
    struct loop_timer *timer;
    bool is_memory_short;
    struct tended tended[STREAM_COUNT];
    struct metrics_counter *removed;
} state;

static void trim(struct tended *tended);

/* ---- trimming ---- */

/* The operator must act: a step that never runs, or a group that somebody made and forgot, fills the memory. */
static void warn_if_held(struct tended *tended, int64_t left, struct text holder, struct text needed)
{
    const int64_t now_us = clock_monotonic_us();
    struct entry_id id = {0};
    char number[24], behind[24];

    if (left <= config()->stream_keep + TRIM_ENTRIES_MAX || holder.len == 0 ||
        (tended->warned_us && now_us - tended->warned_us < (int64_t)TRIM_WARN_MS * 1000))
        return;
    if (needed.len == 0)
        log_warn("stream cannot be trimmed: a group that must read it does not exist",
                 LOG_TEXT("stream", stream_key(tended->stream)), LOG_TEXT("group", holder),
                 LOG_TEXT("entries", log_number(left, number)));
    else if (entry_id_parse(needed, &id) && clock_now_ms() - (int64_t)id.ms > TRIM_HELD_MS)
        log_warn("stream cannot be trimmed: a group is behind", LOG_TEXT("stream", stream_key(tended->stream)),
                 LOG_TEXT("group", holder), LOG_TEXT("entries", log_number(left, number)),
                 LOG_TEXT("behind_ms", log_number(clock_now_ms() - (int64_t)id.ms, behind)),
                 LOG_STRING("remedy", stream_has_reader(tended->stream, holder)
                                          ? "more workers"
                                          : "XGROUP DESTROY it if nobody needs it"));
    else
        return;
    tended->warned_us = now_us;
}

static void on_trimmed(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct tended *tended = context;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE) {
        if (reply)
            log_warn("cannot trim", LOG_TEXT("stream", stream_key(tended->stream)), LOG_TEXT("why", reply->text));
        return;
    }
    if (reply->type != REDIS_ARRAY || reply->count != 4)
        return;
    metrics_count(tended->trimmed, (uint64_t)reply->items[0]->integer);
    metrics_set(tended->length, (double)reply->items[1]->integer);
    if (reply->items[0]->integer >= TRIM_ENTRIES_MAX / 2)
        trim(tended); /* there may be more; others come in between */
    else
        warn_if_held(tended, reply->items[1]->integer, reply->items[2]->text, reply->items[3]->text);
}

/* The readers of a stream, record among them; how many. */
static size_t add_readers(enum stream stream, struct text *words)
{
    struct text rest = stream_readers(stream);
    size_t count = 0;

    words[count++] = TEXT("record");
    while (rest.len > 0 && text_next(&rest, ',', &words[count]))
        count++;
    return count;
}

#define READERS_MAX 8

static void trim(struct tended *tended)
{
    const int64_t keep = state.is_memory_short ? 0 : config()->stream_keep;
    const bool is_kept = tended->stream == DEAD && !state.is_memory_short;
    char kept[24], most[24], seconds[24];
    struct text words[4 + READERS_MAX] = {stream_key(tended->stream), log_number(keep, kept),
                                          log_number(TRIM_ENTRIES_MAX, most),
                                          log_number(is_kept ? DEAD_KEPT_S : 0, seconds)};
    const size_t count = 4 + add_readers(tended->stream, words + 4);

    redis_eval(state.redis, &trim_script, on_trimmed, tended, 1, count, words);
}

/* ---- consumers ---- */

static void on_removed(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct tended *tended = context;

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        log_info("dead consumer removed", LOG_TEXT("stream", stream_key(tended->stream)),
                 LOG_TEXT("group", reply->items[i]->text), LOG_TEXT("consumer", reply->items[i + 1]->text));
    metrics_count(state.removed, reply->count / 2);
}

static void remove_consumers(struct tended *tended)
{
    struct text words[1 + READERS_MAX] = {stream_key(tended->stream)};
    const size_t count = 1 + add_readers(tended->stream, words + 1);

    redis_eval(state.redis, &consumers_script, on_removed, tended, 1, count, words);
}

/* ---- rounds ---- */

/* What nobody needs gives way long before the front door has to be closed. */
static void on_memory(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct backlog backlog = {0};

    (void)redis;
    (void)context;
    if (!reply)
        return;
    if (reply->type == REDIS_TEXT)
        backlog_read_memory(reply->text, &backlog);
    state.is_memory_short = backlog_memory_percent(&backlog) >= TRIM_KEEP_ALL_BELOW;
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        remove_consumers(&state.tended[stream]);
        trim(&state.tended[stream]);
    }
}

static void tend(void *context)
{
    (void)context;
    loop_timer_set(state.timer, HOUSEKEEPING_MS + jitter_ms(HOUSEKEEPING_MS / 4, HOUSEKEEPING_MS / 4, 0));
    redis_sendv(state.redis, on_memory, NULL, "INFO", "memory", NULL);
    log_flush();
}

void housekeeping_start(struct loop *loop)
{
    state.removed = metrics_counter("karcis_consumers_removed_total", "Dead consumers removed from groups.", NULL);
    for (int i = 0; i < STREAM_COUNT; i++) {
        const char *key = stream_key((enum stream)i).ptr;

        state.tended[i] = (struct tended){
            .stream = (enum stream)i,
            .trimmed =
                metrics_counter("karcis_trimmed_entries_total",
                                "Entries that all groups had read, cut off by this process.", "stream", key, NULL),
            .length = metrics_gauge("karcis_stream_entries", "Entries on the stream.", "stream", key, NULL),
        };
    }
    state.redis = redis_open(loop, &(struct redis_options){.url = config()->redis_url,
                                                           .name = "aggregator-housekeeping",
                                                           .command_ms = REDIS_COMMAND_MS});
    state.timer = loop_timer_new(loop, tend, NULL);
    loop_timer_set(state.timer, HOUSEKEEPING_MS);
}

void housekeeping_stop(void)
{
    loop_timer_free(state.timer);
    redis_close(state.redis);
}
