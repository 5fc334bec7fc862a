/* Following streams. The connection does one thing after the other, round and round: it asks where the streams stand
 * (XINFO, after a connect and every FOLLOW_CHECK_MS) and reads what comes (XREAD).
 *
 * Whether something was missed is told by counting. XINFO says how many entries were ever added to a stream, and how
 * many it still has; we know how many there were up to the last one that we saw. So more may lie behind our place than
 * are still there (they were trimmed), or fewer were ever added than we saw (the stream is another one, or an older
 * copy of itself). Ids alone would not do: they are times, and a stream that was made anew goes on with later ones. */
#include "common/follow.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bounds.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis.h"

struct place { /* in one stream */
    enum stream stream;
    bool is_known;
    struct entry_id id; /* the last that was told, or nothing before it is wanted */
    bool is_counted;    /* not yet, while it catches up from an id that was given */
    int64_t added;      /* so many entries were ever added up to it */
};

struct follow {
    struct follow_options options;
    struct redis *redis;
    struct loop_timer *again;
    struct place places[STREAM_COUNT];
    size_t count;
    size_t answered;       /* of the XINFO under way */
    bool has_gap, is_vain; /* found by it: entries are missing; it was refused */
    bool is_busy;          /* a command is under way, or its answer is being told */
    bool is_ready;         /* on_ready was said, and it has not come to rest since */
    bool is_resting;       /* asked to */
    int64_t checked_us;
    size_t read_count;  /* entries of each stream, at once */
    size_t read_stream; /* read alone when read_count is 1 */
    size_t bytes;       /* of the reply being told */
    struct text *pairs;
    size_t pair_capacity;
};

static void go_on(struct follow *follow);

static void back_off(struct follow *follow, const struct redis_reply *reply)
{
    log_error("cannot follow", LOG_STRING("connection", follow->options.name), LOG_TEXT("why", reply->text));
    loop_timer_set(follow->again, RECONNECT_MS_CAP);
}

/* ---- where the streams stand ---- */

struct standing { /* of one stream, as XINFO tells it; all zero: there is no such stream */
    int64_t length, added;
    struct entry_id first, last; /* first: of those that are there */
};

static struct standing read_standing(const struct redis_reply *reply)
{
    struct standing standing = {0};

    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        const struct redis_reply *name = reply->items[i], *value = reply->items[i + 1];

        if (text_is(name->text, "length"))
            standing.length = value->integer;
        else if (text_is(name->text, "entries-added"))
            standing.added = value->integer;
        else if (text_is(name->text, "last-generated-id"))
            entry_id_parse(value->text, &standing.last);
        else if (text_is(name->text, "first-entry") && value->type == REDIS_ARRAY && value->count > 0)
            entry_id_parse(value->items[0]->text, &standing.first);
    }
    return standing;
}

/* An id that was given, and that is older than all that is there: what came after it may have been trimmed. */
static bool is_trimmed_past(const struct place *place, struct standing now)
{
    if (place->is_counted)
        return now.added - place->added > now.length;
    if (now.length == 0)
        return entry_id_compare(place->id, now.last) < 0;
    return now.added > now.length && entry_id_compare(place->id, now.first) < 0;
}

/* The first time there is nothing to compare with. */
static void compare(struct follow *follow, struct place *place, struct standing now)
{
    const bool is_another =
        (place->is_counted && now.added < place->added) || entry_id_compare(now.last, place->id) < 0;

    if (place->is_known && !is_another && is_trimmed_past(place, now)) {
        follow->has_gap = true;
        place->added = now.added - now.length;
        place->is_counted = true;
    } else if (!place->is_known || is_another || entry_id_compare(now.last, place->id) == 0) {
        follow->has_gap = follow->has_gap || (place->is_known && is_another);
        *place = (struct place){place->stream, true, now.last, true, now.added};
    }
}

static void tell_state(struct follow *follow)
{
    const bool was_ready = follow->is_ready;

    follow->checked_us = clock_monotonic_us();
    follow->is_ready = true;
    if (follow->has_gap) {
        follow->has_gap = false;
        log_warn("entries were missed", LOG_STRING("connection", follow->options.name));
        if (follow->options.on_gap)
            follow->options.on_gap(follow->options.context);
    }
    if (!was_ready && follow->options.on_ready)
        follow->options.on_ready(follow->options.context);
}

static bool says_no_such_key(const struct redis_reply *reply)
{
    static const char words[] = "ERR no such key";

    return reply->type == REDIS_ERROR && reply->text.len >= sizeof words - 1 &&
           memcmp(reply->text.ptr, words, sizeof words - 1) == 0;
}

static void on_standing(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct follow *follow = context;

    (void)redis;
    if (!reply)
        return; /* on_state tells */
    if (reply->type == REDIS_ERROR && !says_no_such_key(reply)) {
        follow->is_vain = true;
        back_off(follow, reply);
    } else {
        compare(follow, &follow->places[follow->answered],
                reply->type == REDIS_ARRAY ? read_standing(reply) : (struct standing){0});
    }
    if (++follow->answered < follow->count)
        return;
    if (!follow->is_vain)
        tell_state(follow);
    follow->is_busy = false;
    if (!follow->is_vain)
        go_on(follow);
}

static void ask_standing(struct follow *follow)
{
    follow->answered = 0;
    follow->is_vain = false;
    follow->is_busy = true;
    for (size_t i = 0; i < follow->count; i++)
        redis_sendv(follow->redis, on_standing, follow, "XINFO", "STREAM", stream_key(follow->places[i].stream).ptr,
                    NULL);
}

/* ---- reading ---- */

static struct text *room_for_pairs(struct follow *follow, size_t count)
{
    if (count > follow->pair_capacity) {
        free(follow->pairs);
        follow->pairs = malloc(count * sizeof *follow->pairs);
        if (!follow->pairs)
            log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
        follow->pair_capacity = count;
    }
    return follow->pairs;
}

static void tell_entry(struct follow *follow, struct place *place, const struct redis_reply *reply)
{
    const struct redis_reply *fields = reply->items[1];
    struct text *pairs = room_for_pairs(follow, fields->count);
    struct entry entry = {.stream = place->stream, .id_text = reply->items[0]->text, .pairs = pairs};

    if (!entry_id_parse(entry.id_text, &entry.id))
        return;
    for (size_t i = 0; i < fields->count; i++)
        pairs[i] = fields->items[i]->text;
    entry.pair_count = fields->count / 2;
    place->id = entry.id;
    place->added++;
    follow->bytes += entry_bytes(&entry);
    follow->options.on_entry(&entry, follow->options.context);
}

static void tell_stream(struct follow *follow, const struct redis_reply *reply)
{
    const struct redis_reply *entries = reply->items[1];
    enum stream stream;

    if (!stream_of_key(reply->items[0]->text, &stream))
        return;
    for (size_t i = 0; i < follow->count; i++)
        for (size_t j = 0; follow->places[i].stream == stream && j < entries->count; j++)
            tell_entry(follow, &follow->places[i], entries->items[j]);
}

static void ask_for_more(struct follow *follow)
{
    follow->read_count = follow->read_count * 2 < FOLLOW_ENTRIES_MAX ? follow->read_count * 2 : FOLLOW_ENTRIES_MAX;
}

static void ask_for_less(struct follow *follow)
{
    follow->read_count = follow->read_count > 4 ? follow->read_count / 4 : 1;
    follow->read_stream = (follow->read_stream + 1) % follow->count;
}

static void on_read(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct follow *follow = context;

    if (!reply) {
        if (redis_was_too_large(redis))
            ask_for_less(follow);
        return; /* on_state tells */
    }
    if (reply->type == REDIS_ERROR) {
        follow->is_busy = false;
        back_off(follow, reply);
        return;
    }
    follow->bytes = 0;
    for (size_t i = 0; i < reply->count; i++)
        tell_stream(follow, reply->items[i]);
    if (follow->bytes > READ_BYTES_WANTED)
        ask_for_less(follow);
    else
        ask_for_more(follow);
    follow->is_busy = false;
    go_on(follow);
}

/* One entry at a time is for entries that are too large to be read together: then one stream alone is read, without
 * waiting there for what may come. */
static void read_more(struct follow *follow)
{
    const bool is_alone = follow->read_count == 1;
    const size_t first = is_alone ? follow->read_stream : 0, count = is_alone ? 1 : follow->count;
    struct text words[6 + 2 * STREAM_COUNT];
    char ids[STREAM_COUNT][ENTRY_ID_TEXT_BYTES + 1], read_count[24], block[24];
    size_t at = 0;

    words[at++] = TEXT("XREAD");
    words[at++] = TEXT("COUNT");
    words[at++] = log_number((int64_t)follow->read_count, read_count);
    if (!is_alone) {
        words[at++] = TEXT("BLOCK");
        words[at++] = log_number(REDIS_READ_BLOCK_MS, block);
        redis_expect_block(follow->redis, REDIS_READ_BLOCK_MS);
    }
    words[at++] = TEXT("STREAMS");
    for (size_t i = 0; i < count; i++)
        words[at++] = stream_key(follow->places[first + i].stream);
    for (size_t i = 0; i < count; i++) {
        const struct entry_id id = follow->places[first + i].id;

        words[at++] = (struct text){ids[i], (size_t)snprintf(ids[i], sizeof ids[i], "%llu-%llu",
                                                             (unsigned long long)id.ms, (unsigned long long)id.seq)};
    }
    follow->is_busy = redis_send(follow->redis, on_read, follow, at, words);
}

/* ---- round and round ---- */

static void come_to_rest(struct follow *follow)
{
    follow->is_ready = false;
    for (size_t i = 0; i < follow->count; i++)
        follow->places[i] = (struct place){.stream = follow->places[i].stream};
}

static void go_on(struct follow *follow)
{
    if (follow->is_busy || !redis_is_up(follow->redis))
        return;
    if (follow->is_resting)
        come_to_rest(follow);
    else if (!follow->is_ready || clock_monotonic_us() - follow->checked_us > FOLLOW_CHECK_MS * 1000)
        ask_standing(follow);
    else
        read_more(follow);
}

static void on_again(void *context)
{
    go_on(context);
}

static void on_state(struct redis *redis, bool is_up, void *context)
{
    struct follow *follow = context;

    (void)redis;
    follow->is_busy = false;
    follow->checked_us = INT64_MIN / 2; /* whoever answers now may be another, or remember less */
    loop_timer_clear(follow->again);
    if (is_up)
        go_on(follow);
}

/* ---- opening ---- */

struct follow *follow_open(struct loop *loop, const struct follow_options *options)
{
    struct follow *follow = calloc(1, sizeof *follow);

    if (!follow)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    assert(options->stream_count > 0 && options->stream_count <= STREAM_COUNT);
    follow->options = *options;
    follow->count = options->stream_count;
    follow->read_count = FOLLOW_ENTRIES_MAX;
    for (size_t i = 0; i < follow->count; i++)
        follow->places[i] = (struct place){.stream = options->streams[i],
                                           .is_known = options->from,
                                           .id = options->from ? options->from[i] : (struct entry_id){0}};
    follow->again = loop_timer_new(loop, on_again, follow);
    follow->redis = redis_open(loop, &(struct redis_options){.url = options->url,
                                                             .name = options->name,
                                                             .command_ms = REDIS_COMMAND_MS,
                                                             .is_patient = true,
                                                             .on_state = on_state,
                                                             .context = follow});
    return follow;
}

void follow_close(struct follow *follow)
{
    if (!follow)
        return;
    redis_close(follow->redis);
    loop_timer_free(follow->again);
    free(follow->pairs);
    free(follow);
}

void follow_rest(struct follow *follow)
{
    follow->is_resting = true;
}

void follow_wake(struct follow *follow)
{
    follow->is_resting = false;
    go_on(follow);
}

bool follow_is_ready(const struct follow *follow)
{
    return follow->is_ready;
}
