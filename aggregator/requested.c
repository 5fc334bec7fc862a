/* See requested.h. The booking ids that publisher makes (UUID version 7) say when they were made, and their entries
 * were added right after: so a short piece of the stream is looked through, not all of it. Of an id that publisher made
 * from an Idempotency-Key it has noted the entry. */
#include "aggregator/requested.h"

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/redis.h"
#include "common/request.h"
#include "common/stream.h"

/* KEYS booking.requested, what was noted under the id  ARGV the first millisecond, the last, how many entries at most,
 * the booking's id
 * The entry's id and fields, if it is still unread by the group hold or pending there; nothing if it is decided. */
static const struct redis_script find_script = {
    "#!lua flags=no-writes\n"
    "local function parts(id)\n"
    "  local ms, seq = string.match(id, '(%d+)-(%d+)')\n"
    "  return tonumber(ms), tonumber(seq)\n"
    "end\n"
    "local first, last = ARGV[1], ARGV[2]\n"
    "local noted = redis.call('GET', KEYS[2])\n"
    "if noted then\n"
    "  first = string.match(noted, ' (%S+)$')\n"
    "  last = first\n"
    "end\n"
    "for _, entry in ipairs(redis.call('XRANGE', KEYS[1], first, last, 'COUNT', ARGV[3])) do\n"
    "  for i = 1, #entry[2], 2 do\n"
    "    if entry[2][i] == 'booking_id' and entry[2][i + 1] == ARGV[4] then\n"
    "      for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
    "        if group[2] == 'hold' then\n"
    "          local ms, seq = parts(entry[1])\n"
    "          local read_ms, read_seq = parts(group[8])\n"
    "          local unread = ms > read_ms or (ms == read_ms and seq > read_seq)\n"
    "          if unread or redis.call('XPENDING', KEYS[1], 'hold', entry[1], entry[1], 1)[1] then return entry end\n"
    "        end\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "return false\n"};

struct search {
    struct query *query;
    struct uuid booking_id;
    requested_write_fn *write;
};

static struct text field(const struct redis_reply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->count; i += 2)
        if (text_is(fields->items[i]->text, name) && text_is_utf8(fields->items[i + 1]->text))
            return fields->items[i + 1]->text;
    return TEXT_NONE;
}

static void write_seats(struct json *json, const struct redis_reply *fields)
{
    struct text labels = field(fields, "seats"), label;

    if (!labels.ptr)
        labels = field(fields, "seat");
    json_key(json, "seats");
    json_begin_array(json);
    while (text_next(&labels, ',', &label))
        json_text(json, label);
    json_end_array(json);
}

void requested_write(struct json *json, const struct requested *requested)
{
    static const char *const unknown[] = {"reason",          "amount",   "invoice_no", "payment_url",
                                          "hold_expires_at", "waitlist", "closed_at"};
    const struct redis_reply *fields = requested->fields;

    json_begin_object(json);
    view_text(json, "booking_id", uuid_text(json->buffer.arena, requested->booking_id));
    view_text(json, "user", field(fields, "user"));
    view_text(json, "show", field(fields, "show"));
    write_seats(json, fields);
    view_text(json, "status", TEXT("REQUESTED"));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        view_text(json, unknown[i], TEXT_NONE);
    json_key(json, "tickets");
    json_raw(json, TEXT("[]"));
    json_key(json, "requested_at");
    json_time(json, requested->at_us);
    json_end_object(json);
}

static void answer_nothing(struct query *query)
{
    if (query->once_more)
        query->once_more(query);
    else
        answer_not_found(query->request, query->not_found);
}

static void on_found(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct search *search = context;
    struct query *query = search->query;
    struct requested requested = {.booking_id = search->booking_id};
    struct entry_id id = {0};

    (void)redis;
    if (redis_problem_of(reply) != REDIS_FINE || reply->type != REDIS_ARRAY || reply->count != 2) {
        answer_nothing(query);
        return;
    }
    if (access_is_anothers(query->request, field(reply->items[1], "user"))) {
        answer_not_found(query->request, query->not_found);
        return;
    }
    requested.entry_id = reply->items[0]->text;
    requested.fields = reply->items[1];
    entry_id_parse(requested.entry_id, &id);
    requested.at_us = (int64_t)id.ms * 1000;
    search->write(&query->json, &requested);
    answer_json(query->request, 200, &query->json);
}

/* When the id says it was made. */
static int64_t made_ms(struct uuid id)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    return ms;
}

/* Can it be one that publisher made, and not too long ago? */
static bool may_be_requested(struct uuid id)
{
    const int64_t ms = made_ms(id);

    if (id.bytes[6] >> 4 == 8)
        return ms == 0; /* from a key, which tells no time */
    return id.bytes[6] >> 4 == 7 && ms >= clock_now_ms() - REQUESTED_AGE_MS_MAX;
}

void requested_show(const struct sources *sources, struct query *query, struct uuid booking_id, requested_write_fn *fn)
{
    struct arena *arena = query->request->arena;
    struct search *search = ARENA_NEW(arena, struct search);
    const int64_t ms = made_ms(booking_id);
    const struct text words[] = {
        stream_key(BOOKING_REQUESTED),
        stream_asked_key(arena, booking_id),
        text_of_int64(arena, ms > REQUESTED_BEFORE_MS ? ms - REQUESTED_BEFORE_MS : 0),
        text_of_int64(arena, ms + REQUESTED_AFTER_MS),
        text_of_int64(arena, REQUESTED_ENTRIES_MAX),
        uuid_text(arena, booking_id),
    };

    *search = (struct search){query, booking_id, fn};
    if (!may_be_requested(booking_id) ||
        !redis_eval(sources->redis, &find_script, on_found, search, 2, sizeof words / sizeof *words, words))
        answer_not_found(query->request, query->not_found);
}
