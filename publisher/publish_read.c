/* Reading events: a scan of the whole body, then one event after the other. */
#include "publisher/publish_read.h"

#include <stdio.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/problem.h"
#include "common/redis.h"
#include "common/scan.h"
#include "publisher/traceparent.h"

enum member {
    TOPIC,
    EVENT_ID,
    TIMESTAMP,
    SOURCE,
    PAYLOAD,
    TRACEPARENT,
    SHORT_ID,    /* instead of EVENT_ID: the short form, which need not say TOPIC, TIMESTAMP and SOURCE */
    SPECVERSION, /* of CloudEvents */
    DATA_BASE64,
    MEMBER_COUNT
};

#define NAME(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

static const struct text event_names[MEMBER_COUNT] = {
    [TOPIC] = NAME("topic"),   [EVENT_ID] = NAME("event_id"), [TIMESTAMP] = NAME("timestamp"),
    [SOURCE] = NAME("source"), [PAYLOAD] = NAME("payload"),   [TRACEPARENT] = NAME("traceparent"),
    [SHORT_ID] = NAME("id"),
};
static const struct text cloud_names[MEMBER_COUNT] = {
    [TOPIC] = NAME("type"),
    [EVENT_ID] = NAME("id"),
    [TIMESTAMP] = NAME("time"),
    [SOURCE] = NAME("source"),
    [PAYLOAD] = NAME("data"),
    [TRACEPARENT] = NAME("traceparent"),
    [SPECVERSION] = NAME("specversion"),
    [DATA_BASE64] = NAME("data_base64"),
};

/* How deep events and their members lie: in {"events":[{"topic":…}]} three below the document. */
#define LEVELS_OF_OBJECT 3
#define LEVELS_OF_ARRAY  2

struct reading {
    const struct publish_body *body;
    struct arena *arena;
    struct problems *problems;
    struct buffer commands;
    const char *list; /* what stands before an event's index in a pointer; NULL: there is one event, the document */
    struct text now;
    /* The event: */
    size_t index;
    bool is_short;
    const struct scan_value *given[MEMBER_COUNT]; /* NULL: not given, or null */
};

/* ---- what is wrong ---- */

static struct text pointer_to_event(const struct reading *reading)
{
    return reading->list ? text_format(reading->arena, "%s/%zu", reading->list, reading->index) : TEXT("");
}

static void refuse_event(struct reading *reading, const char *detail)
{
    struct problems *problems = reading->problems;

    if (problems_are_enough(problems))
        return;
    problems_add(problems, pointer_to_event(reading), detail);
    problems->items[problems->count - 1].index = (int64_t)reading->index;
}

static const struct text *names_of(const struct reading *reading)
{
    return reading->body->form == PUBLISH_EVENTS ? event_names : cloud_names;
}

static const char *name_of(const struct reading *reading, enum member member)
{
    return names_of(reading)[member == EVENT_ID && reading->is_short ? SHORT_ID : member].ptr;
}

static void refuse(struct reading *reading, enum member member, const char *detail)
{
    struct problems *problems = reading->problems;
    const struct text event = pointer_to_event(reading);

    if (problems_are_enough(problems))
        return;
    problems_add(problems, text_format(reading->arena, "%.*s/%s", (int)event.len, event.ptr, name_of(reading, member)),
                 detail);
    problems->items[problems->count - 1].index = (int64_t)reading->index;
}

/* ---- an event's members ---- */

static void collect(struct reading *reading, const struct scan_value *event)
{
    const struct text *names = names_of(reading);

    memset(reading->given, 0, sizeof reading->given);
    for (const struct scan_value *member = scan_first(event); member; member = scan_next(event, member)) {
        for (size_t i = 0; i < MEMBER_COUNT; i++)
            if (names[i].ptr && member->kind != SCAN_NULL && text_equal(member->key, names[i]))
                reading->given[i] = member;
    }
    reading->is_short = reading->given[SHORT_ID] && !reading->given[EVENT_ID];
    if (reading->is_short)
        reading->given[EVENT_ID] = reading->given[SHORT_ID];
}

/* The string that was given, or else `otherwise`; where that is none, the member is required. */
static struct text string_of(struct reading *reading, enum member member, struct text otherwise)
{
    const struct scan_value *value = reading->given[member];

    if (!value) {
        if (!otherwise.ptr)
            refuse(reading, member, "is required");
        return otherwise;
    }
    if (value->kind != SCAN_STRING) {
        refuse(reading, member, "must be a string");
        return TEXT_NONE;
    }
    return value->text;
}

static struct text printable_of(struct reading *reading, enum member member, size_t bytes_max, struct text otherwise)
{
    const struct text text = string_of(reading, member, otherwise);
    char detail[80];

    if (!text.ptr || (text.len > 0 && text.len <= bytes_max && text_is_printable(text)))
        return text;
    snprintf(detail, sizeof detail, "must be 1 to %zu bytes without control characters", bytes_max);
    refuse(reading, member, detail);
    return TEXT_NONE;
}

static struct text time_of(struct reading *reading)
{
    const bool must_say = reading->body->form == PUBLISH_EVENTS && !reading->is_short;
    const struct text text = string_of(reading, TIMESTAMP, must_say ? TEXT_NONE : reading->now);
    int64_t time_us;

    if (text.ptr && !time_parse(text, &time_us)) {
        refuse(reading, TIMESTAMP, "must be a time such as 2026-11-21T19:30:00+07:00");
        return TEXT_NONE;
    }
    return text;
}

static struct text payload_of(struct reading *reading)
{
    const struct scan_value *value = reading->given[PAYLOAD];

    if (value && value->kind == SCAN_OBJECT)
        return value->text;
    if (value)
        refuse(reading, PAYLOAD, "must be an object");
    else if (reading->body->form == PUBLISH_EVENTS)
        refuse(reading, PAYLOAD, "is required");
    return value ? TEXT_NONE : TEXT("{}"); /* CloudEvents need not have data */
}

/* W3C: one that cannot be used is ignored. */
static struct text trace_of(const struct reading *reading)
{
    const struct scan_value *value = reading->given[TRACEPARENT];

    return value && value->kind == SCAN_STRING && traceparent_is_valid(value->text) ? value->text
                                                                                    : reading->body->traceparent;
}

static void check_cloud_event(struct reading *reading)
{
    const struct scan_value *version = reading->given[SPECVERSION];

    if (!version)
        refuse(reading, SPECVERSION, "is required");
    else if (version->kind != SCAN_STRING || !text_is(version->text, "1.0"))
        refuse(reading, SPECVERSION, "must be \"1.0\"");
    if (reading->given[DATA_BASE64])
        refuse(reading, DATA_BASE64, "cannot be taken; send data, a JSON object");
}

/* ---- an event's entry ---- */

struct event {
    struct text topic, event_id, timestamp, source, payload, traceparent;
    bool says_time;
};

struct words {
    size_t count, bytes;
    struct text list[3 + PUBLISH_FLOW_WORDS_MAX + 8];
};

static void add_field(struct words *words, struct text name, struct text value)
{
    if (!value.ptr)
        return;
    words->list[words->count++] = name;
    words->list[words->count++] = value;
    words->bytes += name.len + value.len;
}

static void begin_entry(struct words *words, enum stream stream)
{
    words->bytes = 0;
    words->list[0] = TEXT("XADD");
    words->list[1] = stream_key(stream);
    words->list[2] = TEXT("*");
    words->count = 3;
}

static void write_published(struct words *words, const struct event *event)
{
    begin_entry(words, EVENTS);
    add_field(words, TEXT("topic"), event->topic);
    add_field(words, TEXT("event_id"), event->event_id);
    add_field(words, TEXT("timestamp"), event->timestamp);
    add_field(words, TEXT("source"), event->source);
    add_field(words, TEXT("payload"), event->payload);
    add_field(words, TEXT("traceparent"), event->traceparent);
}

/* What is wrong with the payload is found as if it were the document; its place is put before. */
static void write_said(struct reading *reading, struct words *words, const struct event *event, enum stream stream)
{
    const struct text place = pointer_to_event(reading);
    struct problems problems = {.arena = reading->arena};
    struct text fields[PUBLISH_FLOW_WORDS_MAX];
    const size_t count = publish_flow_words(stream, event->payload, &problems, fields);

    for (size_t i = 0; i < problems.count && !problems_are_enough(reading->problems); i++) {
        const struct text inside = problems.items[i].pointer;
        const struct text pointer = text_format(reading->arena, "%.*s/%s%.*s", (int)place.len, place.ptr,
                                                name_of(reading, PAYLOAD), (int)inside.len, inside.ptr);

        problems_add(reading->problems, pointer, text_terminated(reading->arena, problems.items[i].detail));
        reading->problems->items[reading->problems->count - 1].index = (int64_t)reading->index;
    }
    begin_entry(words, stream);
    for (size_t i = 0; i < count; i += 2)
        add_field(words, fields[i], fields[i + 1]);
    add_field(words, TEXT("event_id"), event->event_id);
    add_field(words, TEXT("at"), event->says_time ? event->timestamp : TEXT_NONE);
    add_field(words, TEXT("source"), event->source);
    add_field(words, TEXT("traceparent"), event->traceparent);
}

static void write_entry(struct reading *reading, const struct event *event)
{
    struct words words;
    enum stream stream;

    if (!stream_of_key(event->topic, &stream)) {
        write_published(&words, event);
    } else if (publish_may_say(stream)) {
        write_said(reading, &words, event, stream);
    } else {
        refuse(reading, TOPIC,
               "is a stream of the flow on which only the program that owns it says anything; "
               "booking.requested and cancel.requested may be published, and any name that is no stream");
        return;
    }
    if (words.bytes > ENTRY_BYTES_MAX)
        refuse_event(reading, "is larger than an event may be (256 KiB)");
    if (reading->problems->count == 0)
        redis_format(&reading->commands, words.count, words.list);
}

static void read_event(struct reading *reading, const struct scan_value *value)
{
    const size_t problems_before = reading->problems->count;
    struct event event;

    if (value->kind != SCAN_OBJECT) {
        refuse_event(reading, "must be an object");
        return;
    }
    collect(reading, value);
    if (reading->body->form != PUBLISH_EVENTS)
        check_cloud_event(reading);
    event = (struct event){
        .topic =
            printable_of(reading, TOPIC, TOPIC_BYTES_MAX, reading->is_short ? TEXT(PUBLISH_TOPIC_DEFAULT) : TEXT_NONE),
        .event_id = printable_of(reading, EVENT_ID, EVENT_ID_BYTES_MAX, TEXT_NONE),
        .timestamp = time_of(reading),
        .source = printable_of(reading, SOURCE, SOURCE_BYTES_MAX,
                               reading->is_short ? TEXT(PUBLISH_SOURCE_DEFAULT) : TEXT_NONE),
        .payload = payload_of(reading),
        .traceparent = trace_of(reading),
        .says_time = reading->given[TIMESTAMP] != NULL,
    };
    if (reading->problems->count == problems_before)
        write_entry(reading, &event);
}

/* ---- a body's events ---- */

static const struct scan_value *member_of(const struct scan_value *object, const char *name)
{
    for (const struct scan_value *member = scan_first(object); member; member = scan_next(object, member)) {
        if (text_is(member->key, name))
            return member;
    }
    return NULL;
}

/* The array of events; NULL: the document is one event, or must be and is not. */
static const struct scan_value *find_list(struct reading *reading, const struct scan_value *document)
{
    const struct scan_value *events;

    if (reading->body->form == PUBLISH_CLOUD_EVENT)
        return NULL;
    if (document->kind == SCAN_ARRAY) {
        reading->list = "";
        return document;
    }
    if (reading->body->form == PUBLISH_CLOUD_EVENTS) {
        problems_add(reading->problems, TEXT(""), "must be an array of CloudEvents");
        return NULL;
    }
    events = member_of(document, "events");
    if (!events)
        return NULL;
    if (events->kind != SCAN_ARRAY) {
        problems_add(reading->problems, TEXT("/events"), "must be an array of events");
        return NULL;
    }
    reading->list = "/events";
    return events;
}

static enum publish_result read_list(struct reading *reading, const struct scan_value *list)
{
    size_t count = 0;

    for (const struct scan_value *event = scan_first(list); event; event = scan_next(list, event))
        count++;
    if (count == 0)
        return PUBLISH_EMPTY;
    if (count > PUBLISH_EVENTS_MAX)
        return PUBLISH_TOO_MANY;
    for (const struct scan_value *event = scan_first(list); event; event = scan_next(list, event)) {
        if (problems_are_enough(reading->problems))
            break;
        read_event(reading, event);
        reading->index++;
    }
    return PUBLISH_TAKEN;
}

static struct text trim(struct text text)
{
    while (text.len && strchr(" \t\r\n", text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    return text;
}

enum publish_result publish_read(const struct publish_body *body, struct problems *problems,
                                 struct publish_batch *batch)
{
    struct reading reading = {
        .body = body,
        .arena = problems->arena,
        .problems = problems,
        .commands = buffer_in(problems->arena),
        .now = time_text(problems->arena, body->now_ms),
    };
    const struct text start = trim(body->bytes);
    const bool is_array = start.len && start.ptr[0] == '[';
    const struct scan_value *document, *list;
    enum publish_result result = PUBLISH_TAKEN;

    *batch = (struct publish_batch){0};
    document = scan_parse(problems->arena, body->bytes, is_array ? LEVELS_OF_ARRAY : LEVELS_OF_OBJECT, &batch->why);
    if (!document)
        return PUBLISH_NOT_JSON;
    list = find_list(&reading, document);
    if (list)
        result = read_list(&reading, list);
    else if (problems->count == 0)
        read_event(&reading, document);
    if (result != PUBLISH_TAKEN)
        return result;
    batch->count = list ? reading.index : 1;
    batch->commands = buffer_take(&reading.commands);
    return problems->count ? PUBLISH_INVALID : PUBLISH_TAKEN;
}
