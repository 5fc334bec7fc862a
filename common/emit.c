/* Saying and acknowledging: one script call for a batch. Redis runs it whole or not at all, and writes it to its log as
 * one unit; XADD stands before XACK, so whatever prefix of Redis's history survives a crash, an acknowledged entry's
 * followers are in it. */
#include "common/runner.h"

#include "common/arena.h"
#include "common/bounds.h"

/* KEYS  streams
 * ARGV  group, number of events, for each: index of its key, number of words, the words;
 *       number of streams to acknowledge on, for each: index of its key, number of ids, the ids;
 *       "1" when the owner of the then smallest pending entry wants to hear of it
 * A group that is gone is no error here: what was said before it would be said again without end.
 * allow-oom: when memory is full, new requests are refused at the door, but what is under way must drain. */
static const struct redis_script emit_script = {
    "#!lua flags=allow-oom\n"
    "local at = 3\n"
    "for _ = 1, tonumber(ARGV[2]) do\n"
    "  local last = at + 1 + tonumber(ARGV[at + 1])\n"
    "  redis.call('XADD', KEYS[tonumber(ARGV[at])], '*', unpack(ARGV, at + 2, last))\n"
    "  at = last + 1\n"
    "end\n"
    "local acknowledged = 0\n"
    "local streams = tonumber(ARGV[at])\n"
    "at = at + 1\n"
    "for _ = 1, streams do\n"
    "  local key, last = KEYS[tonumber(ARGV[at])], at + 1 + tonumber(ARGV[at + 1])\n"
    "  at = at + 2\n"
    "  while at <= last do\n"
    "    local upto = math.min(last, at + 999)\n"
    "    acknowledged = acknowledged + redis.call('XACK', key, ARGV[1], unpack(ARGV, at, upto))\n"
    "    at = upto + 1\n"
    "  end\n"
    "end\n"
    "if ARGV[at] == '1' then\n"
    "  local next = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1)\n"
    "  if next[1] then redis.call('PUBLISH', 'turn:' .. next[1][2], next[1][1]) end\n"
    "end\n"
    "return acknowledged\n"};

struct words {
    struct arena *arena;
    struct text *list;
    size_t count, capacity;
};

static void add(struct words *words, struct text word)
{
    if (words->count == words->capacity) {
        struct text *list;

        words->capacity = words->capacity ? words->capacity * 2 : 1024;
        list = arena_alloc_raw(words->arena, words->capacity * sizeof *list);
        if (words->count)
            memcpy(list, words->list, words->count * sizeof *list);
        words->list = list;
    }
    words->list[words->count++] = word;
}

static void add_number(struct words *words, size_t number)
{
    static const char digits[] = "0123456789";

    if (number < 10)
        add(words, (struct text){digits + number, 1});
    else
        add(words, text_of_int64(words->arena, (int64_t)number));
}

static struct text cut(struct text text, size_t len_max)
{
    if (text.len > len_max)
        text.len = len_max;
    return text;
}

/* The dead letter: everything that is needed to understand the entry and to replay it. An entry beyond all bounds is
 * dead because of that: what is kept of it stays within them, and `cut` says that it is not all. */
static struct fact *dead_letter(struct runner *runner, const struct entry *entry, const char *reason,
                                struct text detail)
{
    const bool is_large = entry_bytes(entry) > ENTRY_BYTES_MAX;
    const size_t name_max = is_large ? EVENT_ID_BYTES_MAX : ENTRY_BYTES_MAX;
    const size_t value_max = is_large ? ENTRY_BYTES_MAX / ENTRY_FIELDS_MAX : ENTRY_BYTES_MAX;
    struct arena *arena = runner->arena;
    struct fact *event = fact_new(arena, DEAD);

    fact_add(arena, event, TEXT("stream"), stream_key(entry->stream));
    fact_add(arena, event, TEXT("entry_id"), entry->id_text);
    fact_add(arena, event, TEXT("step"), text_of(runner->step->name));
    fact_add(arena, event, TEXT("reason"), text_of(reason));
    fact_add(arena, event, TEXT("detail"), cut(detail, REASON_DETAIL_BYTES_MAX));
    fact_add(arena, event, TEXT("deliveries"),
             text_of_int64(arena, entry->deliveries > entry->attempts ? entry->deliveries : entry->attempts + 1));
    fact_add(arena, event, TEXT("cut"), is_large || entry->pair_count > ENTRY_FIELDS_MAX ? TEXT("yes") : TEXT_NONE);
    for (size_t i = 0; i < entry->pair_count && i < ENTRY_FIELDS_MAX; i++) {
        const struct text name = cut(entry->pairs[2 * i], name_max);
        char *prefixed = arena_alloc_raw(arena, name.len + 6);

        memcpy(prefixed, "field.", 6);
        if (name.len)
            memcpy(prefixed + 6, name.ptr, name.len);
        fact_add(arena, event, (struct text){prefixed, name.len + 6}, cut(entry->pairs[2 * i + 1], value_max));
    }
    return event;
}

struct emission {
    struct runner *runner;
    struct words keys, events, acks;
    size_t event_count, ack_streams;
    size_t key_of[STREAM_COUNT]; /* 1-based index in KEYS, 0: not there yet */
};

static size_t key_index(struct emission *emission, enum stream stream)
{
    if (!emission->key_of[stream]) {
        add(&emission->keys, stream_key(stream));
        emission->key_of[stream] = emission->keys.count;
    }
    return emission->key_of[stream];
}

static void add_event(struct emission *emission, const struct fact *event)
{
    add_number(&emission->events, key_index(emission, event->stream));
    add_number(&emission->events, event->word_count);
    for (size_t i = 0; i < event->word_count; i++)
        add(&emission->events, event->words[i]);
    emission->event_count++;
}

static bool is_acknowledged(const struct batch *batch, size_t i)
{
    return batch->outcomes[i].kind == DONE || batch->outcomes[i].kind == REJECT;
}

static void add_acks(struct emission *emission, enum stream stream)
{
    const struct runner *runner = emission->runner;
    const struct batch *batch = runner->batch;
    struct words ids = {.arena = runner->arena};

    for (size_t i = 0; batch && i < batch->count; i++)
        if (batch->entries[i]->stream == stream && is_acknowledged(batch, i))
            add(&ids, batch->entries[i]->id_text);
    for (size_t i = 0; i < runner->inbox.refused_emitted; i++)
        if (runner->inbox.refused.list[i]->stream == stream)
            add(&ids, runner->inbox.refused.list[i]->id_text);
    if (ids.count == 0)
        return;
    add_number(&emission->acks, key_index(emission, stream));
    add_number(&emission->acks, ids.count);
    for (size_t i = 0; i < ids.count; i++)
        add(&emission->acks, ids.list[i]);
    emission->ack_streams++;
}

static void add_rejected(struct emission *emission)
{
    struct runner *runner = emission->runner;
    const struct batch *batch = runner->batch;

    for (size_t i = 0; batch && i < batch->count; i++)
        if (batch->outcomes[i].kind == REJECT)
            add_event(emission,
                      dead_letter(runner, batch->entries[i], batch->outcomes[i].what, batch->outcomes[i].detail));
    for (size_t i = 0; i < runner->inbox.refused_emitted; i++)
        add_event(emission,
                  dead_letter(runner, runner->inbox.refused.list[i], runner->inbox.refused.list[i]->refusal.reason,
                              runner->inbox.refused.list[i]->refusal.detail));
}

/* Of what was refused: the first, and more while they fit. */
static size_t refused_fitting(const struct entries *refused)
{
    size_t count = 0, bytes = 0;

    while (count < refused->count) {
        bytes += entry_bytes(refused->list[count]);
        if (count > 0 && bytes > BATCH_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

/* The script's words: KEYS, then ARGV. */
static struct emit finish(const struct emission *emission, const char *group, bool is_ordered)
{
    struct words all = {.arena = emission->keys.arena};

    for (size_t i = 0; i < emission->keys.count; i++)
        add(&all, emission->keys.list[i]);
    add(&all, text_of(group));
    add_number(&all, emission->event_count);
    for (size_t i = 0; i < emission->events.count; i++)
        add(&all, emission->events.list[i]);
    add_number(&all, emission->ack_streams);
    for (size_t i = 0; i < emission->acks.count; i++)
        add(&all, emission->acks.list[i]);
    add_number(&all, is_ordered);
    return (struct emit){.words = all.list, .count = all.count, .key_count = emission->keys.count};
}

static void prepare_script(struct runner *runner)
{
    struct emission emission = {
        .runner = runner, .keys.arena = runner->arena, .events.arena = runner->arena, .acks.arena = runner->arena};

    runner->inbox.refused_emitted = refused_fitting(&runner->inbox.refused); /* more may come while Redis answers */
    key_index(&emission, runner->step->reads[0]); /* KEYS[1]: where the next turn is looked up */
    for (const struct fact *event = runner->batch ? runner->batch->said : NULL; event; event = event->next)
        add_event(&emission, event);
    add_rejected(&emission);
    for (size_t i = 0; i < runner->step->reads_count; i++)
        add_acks(&emission, runner->step->reads[i]);

    runner->emit = finish(&emission, runner->step->name, runner->step->is_ordered);
}

bool emit_facts(struct redis *redis, struct arena *arena, const struct fact *facts, redis_reply_fn *fn, void *context)
{
    struct emission emission = {.keys.arena = arena, .events.arena = arena, .acks.arena = arena};
    struct emit emit;

    for (const struct fact *event = facts; event; event = event->next)
        add_event(&emission, event);
    emit = finish(&emission, "", false);
    return redis_eval(redis, &emit_script, fn, context, emit.key_count, emit.count, emit.words);
}

/* Nothing follows, nothing is rejected and nobody waits for a turn: plain XACKs do, and cost Redis half of the script.
 */
static bool is_ack_alone(const struct runner *runner)
{
    const struct batch *batch = runner->batch;

    if (!batch || batch->said || runner->step->is_ordered || runner->inbox.refused.count > 0)
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->outcomes[i].kind != DONE)
            return false;
    return true;
}

/* One XACK for each stream. `fn` hears the last answer; if the connection is lost before, all of them are repeated. */
static bool send_acks(struct runner *runner, redis_reply_fn *fn)
{
    const struct batch *batch = runner->batch;
    bool is_sent = true;

    for (size_t i = 0, next; i < batch->count && is_sent; i = next) { /* sorted by stream */
        struct words words = {.arena = runner->arena};

        add(&words, TEXT("XACK"));
        add(&words, stream_key(batch->entries[i]->stream));
        add(&words, text_of(runner->step->name));
        for (next = i; next < batch->count && batch->entries[next]->stream == batch->entries[i]->stream; next++)
            add(&words, batch->entries[next]->id_text);
        is_sent =
            redis_send(runner->worker->commands, next == batch->count ? fn : NULL, runner, words.count, words.list);
    }
    return is_sent;
}

void emit_prepare(struct runner *runner)
{
    if (is_ack_alone(runner))
        runner->emit = (struct emit){0};
    else
        prepare_script(runner);
}

bool emit_send(struct runner *runner, redis_reply_fn *fn)
{
    const struct emit *emit = &runner->emit;

    if (!emit->words)
        return send_acks(runner, fn);
    return redis_eval(runner->worker->commands, &emit_script, fn, runner, emit->key_count, emit->count, emit->words);
}
