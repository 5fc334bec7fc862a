/* Replaying dead letters. */
#include "publisher/replay.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/log.h"
#include "common/redis.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/enqueue.h"
#include "publisher/replay.sql.h"

/* ---- the entry ---- */

/* Where a person finds what the store does not have. */
static const char *look_elsewhere(struct arena *arena, const struct replay_letter *letter)
{
    const struct text first = letter->dead_entry_id.ptr ? letter->dead_entry_id : TEXT("-"),
                      last = letter->dead_entry_id.ptr ? letter->dead_entry_id : TEXT("+"), id = letter->entry_id;

    return text_format(
               arena,
               "what is kept of this entry was cut, or is not byte for byte what it was, and nothing altered is "
               "replayed. Replay it by hand (docs/dead-letters.md): redis-cli XRANGE dead %.*s %.*s shows the "
               "letter, XRANGE %.*s %.*s %.*s the entry itself while it is there",
               (int)first.len, first.ptr, (int)last.len, last.ptr, (int)letter->stream.len, letter->stream.ptr,
               (int)id.len, id.ptr, (int)id.len, id.ptr)
        .ptr;
}

static const char *why_not_replayable(struct arena *arena, const struct replay_letter *letter, enum stream *stream)
{
    struct entry_id id;

    if (!stream_of_key(letter->stream, stream) || *stream == DEAD || !entry_id_parse(letter->entry_id, &id))
        return "it is not the letter of an entry on one of the flow's streams or on events";
    return letter->is_exact ? NULL : look_elsewhere(arena, letter);
}

struct words {
    struct text *list;
    size_t count, bytes;
};

/* Counts what does not fit as well. */
static void add(struct words *words, struct text name, struct text value)
{
    if (words->count + 2 <= REPLAY_WORDS_MAX) {
        words->list[words->count] = name;
        words->list[words->count + 1] = value;
    }
    words->count += 2;
    words->bytes += name.len + value.len;
}

size_t replay_entry(struct arena *arena, const struct replay_letter *letter, enum stream *stream,
                    struct text words[REPLAY_WORDS_MAX], const char **why_not)
{
    struct words said = {.list = words};
    bool has_event_id = false;

    *why_not = why_not_replayable(arena, letter, stream);
    if (*why_not)
        return 0;
    for (size_t i = 0; i < letter->pair_count; i++) {
        const struct text name = letter->pairs[2 * i], value = letter->pairs[2 * i + 1];

        if (text_is(name, "replay_of") || (text_is(name, "event_id") && value.len == 0))
            continue; /* it died as a replay; and an empty event_id counts as none */
        has_event_id = has_event_id || text_is(name, "event_id");
        add(&said, name, value);
    }
    if (!has_event_id)
        add(&said, TEXT("event_id"), letter->entry_id);
    add(&said, TEXT("replay_of"), text_of_int64(arena, letter->id));
    if (said.count <= REPLAY_WORDS_MAX && said.bytes <= ENTRY_BYTES_MAX)
        return said.count;
    *why_not = "with event_id and replay_of it is larger than an entry may be";
    return 0;
}

/* ---- the request ---- */

struct replaying {
    struct request *request;
    struct redis *redis;
    struct replay_letter letter;
    bool is_found;
};

static void on_added(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct replaying *replaying = context;
    struct request *request = replaying->request;
    struct json json = json_in(request->arena);

    (void)redis;
    if (!enqueue_succeeded(request, reply,
                           "it is not known whether the letter was replayed; replaying it again is harmless"))
        return;
    log_info("dead letter replayed", LOG_NUMBER("dead_letter", replaying->letter.id),
             LOG_TEXT("stream", replaying->letter.stream), LOG_TEXT("of", replaying->letter.entry_id),
             LOG_TEXT("entry", reply->text), LOG_TEXT("request", request->id));
    json_begin_object(&json);
    json_key(&json, "status");
    json_text(&json, TEXT("accepted"));
    json_key(&json, "dead_letter");
    json_int(&json, replaying->letter.id);
    json_key(&json, "stream");
    json_text(&json, replaying->letter.stream);
    json_key(&json, "entry_id");
    json_text(&json, reply->text);
    json_end_object(&json);
    answer_json(request, 202, &json);
}

static void add_field(struct arena *arena, struct replay_letter *letter, const struct rows *rows, size_t row)
{
    if (rows_is_null(rows, row, 4))
        return;
    letter->pairs[2 * letter->pair_count] = text_copy(arena, rows_text(rows, row, 4));
    letter->pairs[2 * letter->pair_count++ + 1] = text_copy(arena, rows_text(rows, row, 5));
}

static void on_letter(const struct rows *rows, void *context)
{
    struct replaying *replaying = context;
    struct replay_letter *letter = &replaying->letter;
    struct arena *arena = replaying->request->arena;

    replaying->is_found = rows_count(rows) > 0;
    if (!replaying->is_found)
        return;
    letter->stream = text_copy(arena, rows_text(rows, 0, 0));
    letter->entry_id = text_copy(arena, rows_text(rows, 0, 1));
    letter->dead_entry_id = rows_is_null(rows, 0, 2) ? TEXT_NONE : text_copy(arena, rows_text(rows, 0, 2));
    letter->is_exact = rows_bool(rows, 0, 3);
    letter->pairs = ARENA_ARRAY(arena, struct text, 2 * rows_count(rows));
    for (size_t row = 0; row < rows_count(rows); row++)
        add_field(arena, letter, rows, row);
}

static void on_read(struct store *store, const struct store_failure *failure, void *context)
{
    struct replaying *replaying = context;
    struct request *request = replaying->request;
    struct text words[3 + REPLAY_WORDS_MAX] = {TEXT("XADD"), TEXT_NONE, TEXT("*")};
    enum stream stream;
    const char *why_not;
    size_t count;

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
        return;
    }
    if (!replaying->is_found) {
        answer_not_found(request, "there is no such dead letter");
        return;
    }
    count = replay_entry(request->arena, &replaying->letter, &stream, words + 3, &why_not);
    if (count == 0) {
        answer_problem(request, 422, "not_replayable", why_not);
        return;
    }
    words[1] = stream_key(stream);
    if (!redis_send(replaying->redis, on_added, replaying, 3 + count, words))
        enqueue_answer_away(request);
}

static void replay(struct request *request, void *context)
{
    const struct replay_sources *sources = context;
    struct replaying *replaying = ARENA_NEW(request->arena, struct replaying);
    struct params *params = params_new(request->arena);

    replaying->request = request;
    replaying->redis = sources->redis;
    if (!text_to_int64(request_path_value(request, "id"), 1, INT64_MAX, &replaying->letter.id)) {
        answer_not_found(request, "there is no such dead letter");
        return;
    }
    if (!store_is_up(sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    params_int64(params, replaying->letter.id);
    store_send(sources->store, SQL(replay_letter), params, on_letter, replaying);
    store_sync(sources->store, on_read, replaying);
}

const struct route replay_routes[] = {
    {"POST", "/dead-letters/{id}/replay", ADMIN, replay},
    {0},
};

const struct statement *const replay_statements[] = {SQL(replay_letter), NULL};
