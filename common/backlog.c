/* First burst: memory, the time, and each stream with its groups. Second: for each group that has any, the oldest
 * pending entry and the first unread ones. */
#include "common/backlog.h"

#include "common/arena.h"
#include "common/redis.h"

struct probe;

struct collection {
    struct redis *redis;
    struct arena *arena;
    enum backlog_detail detail;
    struct backlog backlog;
    int64_t now_ms; /* Redis' clock */
    struct entry_id last[STREAM_COUNT];
    struct probe *probes[STREAM_COUNT][BACKLOG_GROUPS_MAX]; /* made in the first burst for the second */
    unsigned waiting;                                       /* answers to come */
    bool has_finished_groups;
    bool has_failed;
    backlog_fn *fn;
    void *context;
};

/* One command under way. */
struct probe {
    struct collection *collection;
    int stream;
    struct backlog_group *group; /* second burst */
    struct entry_id delivered;
    int64_t reported;
};

int64_t backlog_lag(int64_t counted, int64_t reported, int64_t length)
{
    if (counted <= BACKLOG_COUNTED_MAX)
        return counted;
    return reported >= counted && reported <= length ? reported : length;
}

/* How much too high Redis reports each group's lag: after a restart it is so by what had been read since the log was
 * last rewritten, for as long as the group exists. Seen, and remembered, whenever a group has read everything. */
#define OWN_GROUPS_MAX 8
static int64_t excess[STREAM_COUNT][OWN_GROUPS_MAX];

/* NULL for groups that people made. */
static int64_t *excess_of(int stream, struct text group)
{
    struct text rest = stream_readers((enum stream)stream), reader;

    if (text_is(group, "record"))
        return &excess[stream][0];
    for (size_t i = 1; i < OWN_GROUPS_MAX && rest.len > 0 && text_next(&rest, ',', &reader); i++)
        if (text_equal(reader, group))
            return &excess[stream][i];
    return NULL;
}

int64_t backlog_reported(int64_t reported, bool has_unread, int64_t *too_high)
{
    if (reported < 0)
        return reported;
    if (!has_unread)
        *too_high = reported;
    else if (*too_high > reported) /* it is another group by now */
        *too_high = 0;
    return reported - *too_high;
}

/* A group's lag without having looked at the entries. */
static int64_t lag_unseen(bool has_unread, int64_t reported, int64_t length)
{
    if (!has_unread)
        return 0;
    return reported >= 0 && reported <= length ? reported : length;
}

static int64_t waits_for(const struct backlog *backlog, int stream, struct text reader)
{
    for (size_t i = 0; i < backlog->streams[stream].group_count; i++) {
        const struct backlog_group *group = &backlog->streams[stream].groups[i];

        if (text_equal(group->name, reader))
            return group->lag + group->pending;
    }
    return backlog->streams[stream].length;
}

int64_t backlog_waiting(const struct backlog *backlog)
{
    int64_t waiting = 0;

    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct text rest = stream_readers((enum stream)stream), reader;
        int64_t most = 0;

        while (rest.len > 0 && text_next(&rest, ',', &reader)) {
            const int64_t count = waits_for(backlog, stream, reader);

            most = count > most ? count : most;
        }
        waiting += most;
    }
    return waiting;
}

int backlog_memory_percent(const struct backlog *backlog)
{
    return backlog->memory_max > 0 ? (int)((double)backlog->memory_used * 100 / (double)backlog->memory_max) : 0;
}

void backlog_read_memory(struct text info, struct backlog *backlog)
{
    struct text line, name;

    while (text_next(&info, '\n', &line)) {
        int64_t *number = NULL;

        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        text_next(&line, ':', &name);
        if (text_is(name, "used_memory"))
            number = &backlog->memory_used;
        else if (text_is(name, "maxmemory"))
            number = &backlog->memory_max;
        if (number && !text_to_int64(line, 0, INT64_MAX, number))
            *number = 0;
    }
}

static void advance(struct collection *collection);

/* The value behind a name in a flat array of names and values; NULL if it is not there. */
static const struct redis_reply *find(const struct redis_reply *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->count; i += 2)
        if (text_is(map->items[i]->text, name))
            return map->items[i + 1];
    return NULL;
}

static int64_t find_integer(const struct redis_reply *map, const char *name)
{
    const struct redis_reply *found = find(map, name);

    return found && found->type == REDIS_INTEGER ? found->integer : -1;
}

/* An entry is [id, fields]. */
static bool read_entry_id(const struct redis_reply *entry, struct entry_id *id)
{
    return entry && entry->type == REDIS_ARRAY && entry->count > 0 && entry_id_parse(entry->items[0]->text, id);
}

static void ask(struct probe *probe, redis_reply_fn *fn, size_t count, const struct text *words)
{
    if (redis_send(probe->collection->redis, fn, probe, count, words))
        probe->collection->waiting++;
    else
        probe->collection->has_failed = true;
}

static struct probe *probe_new(struct collection *collection, int stream)
{
    struct probe *probe = ARENA_NEW(collection->arena, struct probe);

    probe->collection = collection;
    probe->stream = stream;
    return probe;
}

/* A reply that is an array; anything else but a stream that does not exist is a failure. */
static bool is_usable(struct probe *probe, const struct redis_reply *reply)
{
    if (reply && reply->type == REDIS_ARRAY)
        return true;
    if (!reply || redis_problem_of(reply) != REDIS_REFUSED)
        probe->collection->has_failed = true;
    return false;
}

static void settle(struct probe *probe)
{
    probe->collection->waiting--;
    advance(probe->collection);
}

/* ---- second burst ---- */

static void on_pending(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;
    struct entry_id oldest;

    (void)redis;
    if (is_usable(probe, reply) && reply->count > 1 && entry_id_parse(reply->items[1]->text, &oldest))
        probe->group->oldest_pending_ms = probe->collection->now_ms - (int64_t)oldest.ms;
    settle(probe);
}

static void on_unread(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;
    struct entry_id oldest;

    (void)redis;
    if (is_usable(probe, reply)) {
        probe->group->lag = backlog_lag((int64_t)reply->count, probe->reported,
                                        probe->collection->backlog.streams[probe->stream].length);
        if (reply->count > 0 && read_entry_id(reply->items[0], &oldest))
            probe->group->oldest_unread_ms = probe->collection->now_ms - (int64_t)oldest.ms;
    }
    settle(probe);
}

static void ask_group(struct probe *probe)
{
    struct collection *collection = probe->collection;
    const struct text key = stream_key((enum stream)probe->stream);
    const struct text pending[] = {TEXT("XPENDING"), key, probe->group->name};
    const struct text behind = entry_id_text(collection->arena, probe->delivered);
    const struct text unread[] = {
        TEXT("XRANGE"), key,           text_format(collection->arena, "(%.*s", (int)behind.len, behind.ptr),
        TEXT("+"),      TEXT("COUNT"), text_of_int64(collection->arena, BACKLOG_COUNTED_MAX + 1)};

    if (probe->group->pending > 0)
        ask(probe, on_pending, sizeof pending / sizeof *pending, pending);
    if (entry_id_compare(collection->last[probe->stream], probe->delivered) > 0)
        ask(probe, on_unread, sizeof unread / sizeof *unread, unread);
}

/* ---- first burst ---- */

static void on_time(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;
    int64_t seconds, us;

    (void)redis;
    if (is_usable(probe, reply) && reply->count == 2 &&
        text_to_int64(reply->items[0]->text, 0, INT64_MAX / 1000, &seconds) &&
        text_to_int64(reply->items[1]->text, 0, 999999, &us))
        probe->collection->now_ms = seconds * 1000 + us / 1000;
    settle(probe);
}

/* Whoever may not ask (an older list of users) does without. */
static void on_memory(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;

    (void)redis;
    if (!reply)
        probe->collection->has_failed = true;
    else if (reply->type == REDIS_TEXT)
        backlog_read_memory(reply->text, &probe->collection->backlog);
    settle(probe);
}

static void on_stream(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;
    struct collection *collection = probe->collection;

    (void)redis;
    if (is_usable(probe, reply)) {
        collection->backlog.streams[probe->stream].length = find_integer(reply, "length");
        read_entry_id(find(reply, "last-entry"), &collection->last[probe->stream]);
    }
    settle(probe);
}

static void read_group(struct probe *probe, const struct redis_reply *reply, struct text name)
{
    struct collection *collection = probe->collection;
    const size_t index = collection->backlog.streams[probe->stream].group_count++;
    const struct redis_reply *delivered = find(reply, "last-delivered-id");
    struct backlog_group *group = &collection->backlog.streams[probe->stream].groups[index];
    struct probe *of_group = probe_new(collection, probe->stream);

    group->name = text_copy(collection->arena, name);
    group->pending = find_integer(reply, "pending");
    group->consumers = find_integer(reply, "consumers");
    of_group->group = group;
    of_group->reported = find_integer(reply, "lag");
    if (delivered)
        entry_id_parse(delivered->text, &of_group->delivered);
    collection->probes[probe->stream][index] = of_group;
}

/* Ours first: however many groups people make, none of ours is left out. */
static void read_groups(struct probe *probe, const struct redis_reply *reply, bool are_ours)
{
    const size_t *count = &probe->collection->backlog.streams[probe->stream].group_count;

    for (size_t i = 0; i < reply->count && *count < BACKLOG_GROUPS_MAX; i++) {
        const struct redis_reply *name = find(reply->items[i], "name");

        if (name && stream_has_reader((enum stream)probe->stream, name->text) == are_ours)
            read_group(probe, reply->items[i], name->text);
    }
}

static void on_groups(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;

    (void)redis;
    if (is_usable(probe, reply)) {
        read_groups(probe, reply, true);
        read_groups(probe, reply, false);
    }
    settle(probe);
}

/* What the first burst says about each group; the second looks closer. */
static void finish_groups(struct collection *collection)
{
    collection->has_finished_groups = true;
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        for (size_t i = 0; i < collection->backlog.streams[stream].group_count; i++) {
            struct probe *probe = collection->probes[stream][i];
            const bool has_unread = entry_id_compare(collection->last[stream], probe->delivered) > 0;
            int64_t nothing = 0, *too_high = excess_of(stream, probe->group->name);

            probe->reported = backlog_reported(probe->reported, has_unread, too_high ? too_high : &nothing);
            probe->group->lag = lag_unseen(has_unread, probe->reported, collection->backlog.streams[stream].length);
            if (collection->detail == BACKLOG_ALL)
                ask_group(probe);
        }
}

/* Called after each answer: on to the second burst, or to the end. */
static void advance(struct collection *collection)
{
    if (collection->waiting == 0 && !collection->has_finished_groups && !collection->has_failed)
        finish_groups(collection);
    if (collection->waiting > 0)
        return;
    collection->backlog.is_known = !collection->has_failed;
    collection->fn(&collection->backlog, collection->context);
}

static void ask_stream(struct collection *collection, int stream)
{
    const struct text key = stream_key((enum stream)stream);

    if (collection->detail == BACKLOG_FLOW && stream_readers((enum stream)stream).len == 0)
        return;
    /* In this order: when the stream's last entry is one that the group had read, nothing was unread a moment before.
     */
    ask(probe_new(collection, stream), on_groups, 3, (const struct text[]){TEXT("XINFO"), TEXT("GROUPS"), key});
    ask(probe_new(collection, stream), on_stream, 3, (const struct text[]){TEXT("XINFO"), TEXT("STREAM"), key});
}

void backlog_collect(struct redis *redis, struct arena *arena, enum backlog_detail detail, backlog_fn *fn,
                     void *context)
{
    struct collection *collection = ARENA_NEW(arena, struct collection);

    *collection = (struct collection){.redis = redis, .arena = arena, .detail = detail, .fn = fn, .context = context};
    ask(probe_new(collection, 0), on_memory, 2, (const struct text[]){TEXT("INFO"), TEXT("memory")});
    if (detail == BACKLOG_ALL)
        ask(probe_new(collection, 0), on_time, 1, (const struct text[]){TEXT("TIME")});
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        ask_stream(collection, stream);
    if (collection->waiting == 0)
        advance(collection);
}
