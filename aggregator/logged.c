/* Turning entries into what the log stores. */
#include "aggregator/logged.h"

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/scan.h"

/* NULL: it is one. It is read to its end, and kept as it came. */
static const char *why_no_json_object(struct arena *arena, struct text document)
{
    struct text why;

    if (!text_is_utf8(document))
        return "must be a JSON object in UTF-8 without NUL";
    if (document.len == 0 || document.ptr[0] != '{') /* cheap, and leading space is not worth a case */
        return "must be a JSON object";
    if (!scan_parse(arena, document, 0, &why))
        return text_format(arena, "must be a JSON object (%.*s)", (int)why.len, why.ptr).ptr;
    return NULL;
}

/* ---- fields as an object ---- */

typedef bool apart_fn(const struct entry *entry, size_t pair);

/* What has a column of its own is not repeated in the payload; and a replay says what the first entry said. */
static bool is_apart(const struct entry *entry, size_t pair)
{
    const struct text name = entry->pairs[2 * pair];

    return text_equal(name, TEXT("event_id")) || text_equal(name, TEXT("at")) || text_equal(name, TEXT("source")) ||
           text_equal(name, TEXT("replay_of"));
}

/* The same for an event that somebody published. Only what was taken has its column: a field that is there once more
 * has none, and neither has `at`, for an event says its time in `timestamp`. */
static bool is_published(const struct entry *entry, size_t pair)
{
    static const char *const taken[] = {"topic", "timestamp", "payload", "replay_of"};
    const struct text name = entry->pairs[2 * pair];
    const char *const value = entry->pairs[2 * pair + 1].ptr;

    if (text_is(name, "event_id"))
        return value == entry->event_id.ptr;
    if (text_is(name, "source"))
        return value == entry->source.ptr;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (text_is(name, taken[i]))
            return value == entry_field(entry, taken[i]).ptr;
    return false;
}

/* All fields but those apart, in their order; one that is there twice is written twice. */
static struct refusal write_fields(struct json *json, const struct entry *entry, apart_fn *is_elsewhere,
                                   struct text *object)
{
    for (size_t i = 0; i < entry->pair_count; i++) {
        const struct text name = entry->pairs[2 * i], value = entry->pairs[2 * i + 1];

        if (!text_is_utf8(name) || !text_is_utf8(value))
            return refuse_field(json->buffer.arena,
                                text_terminated(json->buffer.arena, text_shown(json->buffer.arena, name)),
                                "every name and value must be UTF-8 without NUL", value);
    }
    json_begin_object(json);
    for (size_t i = 0; i < entry->pair_count; i++) {
        if (is_elsewhere(entry, i))
            continue;
        json_key_text(json, entry->pairs[2 * i]);
        json_text(json, entry->pairs[2 * i + 1]);
    }
    json_end_object(json);
    *object = json_take(json);
    return (struct refusal){0};
}

/* ---- events ---- */

static const char *const required[] = {"topic", "event_id", "timestamp", "source", "payload"};
#define REQUIRED_COUNT (sizeof required / sizeof *required)

/* What else it says. Almost every event has the required fields and no others, which costs nothing. */
static struct refusal read_extra(struct json *json, const struct entry *entry, struct logged *logged)
{
    struct refusal refusal;

    if (entry->pair_count == REQUIRED_COUNT)
        return (struct refusal){0};
    refusal = write_fields(json, entry, is_published, &logged->extra);
    if (text_is(logged->extra, "{}"))
        logged->extra = TEXT_NONE;
    return refusal;
}

static struct refusal read_published(struct json *json, const struct entry *entry, struct logged *logged)
{
    struct arena *arena = json->buffer.arena;
    const struct text topic = entry_field(entry, "topic"), timestamp = entry_field(entry, "timestamp"),
                      payload = entry_field(entry, "payload");
    const char *why;
    enum stream stream;

    for (size_t i = 0; i < REQUIRED_COUNT; i++)
        if (entry_field(entry, required[i]).len == 0)
            return refuse_field(arena, required[i], "is missing", TEXT_NONE);
    if (topic.len > TOPIC_BYTES_MAX || !text_is_printable(topic))
        return refuse_field(arena, "topic", "must be 1 to 200 bytes of printable UTF-8", topic);
    if (stream_of_key(topic, &stream))
        return refuse_field(arena, "topic", "must not be a stream of the flow (put the event on that stream)", topic);
    if (!time_parse(timestamp, &logged->at_us))
        return refuse_field(arena, "timestamp", "must be a time like 2026-11-21T10:00:00Z", timestamp);
    why = why_no_json_object(arena, payload);
    if (why)
        return refuse_field(arena, "payload", why, payload);
    logged->topic = topic;
    logged->payload = payload;
    return read_extra(json, entry, logged);
}

static struct refusal read_fact(struct json *json, const struct entry *entry, struct logged *logged)
{
    logged->topic = stream_key(entry->stream);
    logged->at_us = entry->at_us;
    return write_fields(json, entry, is_apart, &logged->payload);
}

struct refusal logged_read(struct json *json, const struct entry *entry, struct logged *logged)
{
    if (entry->refusal.reason)
        return entry->refusal;
    *logged = (struct logged){.event_id = entry->event_id, .source = entry->source.ptr ? entry->source : TEXT("redis")};
    return entry->stream == EVENTS ? read_published(json, entry, logged) : read_fact(json, entry, logged);
}

/* ---- dead letters ---- */

/* Text that may be anything, as text that JSON and PostgreSQL can hold: a byte that is not UTF-8 becomes the character
 * of the same number. Reading it is enough; what was changed so is not exact, and is not replayed from here. */
static struct text readable(struct arena *arena, struct text raw)
{
    char *out, *end;

    if (text_is_utf8(raw))
        return raw;
    out = end = arena_alloc_raw(arena, 2 * raw.len + 1);
    for (size_t i = 0; i < raw.len; i++) {
        const unsigned char c = (unsigned char)raw.ptr[i];

        if (c == 0) {
            *end++ = '?';
        } else if (c < 0x80) {
            *end++ = (char)c;
        } else {
            *end++ = (char)(0xC0 | c >> 6);
            *end++ = (char)(0x80 | (c & 0x3F));
        }
    }
    return (struct text){out, (size_t)(end - out)};
}

bool letter_read(struct json *json, const struct entry *entry, struct letter *letter)
{
    struct arena *arena = json->buffer.arena;
    const struct text deliveries = entry_field(entry, "deliveries");

    letter->stream = readable(arena, entry_field(entry, "stream"));
    letter->entry_id = readable(arena, entry_field(entry, "entry_id"));
    letter->step = readable(arena, entry_field(entry, "step"));
    letter->reason = readable(arena, entry_field(entry, "reason"));
    letter->detail = readable(arena, entry_field(entry, "detail"));
    if (!letter->stream.ptr || !letter->entry_id.ptr || !letter->step.ptr || !letter->reason.ptr)
        return false;
    if (!deliveries.ptr || !text_to_int64(deliveries, 0, INT32_MAX, &letter->deliveries))
        letter->deliveries = 1;
    letter->dead_entry_id = entry->id_text;
    letter->is_exact = !entry_field(entry, "cut").ptr;
    json_begin_object(json);
    for (size_t i = 0; i < entry->pair_count; i++) {
        const struct text name = entry->pairs[2 * i];

        if (name.len < 6 || memcmp(name.ptr, "field.", 6) != 0)
            continue;
        json_key_text(json, readable(arena, (struct text){name.ptr + 6, name.len - 6}));
        json_text(json, readable(arena, entry->pairs[2 * i + 1]));
        letter->is_exact = letter->is_exact && text_is_utf8(name) && text_is_utf8(entry->pairs[2 * i + 1]);
    }
    json_end_object(json);
    letter->fields = json_take(json);
    return true;
}

bool replay_read(const struct entry *entry, struct replay *replay)
{
    const struct text letter = entry_field(entry, "replay_of");
    struct entry_id id;

    *replay = (struct replay){0};
    if (!letter.ptr)
        return false;
    if (entry_id_parse(letter, &id))
        replay->dead_entry_id = letter;
    else if (!text_to_int64(letter, 1, INT64_MAX, &replay->dead_letter_id))
        return false;
    return true;
}
