/* Saying and acknowledging: one transaction for a batch. Redis runs it whole or not at all, and writes it to its log as
 * one unit; XADD stands before XACK, so whatever prefix of Redis's history survives a crash, an acknowledged entry's
 * followers are in it.
 *
 * MULTI and EXEC cost Redis a third less than a script. A script is needed when memory is full: then Redis refuses a
 * transaction that adds something, as a whole, while a script may say that what is under way must drain. What EXEC
 * itself does not roll back, an XADD to a key that is no stream any more, is said again by the script, too. */
#include "common/runner.h"

#include "common/arena.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/log.h"

/* KEYS  streams
 * ARGV  group, number of events, for each: index of its key, number of words, the words;
 *       number of streams to acknowledge on, for each: index of its key, number of ids, the ids
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
    "return acknowledged\n"};

/* KEYS stream  ARGV group
 * The owner of what is now the smallest pending entry hears that it is his turn. */
static const struct redis_script tell_script = {
    "#!lua flags=allow-oom\n"
    "local next = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1)\n"
    "if next[1] then redis.call('PUBLISH', 'turn:' .. next[1][2], next[1][1]) end\n"};

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

static bool is_acknowledged(const struct batch *batch, size_t i)
{
    return batch->outcomes[i].kind == DONE || batch->outcomes[i].kind == REJECT;
}

/* Of this batch and of what was refused, on one stream. */
static struct words acknowledged_ids(const struct runner *runner, enum stream stream)
{
    const struct batch *batch = runner->batch;
    struct words ids = {.arena = runner->arena};

    for (size_t i = 0; batch && i < batch->count; i++)
        if (batch->entries[i]->stream == stream && is_acknowledged(batch, i))
            add(&ids, batch->entries[i]->id_text);
    for (size_t i = 0; i < runner->inbox.refused_emitted; i++)
        if (runner->inbox.refused.list[i]->stream == stream)
            add(&ids, runner->inbox.refused.list[i]->id_text);
    return ids;
}

/* Dead letters, for what is rejected and for what was refused. */
static struct fact *rejected(struct runner *runner)
{
    const struct batch *batch = runner->batch;
    struct fact *first = NULL, **end = &first;

    for (size_t i = 0; batch && i < batch->count; i++)
        if (batch->outcomes[i].kind == REJECT) {
            *end = dead_letter(runner, batch->entries[i], batch->outcomes[i].what, batch->outcomes[i].detail);
            end = &(*end)->next;
        }
    for (size_t i = 0; i < runner->inbox.refused_emitted; i++) {
        const struct entry *entry = runner->inbox.refused.list[i];

        *end = dead_letter(runner, entry, entry->refusal.reason, entry->refusal.detail);
        end = &(*end)->next;
    }
    return first;
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

/* ---- as a transaction ---- */

struct transaction {
    struct buffer commands;
    struct words words; /* of the command under construction */
    size_t count;
};

static void end_command(struct transaction *transaction)
{
    redis_format(&transaction->commands, transaction->words.count, transaction->words.list);
    transaction->words.count = 0;
    transaction->count++;
}

static void put_word(struct transaction *transaction, struct text word)
{
    add(&transaction->words, word);
    end_command(transaction);
}

static void put_events(struct transaction *transaction, const struct fact *events)
{
    for (const struct fact *event = events; event; event = event->next) {
        add(&transaction->words, TEXT("XADD"));
        add(&transaction->words, stream_key(event->stream));
        add(&transaction->words, TEXT("*"));
        for (size_t i = 0; i < event->word_count; i++)
            add(&transaction->words, event->words[i]);
        end_command(transaction);
    }
}

static void put_acks(struct transaction *transaction, const struct runner *runner, enum stream stream)
{
    const struct words ids = acknowledged_ids(runner, stream);

    if (ids.count == 0)
        return;
    add(&transaction->words, TEXT("XACK"));
    add(&transaction->words, stream_key(stream));
    add(&transaction->words, text_of(runner->step->name));
    for (size_t i = 0; i < ids.count; i++)
        add(&transaction->words, ids.list[i]);
    end_command(transaction);
}

static void prepare_transaction(struct runner *runner)
{
    struct transaction transaction = {.commands = buffer_in(runner->arena), .words.arena = runner->arena};

    put_word(&transaction, TEXT("MULTI"));
    if (runner->batch)
        put_events(&transaction, runner->batch->said);
    put_events(&transaction, rejected(runner));
    for (size_t i = 0; i < runner->step->reads_count; i++)
        put_acks(&transaction, runner, runner->step->reads[i]);
    put_word(&transaction, TEXT("EXEC"));
    runner->emit = (struct emit){.commands = buffer_take(&transaction.commands), .count = transaction.count};
}

/* ---- as a script ---- */

struct emission {
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

static void add_events(struct emission *emission, const struct fact *events)
{
    for (const struct fact *event = events; event; event = event->next) {
        add_number(&emission->events, key_index(emission, event->stream));
        add_number(&emission->events, event->word_count);
        for (size_t i = 0; i < event->word_count; i++)
            add(&emission->events, event->words[i]);
        emission->event_count++;
    }
}

static void add_acks(struct emission *emission, const struct runner *runner, enum stream stream)
{
    const struct words ids = acknowledged_ids(runner, stream);

    if (ids.count == 0)
        return;
    add_number(&emission->acks, key_index(emission, stream));
    add_number(&emission->acks, ids.count);
    for (size_t i = 0; i < ids.count; i++)
        add(&emission->acks, ids.list[i]);
    emission->ack_streams++;
}

/* The script's words: KEYS, then ARGV. */
static bool eval(struct redis *redis, const struct emission *emission, const char *group, redis_reply_fn *fn,
                 void *context)
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
    return redis_eval(redis, &emit_script, fn, context, emission->keys.count, all.count, all.list);
}

static bool eval_batch(struct runner *runner, redis_reply_fn *fn)
{
    struct emission emission = {
        .keys.arena = runner->arena, .events.arena = runner->arena, .acks.arena = runner->arena};

    if (runner->batch)
        add_events(&emission, runner->batch->said);
    add_events(&emission, rejected(runner));
    for (size_t i = 0; i < runner->step->reads_count; i++)
        add_acks(&emission, runner, runner->step->reads[i]);
    return eval(runner->worker->commands, &emission, runner->step->name, fn, runner);
}

bool emit_facts(struct redis *redis, struct arena *arena, const struct fact *facts, redis_reply_fn *fn, void *context)
{
    struct emission emission = {.keys.arena = arena, .events.arena = arena, .acks.arena = arena};

    add_events(&emission, facts);
    return eval(redis, &emission, "", fn, context);
}

/* ---- acknowledging alone ---- */

/* Nothing follows, nothing is rejected and nobody waits for a turn: plain XACKs do. */
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

/* ---- a batch ---- */

void emit_prepare(struct runner *runner)
{
    runner->emit = (struct emit){0};
    runner->inbox.refused_emitted = refused_fitting(&runner->inbox.refused); /* more may come while Redis answers */
    if (!is_ack_alone(runner))
        prepare_transaction(runner);
}

static void tell_next(struct runner *runner)
{
    const struct text words[] = {stream_key(runner->step->reads[0]), text_of(runner->step->name)};

    redis_eval(runner->worker->commands, &tell_script, NULL, NULL, 1, 2, words);
}

bool emit_send(struct runner *runner, redis_reply_fn *fn)
{
    const struct emit *emit = &runner->emit;
    bool is_sent;

    if (emit->count == 0)
        is_sent = send_acks(runner, fn);
    else if (emit->needs_script)
        is_sent = eval_batch(runner, fn);
    else
        is_sent = redis_send_many(runner->worker->commands, fn, runner, emit->count, emit->commands);
    if (is_sent && runner->step->is_ordered)
        tell_next(runner);
    return is_sent;
}

static const struct redis_reply *first_error(const struct redis_reply *reply)
{
    if (reply && reply->type == REDIS_ARRAY)
        for (size_t i = 0; i < reply->count; i++)
            if (reply->items[i]->type == REDIS_ERROR)
                return reply->items[i];
    return reply;
}

bool emit_is_said(struct runner *runner, const struct redis_reply *reply)
{
    const struct redis_reply *answer = first_error(reply);
    const enum redis_problem problem = redis_problem_of(answer);

    if (problem == REDIS_FINE)
        return true;
    if (problem == REDIS_LOST) /* said or not: it is said again under the same event ids, which is harmless */
        return false;
    if (problem != REDIS_FULL || runner->emit.needs_script)
        log_error("cannot say what follows", LOG_STRING("step", runner->step->name), LOG_TEXT("why", answer->text));
    runner->emit.needs_script = true;
    return false;
}
