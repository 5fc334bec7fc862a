/* publisher: what is accepted as a booking and as a show, and what is said on the stream. */
#include "tests/unit/support.h"

#include <jansson.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/problem.h"
#include "publisher/book.h"
#include "publisher/catalog.h"
#include "publisher/replay.h"
#include "publisher/traceparent.h"

/* The pointers of all that is wrong, joined by a space; "" if nothing is. */
static void check_problems(const struct problems *problems, const char *expected, const char *row)
{
    char joined[400] = "";

    for (size_t i = 0; i < problems->count; i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%.*s", i ? " " : "",
                 (int)problems->items[i].pointer.len, problems->items[i].pointer.ptr);
    check_row(strcmp(joined, expected) == 0, "%s: %s", row, joined);
}

/* ---- bookings ---- */

static void a_booking_is_taken_or_everything_wrong_with_it_is_said(void **state)
{
    static const struct {
        const char *body, *problems;
    } cases[] = {
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":[\"A1\"]}", ""},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\"}", ""},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":10}", ""},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":1,\"seats\":null,\"extra\":[]}", ""},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\",\"waitlist\":\"no\",\"payment\":\"link\"}", ""},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\",\"waitlist\":true}", ""},
        {"{}", "/user /show /seats"},
        {"{\"user\":1,\"show\":\"\",\"seat\":\"A1\"}", "/user /show"},
        {"{\"user\":\"a b\",\"show\":\"d/e\",\"seat\":\"A,1\"}", "/user /show /seat"},
        {"{\"user\":\"ayu\",\"show\":\"demo\"}", "/seats"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\",\"quantity\":1}", "/seats"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":[\"A1\"],\"seat\":\"A1\"}", "/seats"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":0}", "/quantity"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":11}", "/quantity"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":-1}", "/quantity"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":1.0}", "/quantity"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":true}", "/quantity"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":\"2\"}", "/quantity"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":[\"A1\",\"A2\",\"A3\",\"A4\",\"A5\",\"A6\",\"A7\",\"A8\",\"A9\",\"B1\",\"B2\"]}",
         "/seats"},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\",\"waitlist\":\"maybe\",\"payment\":\"cash\",\"booking_id\":\"7\"}",
         "/waitlist /payment /booking_id"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        struct book_request booking;
        json_t *document = json_loads(cases[i].body, 0, NULL);
        const bool is_taken = book_read(document, &problems, &booking);

        check_row(is_taken == (problems.count == 0), "%s", cases[i].body);
        check_problems(&problems, cases[i].problems, cases[i].body);
        json_decref(document);
    }
    arena_free(arena);
}

static void a_booking_that_is_no_object_is_refused(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    struct book_request booking;
    json_t *document = json_loads("[1]", 0, NULL);

    (void)state;
    assert_false(book_read(document, &problems, &booking));
    assert_int_equal(problems.count, 1);
    check_text(problems.items[0].detail, "must be an object");
    json_decref(document);
    arena_free(arena);
}

static void an_entry_has_only_the_fields_that_were_said(void **state)
{
    static const struct {
        const char *body, *traceparent, *entry;
    } cases[] = {
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":[\"A1\",\"A2\"],\"booking_id\":\"00000000-0000-0000-0000-00000000000A\"}",
         NULL, "booking_id 00000000-0000-0000-0000-00000000000a user ayu show demo seats A1,A2 source publisher "},
        {"{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":3,\"waitlist\":false,\"payment\":\"auto\"}", "tp",
         "booking_id 00000000-0000-0000-0000-000000000000 user ayu show demo quantity 3 waitlist no payment auto "
         "source publisher traceparent tp "},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct problems problems = {.arena = arena};
        struct book_request booking;
        struct text words[BOOK_WORDS_MAX];
        json_t *document = json_loads(cases[i].body, 0, NULL);
        char joined[400] = "";
        size_t count;

        assert_true(book_read(document, &problems, &booking));
        count = book_entry(arena, &booking, text_of(cases[i].traceparent), words);
        for (size_t j = 0; j < count; j++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%.*s ", (int)words[j].len, words[j].ptr);
        assert_string_equal(joined, cases[i].entry);
        json_decref(document);
    }
    arena_free(arena);
}

/* ---- traces ---- */

static void a_traceparent_is_as_w3c_says(void **state)
{
    static const struct {
        const char *header;
        bool is_valid;
    } cases[] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", true},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01later", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later", false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
        {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-\xff", false},
        {"", false},
        {NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(traceparent_is_valid(text_of(cases[i].header)) == cases[i].is_valid, "%s", cases[i].header);
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
        const bool is_taken = catalog_read(document, TEXT("made-here"), &problems, &show);

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
    assert_true(catalog_read(document, TEXT("made-here"), &problems, &show));
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

static void a_new_show_is_shown_with_all_its_seats_open(void **state)
{
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    struct catalog_show show;
    struct json json = json_in(arena);
    json_t *document = json_loads("{\"id\":\"x\",\"title\":\"T\"," PRICE ",\"seats\":[\"B\",\"A\"],"
                                  "\"starts_at\":\"2026-12-24T19:30:00+07:00\"}",
                                  0, NULL);

    (void)state;
    assert_true(catalog_read(document, TEXT("made-here"), &problems, &show));
    catalog_write(&json, &show);
    check_text(
        json_take(&json),
        "{\"id\":\"x\",\"title\":\"T\",\"venue\":null,\"starts_at\":\"2026-12-24T12:30:00.000Z\",\"doors_at\":null,"
        "\"time_zone\":\"Asia/Jakarta\",\"price\":{\"amount\":5,\"currency\":\"IDR\"},\"seats\":[\"B\",\"A\"],"
        "\"organizer_url\":null,\"open\":2,\"on_going\":0,\"booked\":0}");
    json_decref(document);
    arena_free(arena);
}

/* ---- replays ---- */

/* The letter's fields and the entry's as "name=value name=value"; the problem instead, if it is not replayed. */
static struct text replayed(struct arena *arena, const struct replay_letter *like, const char *fields)
{
    struct replay_letter letter = *like;
    struct text rest = text_of(fields), word, words[REPLAY_WORDS_MAX], said = TEXT("");
    const char *why_not;
    enum stream stream;
    size_t count;

    letter.pairs = ARENA_ARRAY(arena, struct text, strlen(fields) + 2);
    while (rest.len && text_next(&rest, ' ', &word)) {
        text_next(&word, '=', &letter.pairs[2 * letter.pair_count]);
        letter.pairs[2 * letter.pair_count++ + 1] = word;
    }
    count = replay_entry(arena, &letter, &stream, words, &why_not);
    if (count == 0)
        return text_of(why_not);
    check_text(stream_key(stream), text_terminated(arena, letter.stream));
    for (size_t i = 0; i < count; i += 2)
        said = text_format(arena, "%.*s%s%.*s=%.*s", (int)said.len, said.ptr, i ? " " : "", (int)words[i].len,
                           words[i].ptr, (int)words[i + 1].len, words[i + 1].ptr);
    return said;
}

static void a_replay_says_what_the_entry_said_under_its_first_identity(void **state)
{
    static const struct {
        const char *fields, *entry;
    } cases[] = {
        {"user=ayu show=demo seat=A1", "user=ayu show=demo seat=A1 event_id=90-1 replay_of=17"},
        {"event_id=order-7 user=ayu", "event_id=order-7 user=ayu replay_of=17"},
        {"event_id= user=ayu", "user=ayu event_id=90-1 replay_of=17"},
        {"user=ayu event_id=80-1 replay_of=9", "user=ayu event_id=80-1 replay_of=17"}, /* died as a replay */
        {"user=ayu replay_of=9", "user=ayu event_id=90-1 replay_of=17"},
        {"b=1 a=2 b=3 =4 b=", "b=1 a=2 b=3 =4 b= event_id=90-1 replay_of=17"},
        {"", "event_id=90-1 replay_of=17"},
    };
    const struct replay_letter letter = {
        .id = 17, .stream = TEXT("booking.requested"), .entry_id = TEXT("90-1"), .is_exact = true};
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_text_row(replayed(arena, &letter, cases[i].fields), cases[i].entry, cases[i].fields);
    arena_free(arena);
}

static void what_is_no_entry_of_ours_or_not_all_of_it_is_not_replayed(void **state)
{
    static const struct {
        struct replay_letter letter;
        const char *why_not; /* its beginning */
    } cases[] = {
        {{.stream = TEXT("events"), .entry_id = TEXT("90-1"), .is_exact = true}, "event_id="},
        {{.stream = TEXT("dead"), .entry_id = TEXT("90-1"), .is_exact = true}, "it is not the letter of"},
        {{.stream = TEXT("karcis:x"), .entry_id = TEXT("90-1"), .is_exact = true}, "it is not the letter of"},
        {{.stream = TEXT(""), .entry_id = TEXT("90-1"), .is_exact = true}, "it is not the letter of"},
        {{.stream = TEXT("events"), .entry_id = TEXT("ninety"), .is_exact = true}, "it is not the letter of"},
        {{.stream = TEXT("events"), .entry_id = TEXT("90-1")}, "what is kept of this entry was cut, or is not"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text said = replayed(arena, &cases[i].letter, "");

        said.len = said.len < strlen(cases[i].why_not) ? said.len : strlen(cases[i].why_not);
        check_text(said, cases[i].why_not);
    }
    arena_free(arena);
}

static void a_letter_that_cannot_be_replayed_from_the_store_says_where_to_look(void **state)
{
    const struct replay_letter letter = {
        .stream = TEXT("seat.held"), .entry_id = TEXT("90-1"), .dead_entry_id = TEXT("95-0")};
    struct arena *arena = arena_new();
    const char *said = text_terminated(arena, replayed(arena, &letter, ""));

    (void)state;
    assert_non_null(strstr(said, "XRANGE dead 95-0 95-0 "));
    assert_non_null(strstr(said, "XRANGE seat.held 90-1 90-1 "));
    arena_free(arena);
}

static void an_entry_that_would_be_too_large_as_a_replay_is_not_replayed(void **state)
{
    struct replay_letter letter = {.stream = TEXT("events"), .entry_id = TEXT("90-1"), .is_exact = true};
    struct text pairs[2 * ENTRY_FIELDS_MAX], words[REPLAY_WORDS_MAX];
    struct arena *arena = arena_new();
    const char *why_not;
    enum stream stream;

    (void)state;
    letter.pairs = pairs;
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        pairs[i] = TEXT("x");
    letter.pair_count = ENTRY_FIELDS_MAX - 2;
    assert_int_equal(replay_entry(arena, &letter, &stream, words, &why_not), REPLAY_WORDS_MAX);
    letter.pair_count++;
    assert_int_equal(replay_entry(arena, &letter, &stream, words, &why_not), 0);
    check_text(text_of(why_not), "with event_id and replay_of it is larger than an entry may be");
    letter.pair_count = 1;
    letter.pairs[1] = (struct text){arena_alloc(arena, ENTRY_BYTES_MAX), ENTRY_BYTES_MAX - 1};
    assert_int_equal(replay_entry(arena, &letter, &stream, words, &why_not), 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_booking_is_taken_or_everything_wrong_with_it_is_said),
        cmocka_unit_test(a_booking_that_is_no_object_is_refused),
        cmocka_unit_test(an_entry_has_only_the_fields_that_were_said),
        cmocka_unit_test(a_traceparent_is_as_w3c_says),
        cmocka_unit_test(a_show_is_taken_or_everything_wrong_with_it_is_said),
        cmocka_unit_test(labels_of_general_admission_sort_as_they_are_counted),
        cmocka_unit_test(a_new_show_is_shown_with_all_its_seats_open),
        cmocka_unit_test(a_replay_says_what_the_entry_said_under_its_first_identity),
        cmocka_unit_test(what_is_no_entry_of_ours_or_not_all_of_it_is_not_replayed),
        cmocka_unit_test(a_letter_that_cannot_be_replayed_from_the_store_says_where_to_look),
        cmocka_unit_test(an_entry_that_would_be_too_large_as_a_replay_is_not_replayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
