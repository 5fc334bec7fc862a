/* json and body: what is written reads back the same with another's parser, and what is read is bounded. */
#include "tests/unit/support.h"

#include <jansson.h>
#include <math.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/id.h"
#include "common/json.h"
#include "common/problem.h"

/* ---- writing ---- */

static void commas_and_colons_come_by_themselves(void **state)
{
    struct arena *arena = arena_new();
    struct json json = json_in(arena);

    (void)state;
    json_begin_object(&json);
    json_key(&json, "a");
    json_begin_array(&json);
    json_int(&json, 1);
    json_bool(&json, true);
    json_none(&json);
    json_begin_array(&json);
    json_end_array(&json);
    json_begin_object(&json);
    json_end_object(&json);
    json_end_array(&json);
    json_key_text(&json, TEXT("\"b\""));
    json_text(&json, TEXT("x"));
    json_key(&json, "c");
    json_raw(&json, TEXT("{\"d\": 1}"));
    json_key(&json, "e");
    json_text(&json, TEXT_NONE);
    json_end_object(&json);
    check_text(json_take(&json), "{\"a\":[1,true,null,[],{}],\"\\\"b\\\"\":\"x\",\"c\":{\"d\": 1},\"e\":null}");
    arena_free(arena);
}

static void one_writer_writes_many_documents_and_each_stays(void **state)
{
    struct arena *arena = arena_new();
    struct json json = json_in(arena);
    struct text taken[2000];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        json_begin_array(&json);
        json_int(&json, (int64_t)i);
        json_end_array(&json);
        taken[i] = json_take(&json);
    }
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        char expected[32];

        snprintf(expected, sizeof expected, "[%zu]", i);
        check_text(taken[i], expected);
    }
    arena_free(arena);
}

static void numbers_and_times_have_one_form(void **state)
{
    struct arena *arena = arena_new();
    struct json json = json_in(arena);

    (void)state;
    json_begin_array(&json);
    json_int(&json, INT64_MIN);
    json_int(&json, INT64_MAX);
    json_fixed(&json, 1.0 / 3, 4);
    json_fixed(&json, NAN, 1);
    json_fixed(&json, INFINITY, 1);
    json_money(&json, 125000, TEXT("IDR"));
    json_time(&json, 1700000000123456);
    json_end_array(&json);
    check_text(json_take(&json), "[-9223372036854775808,9223372036854775807,0.3333,null,null,"
                                 "{\"amount\":125000,\"currency\":\"IDR\"},\"2023-11-14T22:13:20.123Z\"]");
    arena_free(arena);
}

/* A character: mostly those that need care. */
static size_t put_random_character(struct random *random, char *out)
{
    static const char *const characters[] = {"\"",
                                             "\\",
                                             "/",
                                             "\n",
                                             "\t",
                                             "\x01",
                                             "\x1f",
                                             " ",
                                             "\x7f",
                                             "a",
                                             "\xc2\x80",
                                             "\xe2\x80\xa8",
                                             "\xed\x9f\xbf",
                                             "\xef\xbf\xbf",
                                             "b",
                                             "\r",
                                             "\b\f",
                                             "Z",
                                             "\xf0\x9f\x8e\xab",
                                             "\xf4\x8f\xbf\xbf"};
    const char *character = characters[support_random_below(random, COUNT_OF(characters))];

    memcpy(out, character, strlen(character));
    return strlen(character);
}

static struct text random_text(struct random *random, struct arena *arena)
{
    const size_t characters = support_random_below(random, 12);
    char *out = arena_alloc_raw(arena, characters * 4 + 1);
    size_t len = 0;

    for (size_t i = 0; i < characters; i++)
        len += put_random_character(random, out + len);
    return (struct text){out, len};
}

/* Writes a random value with ours and builds the same with jansson. */
static json_t *write_random(struct random *random, struct arena *arena, struct json *json, int depth)
{
    const size_t kind = support_random_below(random, depth > 4 ? 4 : 6);
    const size_t members = support_random_below(random, 5);
    struct text text;
    int64_t number;
    json_t *same;

    switch (kind) {
    case 0:
        text = random_text(random, arena);
        json_text(json, text);
        return json_stringn(text.ptr, text.len);
    case 1:
        number = (int64_t)support_random(random) >> support_random_below(random, 64);
        json_int(json, number);
        return json_integer(number);
    case 2:
        json_bool(json, members > 2);
        return json_boolean(members > 2);
    case 3:
        json_none(json);
        return json_null();
    case 4:
        same = json_array();
        json_begin_array(json);
        for (size_t i = 0; i < members; i++)
            json_array_append_new(same, write_random(random, arena, json, depth + 1));
        json_end_array(json);
        return same;
    default:
        same = json_object();
        json_begin_object(json);
        for (size_t i = 0; i < members; i++) {
            const char *key = text_format(arena, "%zu%s", i, text_terminated(arena, random_text(random, arena))).ptr;

            json_key_text(json, text_of(key));
            json_object_set_new(same, key, write_random(random, arena, json, depth + 1));
        }
        json_end_object(json);
        return same;
    }
}

static void whatever_is_written_reads_back_with_jansson(void **state)
{
    struct random random = support_seed("json");
    struct arena *arena = arena_new();

    (void)state;
    for (int i = 0; i < 5000; i++) {
        struct json json = json_in(arena);
        json_t *same = write_random(&random, arena, &json, 0), *back;
        const struct text text = json_take(&json);
        json_error_t error;

        back = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        check_row(back != NULL, "%.*s: %s", (int)text.len, text.ptr, error.text);
        check_row(json_equal(same, back), "%.*s", (int)text.len, text.ptr);
        json_decref(same);
        json_decref(back);
        arena_reset(arena);
    }
    arena_free(arena);
}

/* ---- reading ---- */

static bool is_read(const char *body)
{
    struct arena *arena = arena_new();
    struct text why = TEXT_NONE;
    json_t *document = body_parse(arena, text_of(body), &why);
    const bool result = document != NULL;

    if (!result)
        assert_true(why.len > 0 && text_is_utf8(why));
    json_decref(document);
    arena_free(arena);
    return result;
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        " ",
        "x",
        "{",
        "}",
        "{\"a\":1,}",
        "{\"a\":1}{",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":9223372036854775808}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\n\"}",
        "\"text\"",
        "1",
        "null",
        "\xef\xbb\xbf{}",
    };

    (void)state;
    assert_true(is_read("{}"));
    assert_true(is_read(" [] "));
    assert_true(is_read("{\"[[[[\":\"\\\"{{{{\\\\\"}"));
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        check_row(!is_read(refused[i]), "%s", refused[i]);
}

static void depth_and_width_are_bounded(void **state)
{
    char deep[2 * (JSON_DEPTH_MAX + 1) + 1], *wide = test_malloc(3 * (JSON_CONTAINERS_MAX + 2));
    size_t len = 0;

    (void)state;
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    deep[2 * JSON_DEPTH_MAX] = '\0';
    assert_true(is_read(deep));
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    deep[2 * (JSON_DEPTH_MAX + 1)] = '\0';
    assert_false(is_read(deep));

    wide[len++] = '[';
    for (int i = 1; i < JSON_CONTAINERS_MAX; i++)
        len += (size_t)sprintf(wide + len, "%s{}", i > 1 ? "," : "");
    strcpy(wide + len, "]");
    assert_true(is_read(wide));
    strcpy(wide + len, ",{}]");
    assert_false(is_read(wide));
    test_free(wide);
}

static void members_are_read_by_what_they_must_be(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    json_t *document =
        json_loads("{\"name\":\"ayu\",\"line\":\"\xe5\x8c\x97\xe4\xba\xac\",\"n\":3,\"at\":\"1970-01-01T00:00:01Z\","
                   "\"yes\":true,\"which\":\"link\",\"none\":null,\"in\":{\"amount\":1.5},"
                   "\"id\":\"00000000-0000-0000-0000-00000000000F\"}",
                   0, NULL);
    const struct body body = body_open(document, &problems), in = body_object(&body, "in");
    int64_t number = 0, time_us = 0;
    struct uuid id;

    (void)state;
    check_text(body_identifier(&body, "name", 3), "ayu");
    check_text(body_line(&body, "line", 2), "\xe5\x8c\x97\xe4\xba\xac"); /* characters, not bytes */
    assert_true(body_integer(&body, "n", 3, 3, &number));
    assert_int_equal(number, 3);
    assert_true(body_time(&body, "at", &time_us));
    assert_int_equal(time_us, 1000000);
    assert_true(body_uuid(&body, "id", &id));
    assert_int_equal(id.bytes[15], 15);
    assert_int_equal(body_choice(&body, "yes", "no|yes"), 1);
    assert_int_equal(body_choice(&body, "which", "auto|link"), 1);
    check_text(body_identifier(&body, "none", 3), "-");
    assert_false(body_is_given(&body, "none"));
    assert_int_equal(body_choice(&body, "absent", "a|b"), -1);
    assert_int_equal(problems.count, 0);

    assert_false(body_integer(&in, "amount", 0, 9, &number));
    check_text(problems.items[0].pointer, "/in/amount");
    check_text(body_identifier(&body, "name", 2), "-");
    check_text(body_line(&body, "line", 1), "-");
    assert_false(body_integer(&body, "n", 4, 9, &number));
    assert_int_equal(body_choice(&body, "name", "a|b"), -1);
    body_require(&body, "none");
    assert_int_equal(problems.count, 6);
    check_text(problems.items[5].detail, "is required");
    json_decref(document);
    arena_free(arena);
}

static void labels_are_labels_and_differ(void **state)
{
    static const struct {
        const char *body;
        size_t count;
        const char *pointer; /* of the first problem; "-": none */
    } cases[] = {
        {"{\"seats\":[\"A1\"]}", 1, "-"},
        {"{\"seats\":[\"B2\",\"A1\",\"A10\"]}", 3, "-"},
        {"{}", 0, "-"},
        {"{\"seats\":null}", 0, "-"},
        {"{\"seats\":[]}", 0, "/seats"},
        {"{\"seats\":\"A1\"}", 0, "/seats"},
        {"{\"seats\":{}}", 0, "/seats"},
        {"{\"seats\":[\"A1\",\"A2\",\"A3\",\"A4\"]}", 0, "/seats"},
        {"{\"seats\":[\"A1\",\"\"]}", 0, "/seats/1"},
        {"{\"seats\":[\"A,1\"]}", 0, "/seats/0"},
        {"{\"seats\":[\"A1\",2]}", 0, "/seats/1"},
        {"{\"seats\":[\"A1\",\"A2\",\"A1\"]}", 0, "/seats"},
        {"{\"seats\":[\"A23456789012345678901234567890123\"]}", 0, "/seats/0"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        json_t *document = json_loads(cases[i].body, 0, NULL);
        const struct body body = body_open(document, &problems);
        struct text *labels;

        check_row(body_labels(&body, "seats", 3, &labels) == cases[i].count, "%s", cases[i].body);
        check_text_row(problems.count ? problems.items[0].pointer : TEXT_NONE, cases[i].pointer, cases[i].body);
        json_decref(document);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_come_by_themselves),
        cmocka_unit_test(one_writer_writes_many_documents_and_each_stays),
        cmocka_unit_test(numbers_and_times_have_one_form),
        cmocka_unit_test(whatever_is_written_reads_back_with_jansson),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(depth_and_width_are_bounded),
        cmocka_unit_test(members_are_read_by_what_they_must_be),
        cmocka_unit_test(labels_are_labels_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
