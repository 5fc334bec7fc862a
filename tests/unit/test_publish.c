/* publish: which bodies are events, what is said on the streams, and where in a body it is wrong. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/problem.h"
#include "publisher/publish_read.h"

#define NOW_MS 1795224125123 /* 2026-11-21T01:22:05.123Z */

struct outcome {
    struct problems problems;
    struct publish_batch batch;
    enum publish_result result;
};

static struct outcome read_body(struct arena *arena, enum publish_form form, struct text bytes)
{
    const struct publish_body body = {.bytes = bytes, .form = form, .now_ms = NOW_MS};
    struct outcome outcome = {.problems = {.arena = arena}};

    outcome.result = publish_read(&body, &outcome.problems, &outcome.batch);
    return outcome;
}

/* A number behind its sign, and what follows its line end. */
static size_t take_head(struct text *rest, char sign)
{
    struct text line, word;
    int64_t number;

    assert_true(text_next(rest, '\n', &line) && line.len > 2);
    assert_int_equal(line.ptr[0], sign);
    assert_int_equal(line.ptr[line.len - 1], '\r');
    word = (struct text){line.ptr + 1, line.len - 2};
    assert_true(text_to_int64(word, 0, 1 << 20, &number));
    return (size_t)number;
}

/* Commands as a person types them, each on a line. */
static struct text typed(struct arena *arena, struct text commands)
{
    struct buffer out = buffer_in(arena);

    while (commands.len > 0) {
        const size_t count = take_head(&commands, '*');

        for (size_t i = 0; i < count; i++) {
            const size_t len = take_head(&commands, '$');

            assert_true(commands.len >= len + 2 && memcmp(commands.ptr + len, "\r\n", 2) == 0);
            buffer_add(&out, (struct text){commands.ptr, len});
            buffer_byte(&out, i + 1 < count ? ' ' : '\n');
            commands = (struct text){commands.ptr + len + 2, commands.len - len - 2};
        }
    }
    return buffer_take(&out);
}

/* ---- what is taken ---- */

#define EVENT                                                                                                          \
    "{\"topic\":\"t\",\"event_id\":\"e1\",\"timestamp\":\"2026-11-21T10:00:00+07:00\",\"source\":\"s\","               \
    "\"payload\":{\"a\": 1.50}}"
#define ENTRY "XADD events * topic t event_id e1 timestamp 2026-11-21T10:00:00+07:00 source s payload {\"a\": 1.50}\n"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void events_are_taken_in_every_form(void **state)
{
    static const struct {
        enum publish_form form;
        const char *body;
        size_t count;
        const char *commands;
    } cases[] = {
        {PUBLISH_EVENTS, EVENT, 1, ENTRY},
        {PUBLISH_EVENTS, "[" EVENT "]", 1, ENTRY},
        {PUBLISH_EVENTS, " [ " EVENT ", " EVENT " ] ", 2, ENTRY ENTRY},
        {PUBLISH_EVENTS, "{\"events\":[" EVENT "]}", 1, ENTRY},
        {PUBLISH_EVENTS, "{\"note\":1,\"events\":[" EVENT "," EVENT "]}", 2, ENTRY ENTRY},
        {PUBLISH_EVENTS, "{\"id\":\"7\",\"payload\":{}}", 1,
         "XADD events * topic default event_id 7 timestamp 2026-11-21T01:22:05.123Z source publisher payload {}\n"},
        {PUBLISH_EVENTS, "[{\"id\":\"7\",\"topic\":\"x\",\"source\":\"y\",\"payload\":{},\"timestamp\":null}]", 1,
         "XADD events * topic x event_id 7 timestamp 2026-11-21T01:22:05.123Z source y payload {}\n"},
        /* escapes are read in what we read, and left in what we pass on */
        {PUBLISH_EVENTS,
         "{\"\\u0074opic\":\"\\u00e9/\\\"\",\"event_id\":\"a\\/b\",\"timestamp\":\"2026-11-21T01:22:05Z\",\"source\":"
         "\"s\",\"payload\":{\"\\u0061\":[\"\\u00e9\" , 1e2]}}",
         1,
         "XADD events * topic \xC3\xA9/\" event_id a/b timestamp 2026-11-21T01:22:05Z source s payload "
         "{\"\\u0061\":[\"\\u00e9\" , 1e2]}\n"},
        /* traces: one that cannot be used is ignored */
        {PUBLISH_EVENTS, "{\"id\":\"7\",\"payload\":{},\"traceparent\":\"" TRACE "\"}", 1,
         "XADD events * topic default event_id 7 timestamp 2026-11-21T01:22:05.123Z source publisher payload {} "
         "traceparent " TRACE "\n"},
        {PUBLISH_EVENTS, "{\"id\":\"7\",\"payload\":{},\"traceparent\":5}", 1,
         "XADD events * topic default event_id 7 timestamp 2026-11-21T01:22:05.123Z source publisher payload {}\n"},
        /* CloudEvents */
        {PUBLISH_CLOUD_EVENT,
         "{\"specversion\":\"1.0\",\"type\":\"com.x.made\",\"source\":\"/a\",\"id\":\"9\",\"time\":\"2026-11-21T00:00:"
         "00Z\",\"data\":{\"x\":[]},\"sequence\":\"4\",\"datacontenttype\":\"application/json\"}",
         1, "XADD events * topic com.x.made event_id 9 timestamp 2026-11-21T00:00:00Z source /a payload {\"x\":[]}\n"},
        {PUBLISH_CLOUD_EVENTS,
         "[{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"s\",\"id\":\"9\",\"traceparent\":\"" TRACE "\"}]", 1,
         "XADD events * topic t event_id 9 timestamp 2026-11-21T01:22:05.123Z source s payload {} traceparent " TRACE
         "\n"},
        /* the flow: requests, whose payload becomes fields */
        {PUBLISH_EVENTS,
         "{\"topic\":\"booking.requested\",\"event_id\":\"b\",\"timestamp\":\"2026-11-21T00:00:00Z\",\"source\":\"s\","
         "\"payload\":{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":[\"A1\",\"A2\"],\"waitlist\":false}}",
         1,
         "XADD booking.requested * user ayu show demo seats A1,A2 waitlist no event_id b at 2026-11-21T00:00:00Z source "
         "s\n"},
        {PUBLISH_EVENTS,
         "{\"topic\":\"booking.requested\",\"id\":\"b\",\"payload\":{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":2,"
         "\"booking_id\":\"00000000-0000-0000-0000-00000000000A\"}}",
         1,
         "XADD booking.requested * booking_id 00000000-0000-0000-0000-00000000000a user ayu show demo quantity 2 "
         "event_id b source publisher\n"},
        /* as the stream has it, and GET /events shows it: all text */
        {PUBLISH_EVENTS,
         "[{\"topic\":\"booking.requested\",\"id\":\"b\",\"payload\":{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":\"A1,A2\","
         "\"waitlist\":\"no\"}},{\"topic\":\"booking.requested\",\"id\":\"c\",\"payload\":{\"user\":\"ayu\",\"show\":\"demo\","
         "\"quantity\":\"10\"}}]",
         2,
         "XADD booking.requested * user ayu show demo seats A1,A2 waitlist no event_id b source publisher\n"
         "XADD booking.requested * user ayu show demo quantity 10 event_id c source publisher\n"},
        {PUBLISH_CLOUD_EVENT,
         "{\"specversion\":\"1.0\",\"type\":\"cancel.requested\",\"source\":\"s\",\"id\":\"c\",\"data\":{\"booking_id\":"
         "\"00000000-0000-0000-0000-00000000000A\",\"by\":\"ayu\",\"reason\":\"ill\"}}",
         1,
         "XADD cancel.requested * booking_id 00000000-0000-0000-0000-00000000000a by ayu reason ill event_id c source "
         "s\n"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct outcome outcome = read_body(arena, cases[i].form, text_of(cases[i].body));

        check_row(outcome.result == PUBLISH_TAKEN, "%s: %d", cases[i].body, (int)outcome.result);
        check_row(outcome.batch.count == cases[i].count, "%s: %zu", cases[i].body, outcome.batch.count);
        check_text_row(typed(arena, outcome.batch.commands), cases[i].commands, cases[i].body);
    }
    arena_free(arena);
}

static void the_requests_trace_is_that_of_events_that_have_none(void **state)
{
    static const char entry[] = "XADD events * topic default event_id 7 timestamp 2026-11-21T01:22:05.123Z source "
                                "publisher payload {} traceparent " TRACE "\n";
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    const struct publish_body body = {
        .bytes = TEXT("{\"id\":\"7\",\"payload\":{}}"), .now_ms = NOW_MS, .traceparent = TEXT(TRACE)};
    struct publish_batch batch;

    (void)state;
    assert_int_equal(publish_read(&body, &problems, &batch), PUBLISH_TAKEN);
    check_text(typed(arena, batch.commands), entry);
    arena_free(arena);
}

/* ---- what is refused ---- */

/* "/0/topic@0 /1@1": each problem's pointer, and index if it has one. */
static struct text places(struct arena *arena, const struct problems *problems)
{
    struct buffer out = buffer_in(arena);

    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];

        buffer_format(&out, "%s%.*s", i ? " " : "", (int)problem->pointer.len, problem->pointer.ptr);
        if (problem->index >= 0)
            buffer_format(&out, "@%lld", (long long)problem->index);
    }
    return buffer_take(&out);
}

#define WITH(topic, event_id, timestamp, source, payload)                                                              \
    "{\"topic\":" topic ",\"event_id\":" event_id ",\"timestamp\":" timestamp ",\"source\":" source                    \
    ",\"payload\":" payload "}"
#define TIME "\"2026-11-21T00:00:00Z\""

static void everything_wrong_with_an_event_is_said_with_its_place(void **state)
{
    static const struct {
        enum publish_form form;
        const char *body, *places;
    } cases[] = {
        {PUBLISH_EVENTS, "{}", "/topic@0 /event_id@0 /timestamp@0 /source@0 /payload@0"},
        {PUBLISH_EVENTS, "{\"id\":\"7\"}", "/payload@0"},
        {PUBLISH_EVENTS, "{\"id\":7,\"payload\":{}}", "/id@0"},
        {PUBLISH_EVENTS, "{\"id\":\"\",\"payload\":{},\"timestamp\":\"now\"}", "/id@0 /timestamp@0"},
        {PUBLISH_EVENTS, "[" EVENT "," EVENT ",{\"id\":\"7\",\"payload\":[]}]", "/2/payload@2"},
        {PUBLISH_EVENTS, "{\"events\":[" EVENT ",null,5,\"x\",[]]}", "/events/1@1 /events/2@2 /events/3@3 /events/4@4"},
        {PUBLISH_EVENTS, "{\"events\":{}}", "/events"},
        {PUBLISH_EVENTS, "{\"events\":null}", "/events"},
        {PUBLISH_EVENTS, WITH("null", "null", "null", "null", "null"),
         "/topic@0 /event_id@0 /timestamp@0 /source@0 /payload@0"},
        {PUBLISH_EVENTS, WITH("1", "true", "1795224125", "[]", "\"{}\""),
         "/topic@0 /event_id@0 /timestamp@0 /source@0 /payload@0"},
        {PUBLISH_EVENTS, WITH("\"\"", "\"\"", "\"\"", "\"\"", "[]"),
         "/topic@0 /event_id@0 /timestamp@0 /source@0 /payload@0"},
        {PUBLISH_EVENTS, WITH("\"a\\u0007\"", "\"a\\n\"", "\"2026-11-21\"", "\"\x7F\"", "null"),
         "/topic@0 /event_id@0 /timestamp@0 /source@0 /payload@0"},
        {PUBLISH_EVENTS, WITH("\"t\"", "\"e\"", "\"2026-11-21T00:00:00\"", "\"s\"", "{}"), "/timestamp@0"},
        {PUBLISH_EVENTS, WITH("\"t\"", "\"e\"", "\"2026-02-30T00:00:00Z\"", "\"s\"", "{}"), "/timestamp@0"},
        {PUBLISH_EVENTS, WITH("\"t\"", "\"e\"", "\"9999-12-31T23:59:59-00:01\"", "\"s\"", "{}"), "/timestamp@0"},
        /* streams of the flow: facts, letters, and the stream of events itself */
        {PUBLISH_EVENTS, WITH("\"seat.reserved\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"seat.held\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"invoice.created\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"payment.requested\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"payment.done\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"booking.closed\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"events\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"dead\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS, WITH("\"pa\\u0079ment.done\"", "\"e\"", TIME, "\"s\"", "{}"), "/topic@0"},
        {PUBLISH_EVENTS,
         "[" EVENT
         "," WITH("\"booking.requested\"", "\"e\"", TIME, "\"s\"", "{\"user\":\"a b\",\"show\":\"demo\"}") "]",
         "/1/payload/user@1 /1/payload/seats@1"},
#define BOOKING(seats)                                                                                                 \
    WITH("\"booking.requested\"", "\"e\"", TIME, "\"s\"", "{\"user\":\"a\",\"show\":\"demo\"," seats "}")
        {PUBLISH_EVENTS, BOOKING("\"seats\":\"\""), "/payload/seats@0"},
        {PUBLISH_EVENTS, BOOKING("\"seats\":\"A1,,A2\""), "/payload/seats/1@0"},
        {PUBLISH_EVENTS, BOOKING("\"seats\":\"A1,A1\""), "/payload/seats@0"},
        {PUBLISH_EVENTS, BOOKING("\"seats\":\"0,1,2,3,4,5,6,7,8,9,10\""), "/payload/seats@0"},
        {PUBLISH_EVENTS, BOOKING("\"quantity\":\"11\""), "/payload/quantity@0"},
        {PUBLISH_EVENTS, BOOKING("\"quantity\":\"two\""), "/payload/quantity@0"},
        {PUBLISH_EVENTS, WITH("\"cancel.requested\"", "\"e\"", TIME, "\"s\"", "{\"reason\":5}"),
         "/payload/booking_id@0 /payload/reason@0"},
        /* CloudEvents, by their own names */
        {PUBLISH_CLOUD_EVENT, "{}", "/specversion@0 /type@0 /id@0 /source@0"},
        {PUBLISH_CLOUD_EVENT, "[]", "@0"},
        {PUBLISH_CLOUD_EVENTS, "{}", ""},
        {PUBLISH_CLOUD_EVENT,
         "{\"specversion\":\"0.3\",\"type\":\"\",\"id\":1,\"source\":\"\",\"time\":\"x\",\"data\":\"x\",\"data_base64\":"
         "\"eA==\"}",
         "/specversion@0 /data_base64@0 /type@0 /id@0 /time@0 /source@0 /data@0"},
        {PUBLISH_CLOUD_EVENTS, "[{\"specversion\":1.0,\"type\":\"dead\",\"id\":\"1\",\"source\":\"s\"}]",
         "/0/specversion@0"},
        {PUBLISH_CLOUD_EVENTS, "[{\"specversion\":\"1.0\",\"type\":\"dead\",\"id\":\"1\",\"source\":\"s\"}]",
         "/0/type@0"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct outcome outcome = read_body(arena, cases[i].form, text_of(cases[i].body));

        check_row(outcome.result == PUBLISH_INVALID, "%s: %d", cases[i].body, (int)outcome.result);
        check_text_row(places(arena, &outcome.problems), cases[i].places, cases[i].body);
    }
    arena_free(arena);
}

static void no_json_and_no_event_are_told_apart(void **state)
{
    static const struct {
        const char *body;
        enum publish_result result;
    } cases[] = {
        {"", PUBLISH_NOT_JSON},
        {"x", PUBLISH_NOT_JSON},
        {"[" EVENT, PUBLISH_NOT_JSON},
        {"[" EVENT ",]", PUBLISH_NOT_JSON},
        {"\"x\"", PUBLISH_NOT_JSON},
        {"[]", PUBLISH_EMPTY},
        {"{\"events\":[]}", PUBLISH_EMPTY},
        {" [ ] ", PUBLISH_EMPTY},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(read_body(arena, PUBLISH_EVENTS, text_of(cases[i].body)).result == cases[i].result, "%s",
                  cases[i].body);
    arena_free(arena);
}

/* ---- limits ---- */

static struct text repeated(struct arena *arena, const char *before, char byte, size_t count, const char *behind)
{
    struct buffer buffer = buffer_in(arena);

    buffer_add(&buffer, text_of(before));
    for (size_t i = 0; i < count; i++)
        buffer_byte(&buffer, byte);
    buffer_add(&buffer, text_of(behind));
    return buffer_take(&buffer);
}

static void names_are_as_long_as_may_be_and_no_longer(void **state)
{
    static const struct {
        const char *before, *behind, *place;
        size_t max;
    } cases[] = {
        {"{\"topic\":\"", "\",\"id\":\"1\",\"payload\":{}}", "/topic@0", TOPIC_BYTES_MAX},
        {"{\"id\":\"", "\",\"payload\":{}}", "/id@0", EVENT_ID_BYTES_MAX},
        {"{\"source\":\"", "\",\"id\":\"1\",\"payload\":{}}", "/source@0", SOURCE_BYTES_MAX},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct text fits = repeated(arena, cases[i].before, 'x', cases[i].max, cases[i].behind),
                          does_not = repeated(arena, cases[i].before, 'x', cases[i].max + 1, cases[i].behind);
        const struct outcome outcome = read_body(arena, PUBLISH_EVENTS, does_not);

        check_row(read_body(arena, PUBLISH_EVENTS, fits).result == PUBLISH_TAKEN, "%s", cases[i].before);
        assert_int_equal(outcome.result, PUBLISH_INVALID);
        check_text(places(arena, &outcome.problems), cases[i].place);
    }
    arena_free(arena);
}

/* Names and values of the short form's five fields but the payload. */
#define OTHER_BYTES (5 + 7 + 8 + 1 + 9 + 24 + 6 + 9 + 7)

static void an_event_is_as_large_as_an_entry_may_be(void **state)
{
    static const char before[] = "[{\"id\":\"1\",\"payload\":{\"x\":\"", behind[] = "\"}}]";
    const size_t payload_bytes = ENTRY_BYTES_MAX - OTHER_BYTES - sizeof "{'x':''}" + 1;
    struct arena *arena = arena_new();
    struct outcome outcome;

    (void)state;
    outcome = read_body(arena, PUBLISH_EVENTS, repeated(arena, before, 'x', payload_bytes, behind));
    assert_int_equal(outcome.result, PUBLISH_TAKEN);
    outcome = read_body(arena, PUBLISH_EVENTS, repeated(arena, before, 'x', payload_bytes + 1, behind));
    assert_int_equal(outcome.result, PUBLISH_INVALID);
    check_text(places(arena, &outcome.problems), "/0@0");
    arena_free(arena);
}

static void a_body_has_as_many_events_as_may_be_and_no_more(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct buffer buffer = buffer_in(arena);
        struct outcome outcome;

        for (size_t i = 0; i < PUBLISH_EVENTS_MAX + more; i++)
            buffer_format(&buffer, "%c{\"id\":\"%zu\",\"payload\":{}}", i ? ',' : '[', i);
        buffer_byte(&buffer, ']');
        outcome = read_body(arena, PUBLISH_EVENTS, buffer_take(&buffer));
        assert_int_equal(outcome.result, more ? PUBLISH_TOO_MANY : PUBLISH_TAKEN);
        assert_int_equal(outcome.batch.count, more ? 0 : PUBLISH_EVENTS_MAX);
    }
    arena_free(arena);
}

/* As the payload of a booking it is read into a tree, which is bounded; else it is passed on. */
static void a_payload_may_be_wide_where_nobody_reads_it(void **state)
{
    static const struct {
        const char *topic;
        enum publish_result result;
    } cases[] = {{"t", PUBLISH_TAKEN}, {"booking.requested", PUBLISH_INVALID}};
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer buffer = buffer_in(arena);
        struct outcome outcome;

        buffer_format(&buffer, "{\"id\":\"1\",\"topic\":\"%s\",\"payload\":{\"x\":[", cases[i].topic);
        for (size_t j = 0; j <= JSON_CONTAINERS_MAX; j++)
            buffer_add(&buffer, j ? TEXT(",[]") : TEXT("[]"));
        buffer_add(&buffer, TEXT("]}}"));
        outcome = read_body(arena, PUBLISH_EVENTS, buffer_take(&buffer));
        check_row(outcome.result == cases[i].result, "%s: %d", cases[i].topic, (int)outcome.result);
        check_text_row(places(arena, &outcome.problems), i ? "/payload@0" : "", cases[i].topic);
    }
    arena_free(arena);
}

static void of_very_many_wrong_events_the_first_are_said(void **state)
{
    struct arena *arena = arena_new();
    struct buffer buffer = buffer_in(arena);
    struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < PUBLISH_EVENTS_MAX; i++)
        buffer_add(&buffer, i ? TEXT(",1") : TEXT("[1"));
    buffer_byte(&buffer, ']');
    outcome = read_body(arena, PUBLISH_EVENTS, buffer_take(&buffer));
    assert_int_equal(outcome.result, PUBLISH_INVALID);
    assert_int_equal(outcome.problems.count, PROBLEMS_MAX);
    assert_int_equal(outcome.problems.items[PROBLEMS_MAX - 1].index, PROBLEMS_MAX - 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_taken_in_every_form),
        cmocka_unit_test(the_requests_trace_is_that_of_events_that_have_none),
        cmocka_unit_test(everything_wrong_with_an_event_is_said_with_its_place),
        cmocka_unit_test(no_json_and_no_event_are_told_apart),
        cmocka_unit_test(names_are_as_long_as_may_be_and_no_longer),
        cmocka_unit_test(an_event_is_as_large_as_an_entry_may_be),
        cmocka_unit_test(a_body_has_as_many_events_as_may_be_and_no_more),
        cmocka_unit_test(a_payload_may_be_wide_where_nobody_reads_it),
        cmocka_unit_test(of_very_many_wrong_events_the_first_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
