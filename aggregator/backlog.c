/* First burst: the time, and each stream with its groups. Second: for each group that has any, the oldest pending entry
 * and the first unread ones. */
#include "aggregator/backlog.h"

#include "common/arena.h"
#include "common/redis.h"

struct probe;

struct collection {
    struct redis *redis;
    struct arena *arena;
    struct backlog backlog;
    int64_t now_ms; /* Redis' clock */
    struct entry_id last[STREAM_COUNT];
    struct probe *probes[STREAM_COUNT][BACKLOG_GROUPS_MAX]; /* made in the first burst for the second */
    unsigned waiting;                                       /* answers to come */
    bool has_asked_groups;
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
    if (is_usable(probe, reply) && reply->count > 0 && read_entry_id(reply->items[0], &oldest)) {
        probe->group->lag = backlog_lag((int64_t)reply->count, probe->reported,
                                        probe->collection->backlog.streams[probe->stream].length);
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

static void read_group(struct probe *probe, const struct redis_reply *reply)
{
    struct collection *collection = probe->collection;
    const size_t index = collection->backlog.streams[probe->stream].group_count++;
    const struct redis_reply *name = find(reply, "name"), *delivered = find(reply, "last-delivered-id");
    struct backlog_group *group = &collection->backlog.streams[probe->stream].groups[index];
    struct probe *of_group = probe_new(collection, probe->stream);

    group->name = name ? text_copy(collection->arena, name->text) : TEXT("");
    group->pending = find_integer(reply, "pending");
    group->consumers = find_integer(reply, "consumers");
    of_group->group = group;
    of_group->reported = find_integer(reply, "lag");
    if (delivered)
        entry_id_parse(delivered->text, &of_group->delivered);
    collection->probes[probe->stream][index] = of_group;
}

static void on_groups(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct probe *probe = context;

    (void)redis;
    if (is_usable(probe, reply))
        for (size_t i = 0; i < reply->count && i < BACKLOG_GROUPS_MAX; i++)
            read_group(probe, reply->items[i]);
    settle(probe);
}

static void ask_groups(struct collection *collection)
{
    collection->has_asked_groups = true;
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        for (size_t i = 0; i < collection->backlog.streams[stream].group_count; i++)
            ask_group(collection->probes[stream][i]);
}

/* Called after each answer: on to the second burst, or to the end. */
static void advance(struct collection *collection)
{
    if (collection->waiting == 0 && !collection->has_asked_groups && !collection->has_failed)
        ask_groups(collection);
    if (collection->waiting > 0)
        return;
    collection->backlog.is_known = !collection->has_failed;
    collection->fn(&collection->backlog, collection->context);
}

void backlog_collect(struct redis *redis, struct arena *arena, backlog_fn *fn, void *context)
{
    struct collection *collection = ARENA_NEW(arena, struct collection);

    *collection = (struct collection){.redis = redis, .arena = arena, .fn = fn, .context = context};
    ask(probe_new(collection, 0), on_time, 1, (const struct text[]){TEXT("TIME")});
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        const struct text key = stream_key((enum stream)stream);

        ask(probe_new(collection, stream), on_stream, 3, (const struct text[]){TEXT("XINFO"), TEXT("STREAM"), key});
        ask(probe_new(collection, stream), on_groups, 3, (const struct text[]){TEXT("XINFO"), TEXT("GROUPS"), key});
    }
    if (collection->waiting == 0)
        advance(collection);
}
