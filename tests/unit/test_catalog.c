/* The catalog: what can be a show or a seat, when it is made and when it is changed. */
#include "tests/unit/support.h"

#include <jansson.h>

#include "common/arena.h"
#include "common/problem.h"
#include "publisher/catalog.h"

/* The pointers of all that is wrong, joined by a space; "" if nothing is. */
static void check_problems(const struct problems *problems, const char *expected, const char *row)
{
    char joined[400] = "";

    for (size_t i = 0; i < problems->count; i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%.*s", i ? " " : "",
                 (int)problems->items[i].pointer.len, problems->items[i].pointer.ptr);
    check_row(strcmp(joined, expected) == 0, "%s: %s", row, joined);
}

/* ---- shows ---- */

#define PRICE "\"price\":{\"amount\":5,\"currency\":\"IDR\"}"

static void a_show_is_taken_or_everything_wrong_with_it_is_said(void **state)
{
    static const struct {
        const char *body, *problems;
    } cases[] = {
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3}", ""},
        {"{\"id\":\"x\",\"title\":\"T\"," PRICE ",\"seats\":[\"A1\"],\"organizer_url\":\"https://o.example/x\"}", ""},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"venue\":null,\"organizer_url\":null,\"time_zone\":\"Etc/GMT+7\"}",
         ""},
        {"{\"title\":\"T\",\"price\":{\"amount\":0,\"currency\":\"IDR\"},\"capacity\":3}", ""},
        {"{}", "/title /price /seats"},
        {"{\"title\":\"\"," PRICE ",\"capacity\":3}", "/title"},
        {"{\"title\":\"a\\nb\"," PRICE ",\"capacity\":3}", "/title"},
        {"{\"id\":\"a b\",\"title\":\"T\"," PRICE ",\"capacity\":3}", "/id"},
        {"{\"title\":\"T\",\"price\":5,\"capacity\":3}", "/price"},
        {"{\"title\":\"T\",\"price\":{},\"capacity\":3}", "/price/amount /price/currency"},
        {"{\"title\":\"T\",\"price\":{\"amount\":-1,\"currency\":\"idr\"},\"capacity\":3}",
         "/price/amount /price/currency"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":0}", "/capacity"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":200001}", "/capacity"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"seats\":[\"A1\"]}", "/seats"},
        {"{\"title\":\"T\"," PRICE ",\"seats\":[\"A1\",\"A1\"]}", "/seats"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"starts_at\":\"2026-02-30T00:00:00Z\",\"doors_at\":7}",
         "/starts_at /doors_at"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"organizer_url\":\"file:///etc/passwd\"}", "/organizer_url"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"organizer_url\":\"http://\"}", "/organizer_url"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"organizer_url\":\"http://a b\"}", "/organizer_url"},
        {"{\"title\":\"T\"," PRICE ",\"capacity\":3,\"time_zone\":\"Mars; --\"}", "/time_zone"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        struct catalog_show show;
        json_t *document = json_loads(cases[i].body, 0, NULL);
        const bool is_taken = catalog_read(document, CATALOG_NEW, TEXT("made-here"), &problems, &show);

        check_row(is_taken == (problems.count == 0), "%s", cases[i].body);
        check_problems(&problems, cases[i].problems, cases[i].body);
        json_decref(document);
    }
    arena_free(arena);
}

static void labels_of_general_admission_sort_as_they_are_counted(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    struct catalog_show show;
    json_t *document = json_loads("{\"title\":\"T\"," PRICE ",\"capacity\":1000}", 0, NULL);

    (void)state;
    assert_true(catalog_read(document, CATALOG_NEW, TEXT("made-here"), &problems, &show));
    check_text(show.show_id, "made-here");
    assert_true(show.is_general);
    assert_int_equal(show.seat_count, 1000);
    check_text(show.seats[0], "0001");
    check_text(show.seats[999], "1000");
    for (size_t i = 1; i < show.seat_count; i++)
        assert_true(text_compare(show.seats[i - 1], show.seats[i]) < 0);
    json_decref(document);
    arena_free(arena);
}

/* ---- changes of shows ---- */

static void a_change_says_what_it_changes(void **state)
{
    static const struct {
        enum catalog_how how;
        const char *body, *problems, *names;
    } cases[] = {
        {CATALOG_PART, "{}", "", ""},
        {CATALOG_PART, "{\"title\":\"T\",\"open\":7}", "", "title "},
        {CATALOG_PART, "{\"venue\":null,\"doors_at\":null}", "", "venue doors_at "},
        {CATALOG_PART, "{\"price\":{\"amount\":7}}", "", "amount "},
        {CATALOG_PART, "{\"price\":{\"currency\":\"USD\"}}", "", "currency "},
        {CATALOG_PART, "{\"id\":\"here\"}", "", ""},
        {CATALOG_PART, "{\"id\":\"elsewhere\"}", "/id", ""},
        {CATALOG_PART, "{\"title\":null}", "/title", "title "},
        {CATALOG_PART, "{\"price\":null}", "/price", ""},
        {CATALOG_PART, "{\"price\":{\"amount\":-1}}", "/price/amount", "amount "},
        {CATALOG_PART, "{\"capacity\":1,\"seats\":[\"A\"]}", "/seats", ""},
        {CATALOG_PART, "{\"seats\":[]}", "/seats", ""},
        {CATALOG_PART, "[]", "", ""},
        {CATALOG_WHOLE, "{\"title\":\"T\"," PRICE "}", "",
         "title venue starts_at doors_at time_zone organizer_url amount currency "},
        {CATALOG_WHOLE, "{" PRICE "}", "/title",
         "title venue starts_at doors_at time_zone organizer_url amount currency "},
        {CATALOG_WHOLE, "{\"title\":\"T\",\"price\":{\"amount\":1}}", "/price/currency",
         "title venue starts_at doors_at time_zone organizer_url amount "},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        struct catalog_show show;
        json_t *document = json_loads(cases[i].body, 0, NULL);
        char names[200] = "";

        catalog_read(document, cases[i].how, TEXT("here"), &problems, &show);
        check_problems(&problems, cases[i].problems, cases[i].body);
        for (size_t n = 0; n < show.name_count; n++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%.*s ", (int)show.names[n].len,
                     show.names[n].ptr);
        check_row(strcmp(names, cases[i].names) == 0, "%s: %s", cases[i].body, names);
        check_text(show.show_id, strstr(cases[i].body, "elsewhere") ? "elsewhere" : "here");
        json_decref(document);
    }
    arena_free(arena);
}

/* ---- seats ---- */

static void new_seats_are_taken_or_everything_wrong_with_them_is_said(void **state)
{
    static const struct {
        const char *body, *problems;
        size_t count;
    } cases[] = {
        {"{\"label\":\"A1\"}", "", 1},
        {"{\"label\":\"A1\"," PRICE "}", "", 1},
        {"[{\"label\":\"A1\"},{\"label\":\"A2\",\"price\":null}]", "", 2},
        {"[]", "", 0},
        {"\"A1\"", "", 1},
        {"{}", "/label", 1},
        {"[{\"label\":\"A1\"},{\"label\":\"A 2\"},7]", "/1/label /2", 3},
        {"[{\"label\":\"A1\"},{\"label\":\"A1\"}]", "", 2},
        {"[{\"label\":\"A1\",\"price\":{\"amount\":1}}]", "/0/price/currency", 1},
    };
    static const bool are_taken[COUNT_OF(cases)] = {true, true, true};
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        json_t *document = json_loads(cases[i].body, JSON_DECODE_ANY, NULL);
        struct catalog_seat *seats;
        bool is_array;
        size_t count;

        check_row(catalog_read_seats(document, &problems, &is_array, &seats, &count) == are_taken[i], "%s",
                  cases[i].body);
        check_problems(&problems, cases[i].problems, cases[i].body);
        check_row(count == cases[i].count && is_array == (cases[i].body[0] == '['), "%s", cases[i].body);
        json_decref(document);
    }
    arena_free(arena);
}

static void a_seats_price_is_given_taken_away_or_left(void **state)
{
    static const struct {
        enum catalog_how how;
        const char *body, *problems;
        bool is_given, has_price;
    } cases[] = {
        {CATALOG_PART, "{}", "", false, false},
        {CATALOG_PART, "{\"price\":null}", "", true, false},
        {CATALOG_PART, "{\"label\":\"A1\"," PRICE "}", "", true, true},
        {CATALOG_WHOLE, "{}", "", true, false},
        {CATALOG_WHOLE, "{" PRICE "}", "", true, true},
        {CATALOG_WHOLE, "{\"label\":\"A2\"}", "/label", true, false},
        {CATALOG_PART, "{\"price\":5}", "/price", true, true},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        struct catalog_seat seat;
        json_t *document = json_loads(cases[i].body, 0, NULL);

        catalog_read_seat(document, cases[i].how, TEXT("A1"), &problems, &seat);
        check_problems(&problems, cases[i].problems, cases[i].body);
        check_row(seat.is_price_given == cases[i].is_given && seat.has_price == cases[i].has_price, "%s",
                  cases[i].body);
        json_decref(document);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_show_is_taken_or_everything_wrong_with_it_is_said),
        cmocka_unit_test(labels_of_general_admission_sort_as_they_are_counted),
        cmocka_unit_test(a_change_says_what_it_changes),
        cmocka_unit_test(new_seats_are_taken_or_everything_wrong_with_them_is_said),
        cmocka_unit_test(a_seats_price_is_given_taken_away_or_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
