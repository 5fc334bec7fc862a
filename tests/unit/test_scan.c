/* scan: JSON is taken and refused as jansson does (body_parse is asked beside it), and cut into what was sent. */
#include "tests/unit/support.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/scan.h"

/* `count` times `open`, then `middle`, then `count` times `close`. */
static struct text nested(struct arena *arena, const char *open, size_t count, const char *middle, const char *close)
{
    struct buffer buffer = buffer_in(arena);

    for (size_t i = 0; i < count; i++)
        buffer_add(&buffer, text_of(open));
    buffer_add(&buffer, text_of(middle));
    for (size_t i = 0; i < count; i++)
        buffer_add(&buffer, text_of(close));
    return buffer_take(&buffer);
}

static void check_taken(struct arena *arena, struct text document, bool is_taken)
{
    struct text why = TEXT_NONE, jansson_why;
    json_t *tree = body_parse(arena, document, &jansson_why);
    const bool jansson_takes = tree != NULL;

    json_decref(tree);
    check_row(jansson_takes == is_taken, "jansson: %.*s", (int)document.len, document.ptr);
    for (unsigned levels = 0; levels < 4; levels++)
        check_row((scan_parse(arena, document, levels, &why) != NULL) == is_taken, "%.*s, %u levels (%.*s)",
                  (int)document.len, document.ptr, levels, (int)why.len, why.ptr);
}

static void what_is_json_is_taken_and_nothing_else(void **state)
{
    static const struct {
        const char *document;
        bool is_taken;
    } cases[] = {
        {"{}", true},
        {"[]", true},
        {" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", true},
        {"", false},
        {" ", false},
        {"1", false},
        {"\"x\"", false},
        {"null", false},
        {"[] []", false},
        {"[]x", false},
        {"\xEF\xBB\xBF[]", false},
        {"[", false},
        {"]", false},
        {"[}", false},
        {"{]", false},
        {"[1", false},
        {"[1,", false},
        {"[1,]", false},
        {"[,1]", false},
        {"[1 2]", false},
        {"{\"a\"}", false},
        {"{\"a\":}", false},
        {"{\"a\":1,}", false},
        {"{a:1}", false},
        {"{'a':1}", false},
        {"{1:1}", false},
        {"[1]//", false},
        {"\f[]", false},
        /* words and numbers */
        {"[true,false,null]", true},
        {"[True]", false},
        {"[nul]", false},
        {"[nullx]", false},
        {"[NaN]", false},
        {"[Infinity]", false},
        {"[0,-0,1,-1,10,1.5,-1.5e10,1E+2,1e-2,0.0]", true},
        {"[01]", false},
        {"[-01]", false},
        {"[+1]", false},
        {"[-]", false},
        {"[.5]", false},
        {"[1.]", false},
        {"[1.e5]", false},
        {"[1e]", false},
        {"[1e+]", false},
        {"[0x10]", false},
        {"[9223372036854775807,-9223372036854775808]", true},
        {"[9223372036854775808]", false},
        {"[-9223372036854775809]", false},
        {"[99999999999999999999999]", false},
        {"[1.7976931348623157e308,1e-400]", true},
        {"[1e309]", false},
        {"[-1e309]", false},
        {"[100000000000000000000e300]", false},
        {"[0.00000000000000000001e320]", true},
        /* strings */
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"]", true},
        {"[\"\\x41\"]", false},
        {"[\"\\u004\"]", false},
        {"[\"\\u004g\"]", false},
        {"[\"\\U0041\"]", false},
        {"[\"\\u0000\"]", false},
        {"{\"\\u0000\":1}", false},
        {"[\"\\ud83d\"]", false},
        {"[\"\\ude00\"]", false},
        {"[\"\\ud83d\\u0041\"]", false},
        {"[\"\\ud83dx\"]", false},
        {"[\"a\tb\"]", false},
        {"[\"a\x1F\"]", false},
        {"[\"a\x7F\"]", true},
        {"[\"a", false},
        {"[\"a\\", false},
        {"[\"a\\\"", false},
        {"[\"a\\u00", false},
        {"[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"]", true},
        {"[\"\xC0\x80\"]", false},
        {"[\"\xED\xA0\x80\"]", false},
        {"[\"\xF4\x90\x80\x80\"]", false},
        {"[\"\xE9\"]", false},
        {"[\"\xE2\x82", false},
        {"{\"\xE9\":1}", false},
        {"[\"[[[[{{{{\\\"]]\"]", true},
        /* a name comes once */
        {"{\"a\":1,\"b\":2,\"A\":3,\"\":4}", true},
        {"{\"a\":1,\"a\":2}", false},
        {"{\"a\":1,\"\\u0061\":2}", false},
        {"{\"\":1,\"\":2}", false},
        {"[{\"a\":1},{\"a\":2}]", true},
        {"[[[[{\"x\":{\"a\":1,\"b\":{},\"a\":2}}]]]]", false},
        {"{\"a\":{\"a\":{\"a\":1}}}", true},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1}",
         true},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"a\":1}",
         false},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_taken(arena, text_of(cases[i].document), cases[i].is_taken);
    check_taken(arena, (struct text){"[\0]", 3}, false);
    check_taken(arena, (struct text){"[\"\0\"]", 5}, false);
    check_taken(arena, (struct text){"[1\0]", 4}, false);
    check_taken(arena, TEXT_NONE, false);
    arena_free(arena);
}

static void depth_is_bounded_and_width_only_where_a_tree_is_made(void **state)
{
    struct arena *arena = arena_new();
    struct text why = TEXT_NONE;

    (void)state;
    check_taken(arena, nested(arena, "[", JSON_DEPTH_MAX, "", "]"), true);
    check_taken(arena, nested(arena, "[", JSON_DEPTH_MAX + 1, "", "]"), false);
    check_taken(arena, nested(arena, "{\"a\":", JSON_DEPTH_MAX, "1", "}"), true);
    check_taken(arena, nested(arena, "{\"a\":", JSON_DEPTH_MAX + 1, "1", "}"), false);
    check_taken(arena, nested(arena, "[", 100000, "", ""), false);
    for (int more = 0; more < 2; more++) {
        struct buffer buffer = buffer_in(arena);

        buffer_byte(&buffer, '[');
        for (int i = 0; i < JSON_CONTAINERS_MAX - 1 + more; i++)
            buffer_add(&buffer, i ? TEXT(",{}") : TEXT("{}"));
        buffer_byte(&buffer, ']');
        if (more)
            assert_non_null(scan_parse(arena, buffer_take(&buffer), 1, &why));
        else
            check_taken(arena, buffer_take(&buffer), true);
    }
    arena_free(arena);
}

/* Each of 200,000 names is looked for among all others; this ends at once. */
static void an_object_of_very_many_names_is_no_burden(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        struct buffer buffer = buffer_in(arena);
        struct text why = TEXT_NONE;

        for (int i = 0; i < 200000; i++)
            buffer_format(&buffer, "%c\"%x\":1", i ? ',' : '{', i);
        buffer_add(&buffer, twice ? TEXT(",\"0\":1}") : TEXT("}"));
        assert_true((scan_parse(arena, buffer_take(&buffer), 1, &why) != NULL) == !twice);
    }
    arena_free(arena);
}

static void write_value(struct buffer *out, const struct scan_value *value)
{
    if (value->key.ptr)
        buffer_format(out, "%.*s=", (int)value->key.len, value->key.ptr);
    buffer_format(out, "%c<%.*s>", "OASNTFZ"[value->kind], (int)value -> text.len, value->text.ptr);
    if (value->size > 1) {
        buffer_byte(out, '(');
        for (const struct scan_value *child = scan_first(value); child; child = scan_next(value, child)) {
            write_value(out, child);
        }
        buffer_byte(out, ')');
    }
}

static void a_document_is_cut_as_deep_as_is_wanted_and_no_deeper(void **state)
{
    static const struct {
        const char *document;
        unsigned levels;
        const char *values;
    } cases[] = {
        {"[1,2]", 0, "A<[1,2]>"},
        {"[1, 2]", 1, "A<[1, 2]>(N<1>N<2>)"},
        {" {\"a\" : {\"b\": [ 1 ]}, \"c\":null} ", 1,
         "O<{\"a\" : {\"b\": [ 1 ]}, \"c\":null}>(a=O<{\"b\": [ 1 ]}>c=Z<null>)"},
        {"{\"a\":{\"b\":[1]},\"c\":true}", 2, "O<{\"a\":{\"b\":[1]},\"c\":true}>(a=O<{\"b\":[1]}>(b=A<[1]>)c=T<true>)"},
        {"[\"a\\n\\u00e9b\",\"plain\",\"\"]", 1,
         "A<[\"a\\n\\u00e9b\",\"plain\",\"\"]>(S<a\n\xC3\xA9"
         "b>S<plain>S<>)"},
        {"{\"\\u0061\\ud83d\\ude00\":1.50}", 1, "O<{\"\\u0061\\ud83d\\ude00\":1.50}>(a\xF0\x9F\x98\x80=N<1.50>)"},
        {"[[],{},[[]],false]", 1, "A<[[],{},[[]],false]>(A<[]>O<{}>A<[[]]>F<false>)"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer buffer = buffer_in(arena);
        struct text why = TEXT_NONE;
        const struct scan_value *document = scan_parse(arena, text_of(cases[i].document), cases[i].levels, &why);

        check_row(document, "%s: %.*s", cases[i].document, (int)why.len, why.ptr);
        write_value(&buffer, document);
        check_text_row(buffer_take(&buffer), cases[i].values, cases[i].document);
    }
    arena_free(arena);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char *document, *why;
    } cases[] = {
        {"", "line 1, byte 1: neither an object nor an array"},
        {"[1,\n 2\n x]", "line 3, byte 2: a comma or ] is missing"},
        {"{\"a\":1,\"a\":2}", "line 1, byte 14: a name comes twice in one object"},
        {"[\"\\q\"]", "line 1, byte 4: no such escape"},
        {"[1e999]", "line 1, byte 7: a number that is too large"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text why = TEXT_NONE;

        assert_null(scan_parse(arena, text_of(cases[i].document), 1, &why));
        check_text_row(why, cases[i].why, cases[i].document);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_taken_and_nothing_else),
        cmocka_unit_test(depth_is_bounded_and_width_only_where_a_tree_is_made),
        cmocka_unit_test(an_object_of_very_many_names_is_no_burden),
        cmocka_unit_test(a_document_is_cut_as_deep_as_is_wanted_and_no_deeper),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
