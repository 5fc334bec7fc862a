/* Keys, and what was done under them. */
#include "publisher/idempotency.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"
#include "common/request.h"

/* ---- reading ---- */

static bool is_key(struct text key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] < ' ' || key.ptr[i] > '~')
            return false;
    return key.len >= 1 && key.len <= IDEMPOTENCY_KEY_BYTES_MAX;
}

/* Two callers never share a key: an API key is one caller, and so is a user, in whichever session. */
static struct text caller_of(const struct request *request)
{
    return text_format(request->arena, "%s %.*s", route_who_name(request->caller.role), (int)request->caller.name.len,
                       request->caller.name.ptr);
}

static struct text fingerprint_of(struct arena *arena, const struct json_t *document)
{
    char *body = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    const struct text parts[] = {text_of(body)};
    struct text fingerprint;
    json_free_t release;

    if (!body)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    fingerprint = text_format(arena, "%016" PRIx64, content_hash(parts, 1));
    json_get_alloc_funcs(NULL, &release);
    release(body);
    return fingerprint;
}

const char *idempotency_read(const struct request *request, const struct json_t *document, struct idempotency *key)
{
    const struct text header = request_header(request, "Idempotency-Key");
    const struct text parts[] = {TEXT("Idempotency-Key"), caller_of(request), text_of(request->method),
                                 request->target_path, header};

    *key = (struct idempotency){.is_given = header.ptr};
    if (!header.ptr)
        return NULL;
    if (!is_key(header))
        return "Idempotency-Key must be 1 to 255 printable characters";
    key->id = uuid_derive(0, parts, sizeof parts / sizeof *parts); /* a key tells no time */
    key->fingerprint = fingerprint_of(request->arena, document);
    return NULL;
}

/* ---- adding ---- */

/* KEYS the stream, the key's  ARGV fingerprint, for how long it is kept, then the entry's fields
 * An entry that is gone is added again: it was worked off, and adding it is harmless; or somebody dropped the stream,
 * and nobody else would. */
static const struct redis_script add_script = {
    "#!lua\n"
    "local kept = redis.call('GET', KEYS[2])\n"
    "if kept then\n"
    "  local fingerprint, entry = string.match(kept, '^(%S+) (%S+)$')\n"
    "  if fingerprint ~= ARGV[1] then return {'other'} end\n"
    "  if redis.call('XRANGE', KEYS[1], entry, entry)[1] then return {'again', entry} end\n"
    "end\n"
    "local entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))\n"
    "redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. entry, 'PX', ARGV[2])\n"
    "return {kept and 'again' or 'new', entry}\n"};

static bool add_without_key(struct redis *redis, redis_reply_fn *fn, void *context, enum stream stream, size_t count,
                            const struct text *fields)
{
    struct text words[3 + 2 * ENTRY_FIELDS_MAX] = {TEXT("XADD"), stream_key(stream), TEXT("*")};

    memcpy(words + 3, fields, count * sizeof *fields);
    return redis_send(redis, fn, context, 3 + count, words);
}

bool idempotency_add(struct redis *redis, redis_reply_fn *fn, void *context, const struct idempotency *key,
                     struct arena *arena, enum stream stream, size_t count, const struct text *fields)
{
    struct text words[4 + 2 * ENTRY_FIELDS_MAX];

    assert(count <= 2 * ENTRY_FIELDS_MAX);
    if (!key->is_given)
        return add_without_key(redis, fn, context, stream, count, fields);
    words[0] = stream_key(stream);
    words[1] = stream_asked_key(arena, key->id);
    words[2] = key->fingerprint;
    words[3] = text_of_int64(arena, IDEMPOTENCY_KEPT_MS);
    memcpy(words + 4, fields, count * sizeof *fields);
    return redis_eval(redis, &add_script, fn, context, 2, 4 + count, words);
}

enum idempotency_answer idempotency_answer(const struct redis_reply *reply, struct text *entry)
{
    if (reply->type != REDIS_ARRAY) {
        *entry = reply->text;
        return IDEMPOTENCY_NEW;
    }
    *entry = reply->count > 1 ? reply->items[1]->text : TEXT_NONE;
    if (!entry->ptr)
        return IDEMPOTENCY_OTHER;
    return text_is(reply->items[0]->text, "again") ? IDEMPOTENCY_AGAIN : IDEMPOTENCY_NEW;
}
