/* http: what a request is before any handler sees it: its path, its query, its key; and what a problem looks
 * like. */
#include "tests/unit/support.h"

#include <jansson.h>
#include <sodium.h>

#include "common/arena.h"
#include "common/http_grammar.h"
#include "common/keys.h"
#include "common/problem.h"
#include "common/route.h"

/* ---- paths ---- */

static void a_path_is_cut_at_slashes_before_it_is_decoded(void **state)
{
    static const struct {
        const char *path, *pieces; /* joined by |; "-": refused */
    } cases[] = {
        {"/", ""},
        {"/shows", "shows"},
        {"/shows/", "shows|"},
        {"//", "|"},
        {"/shows/a%2Fb/seats", "shows|a/b|seats"},
        {"/%73hows", "shows"},
        {"/a+b%20c", "a+b c"},
        {"/%e5%8c%97", "\xe5\x8c\x97"},
        {"/a%2525", "a%25"},
        {"", "-"},
        {"shows", "-"},
        {"/a%", "-"},
        {"/a%2", "-"},
        {"/a%zz", "-"},
        {"/a%2g", "-"},
        {"/a%00", "-"},
        {"/a%ff", "-"},
        {"/a%c0%80", "-"},
        {"/1/2/3/4/5/6/7/8/9/10", "1|2|3|4|5|6|7|8"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route_path path;
        char joined[100] = "-";

        if (route_path_parse(arena, text_of(cases[i].path), &path)) {
            joined[0] = '\0';
            for (size_t j = 0; j < path.count; j++) {
                strcat(joined, j ? "|" : "");
                strncat(joined, path.pieces[j].ptr, path.pieces[j].len);
            }
        }
        check_row(strcmp(joined, cases[i].pieces) == 0, "%s gives %s", cases[i].path, joined);
    }
    arena_free(arena);
}

static void a_path_fits_a_pattern_piece_by_piece(void **state)
{
    static const struct {
        const char *pattern, *path, *id; /* NULL: does not fit */
    } cases[] = {
        {"/shows", "/shows", "-"},
        {"/shows", "/shows/", NULL},
        {"/shows", "/Shows", NULL},
        {"/shows", "/", NULL},
        {"/shows/{id}", "/shows/demo", "demo"},
        {"/shows/{id}", "/shows/", NULL},
        {"/shows/{id}", "/shows", NULL},
        {"/shows/{id}", "/shows/demo/seats", NULL},
        {"/shows/{id}/seats", "/shows/a%2Fb/seats", "a/b"},
        {"/tickets/{id}.pdf", "/tickets/T1.pdf", "T1"},
        {"/tickets/{id}.pdf", "/tickets/.pdf", NULL},
        {"/tickets/{id}.pdf", "/tickets/T1.png", NULL},
        {"/1/{id}", "/1/2/3/4/5/6/7/8/9", NULL},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route_path path;
        struct route_values values;
        bool fits;

        assert_true(route_path_parse(arena, text_of(cases[i].path), &path));
        fits = route_path_fits(cases[i].pattern, &path, &values);
        check_row(fits == (cases[i].id != NULL), "%s, %s", cases[i].pattern, cases[i].path);
        if (fits)
            check_text_row(route_value(&values, "id"), cases[i].id, cases[i].path);
    }
    arena_free(arena);
}

static void a_path_may_have_two_names(void **state)
{
    struct arena *arena = arena_new();
    struct route_path path;
    struct route_values values;

    (void)state;
    assert_true(route_path_parse(arena, TEXT("/shows/demo/seats/A1/history"), &path));
    assert_true(route_path_fits("/shows/{id}/seats/{label}/history", &path, &values));
    check_text(route_value(&values, "id"), "demo");
    check_text(route_value(&values, "label"), "A1");
    check_text(route_value(&values, "other"), "-");
    arena_free(arena);
}

/* ---- queries ---- */

static void a_query_keeps_every_name_once(void **state)
{
    static const struct {
        const char *query;
        bool is_read;
        const char *a, *b; /* "-": not given */
    } cases[] = {
        {"", true, "-", "-"},
        {"a=1", true, "1", "-"},
        {"a=1&b=2", true, "1", "2"},
        {"a", true, "", "-"},
        {"a=", true, "", "-"},
        {"&&a=1&", true, "1", "-"},
        {"a=1=2", true, "1=2", "-"},
        {"a=x+y%20z%2B", true, "x y z+", "-"},
        {"%61=1", true, "1", "-"},
        {"a=%e5%8c%97", true, "\xe5\x8c\x97", "-"},
        {"a=1&a=2", false, "", ""},
        {"a=1&%61=1", false, "", ""},
        {"a=%00", false, "", ""},
        {"a=%", false, "", ""},
        {"a=%f", false, "", ""},
        {"a=%ff", false, "", ""},
        {"1=&2=&3=&4=&5=&6=&7=&8=&9=&10=&11=&12=&13=&14=&15=&a=x", true, "x", "-"},
        {"1=&2=&3=&4=&5=&6=&7=&8=&9=&10=&11=&12=&13=&14=&15=&16=&a=x", false, "", ""},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route_values values;
        const bool is_read = route_query_parse(arena, text_of(cases[i].query), &values);

        check_row(is_read == cases[i].is_read, "%s", cases[i].query);
        if (is_read) {
            check_text_row(route_value(&values, "a"), cases[i].a, cases[i].query);
            check_text_row(route_value(&values, "b"), cases[i].b, cases[i].query);
        }
    }
    arena_free(arena);
}

static void any_bytes_may_stand_in_a_path_or_a_query(void **state)
{
    struct random random = support_seed("any bytes");
    struct arena *arena = arena_new();

    (void)state;
    for (int i = 0; i < 20000; i++) {
        static const char likely[] = "/%&=+.aZ09{}";
        struct route_path path;
        struct route_values values;
        const size_t len = support_random_below(&random, 24);
        char *bytes = test_malloc(len + 1); /* of just this size: reading past the end is noticed */

        for (size_t j = 0; j < len; j++)
            bytes[j] = support_random_below(&random, 4) ? likely[support_random_below(&random, sizeof likely - 1)]
                                                        : (char)support_random(&random);
        if (route_path_parse(arena, (struct text){bytes, len}, &path))
            route_path_fits("/shows/{id}.x/{label}", &path, &values);
        route_query_parse(arena, (struct text){bytes, len}, &values);
        test_free(bytes);
        arena_reset(arena);
    }
    arena_free(arena);
}

/* ---- headers ---- */

static void a_header_is_found_in_any_case(void **state)
{
    static const struct header headers[] = {{{"X-A", 3}, {"1", 1}}, {{"x-b", 3}, {"2", 1}}, {{"x-a", 3}, {"3", 1}}};

    (void)state;
    check_text(header_value(headers, 3, "x-a"), "1");
    check_text(header_value(headers, 3, "X-B"), "2");
    check_text(header_value(headers, 3, "x"), "-");
}

/* ---- keys ---- */

static void a_key_gives_its_role_and_no_other(void **state)
{
    static const struct {
        const char *client, *admin, *header;
        enum route_who role;
    } cases[] = {
        {"cli", "adm", "Bearer cli", CLIENT}, {"cli", "adm", "bearer adm", ADMIN},
        {"cli", "adm", "Bearer cl", ANYONE},  {"cli", "adm", "Bearer clii", ANYONE},
        {"cli", "adm", "Bearer ", ANYONE},    {"cli", "adm", "Bearer  cli", ANYONE},
        {"cli", "adm", "Basic cli", ANYONE},  {"cli", "adm", "cli", ANYONE},
        {"cli", "adm", "", ANYONE},           {"", "adm", "Bearer ", ANYONE}, /* an empty key is nobody's */
        {NULL, NULL, "Bearer x", ANYONE},     {"same", "same", "Bearer same", ADMIN},
    };

    (void)state;
    assert_true(sodium_init() >= 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct keys keys = keys_make(cases[i].client, cases[i].admin);

        check_row(keys_role(&keys, text_of(cases[i].header)) == cases[i].role, "%s", cases[i].header);
    }
}

/* ---- problems ---- */

static void a_problem_says_what_programs_and_people_need(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    json_t *document, *errors;
    struct text text;

    (void)state;
    problems_add(&problems, TEXT("/seats/3"), "must be a seat label");
    text = problem_document(arena, 422, "invalid", "see \"errors\"", TEXT("r-1"), &problems);
    document = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "type")), "about:blank");
    assert_string_equal(json_string_value(json_object_get(document, "title")), "Unprocessable Content");
    assert_int_equal(json_integer_value(json_object_get(document, "status")), 422);
    assert_string_equal(json_string_value(json_object_get(document, "code")), "invalid");
    assert_string_equal(json_string_value(json_object_get(document, "detail")), "see \"errors\"");
    assert_string_equal(json_string_value(json_object_get(document, "request_id")), "r-1");
    errors = json_object_get(document, "errors");
    assert_int_equal(json_array_size(errors), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(errors, 0), "pointer")), "/seats/3");
    json_decref(document);
    arena_free(arena);
}

static void a_problem_lists_only_so_many_errors(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};

    (void)state;
    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        problems_add(&problems, TEXT("/x"), "no");
    assert_int_equal(problems.count, PROBLEMS_MAX);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_cut_at_slashes_before_it_is_decoded),
        cmocka_unit_test(a_path_fits_a_pattern_piece_by_piece),
        cmocka_unit_test(a_path_may_have_two_names),
        cmocka_unit_test(a_query_keeps_every_name_once),
        cmocka_unit_test(any_bytes_may_stand_in_a_path_or_a_query),
        cmocka_unit_test(a_header_is_found_in_any_case),
        cmocka_unit_test(a_key_gives_its_role_and_no_other),
        cmocka_unit_test(a_problem_says_what_programs_and_people_need),
        cmocka_unit_test(a_problem_lists_only_so_many_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
