/* request: a booking request's fields against each other. */
#include "tests/unit/step_fixture.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/config.h"
#include "common/problem.h"
#include "publisher/book.h"
#include "ticket-worker/request.h"
#include "ticket-worker/steps.h"

static int open_fixture(void **state)
{
    unsetenv("PAYMENT_MODE");
    config_load();
    *state = fixture_new(&hold);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static struct entry *request_entry(struct fixture *fixture, const char *fields)
{
    return fixture_entry(fixture, BOOKING_REQUESTED, "100-1", fields);
}

static const struct request *request_of(struct fixture *fixture, const char *fields)
{
    const struct entry *entry = request_entry(fixture, fields);

    check_row(!entry->refusal.reason, "%s: %.*s", fields, (int)entry->refusal.detail.len, entry->refusal.detail.ptr);
    return entry->detail;
}

static void a_request_that_does_not_fit_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *fields, *detail;
    } cases[] = {
        {"show=demo seat=A1", "user: is missing"},
        {"user=ayu seat=A1", "show: is missing"},
        {"user=a/yu show=demo seat=A1", "user: must be 1 to 64 of A-Z a-z 0-9 . _ -, not \"a/yu\""},
        {"user=ayu show=demo", "seats: exactly one of seats, seat and quantity must be given (given: none)"},
        {"user=ayu show=demo seats=", "seats: exactly one of seats, seat and quantity must be given (given: none)"},
        {"user=ayu show=demo seats=A1 seat=A2",
         "seats: exactly one of seats, seat and quantity must be given (given: seats seat)"},
        {"user=ayu show=demo seats=A1 quantity=1",
         "seats: exactly one of seats, seat and quantity must be given (given: seats quantity)"},
        {"user=ayu show=demo seat=A1 quantity=1",
         "seats: exactly one of seats, seat and quantity must be given (given: seat quantity)"},
        {"user=ayu show=demo seats=A1,B1,A1", "seats: each seat must be there once, not \"A1,B1,A1\""},
        {"user=ayu show=demo seats=A1,,B1", "seats: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not \"\""},
        {"user=ayu show=demo seats=A1,", "seats: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not \"\""},
        {"user=ayu show=demo seats=,", "seats: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not \"\""},
        {"user=ayu show=demo seats=A1;B1", "seats: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not \"A1;B1\""},
        {"user=ayu show=demo seats=A1234567890123456789012345678901X",
         "seats: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not \"A1234567890123456789012345678901X\""},
        {"user=ayu show=demo seat=A1234567890123456789012345678901X",
         "seat: must be at most 32 bytes of printable UTF-8, not \"A1234567890123456789012345678901X\""},
        {"user=ayu show=demo seats=1,2,3,4,5,6,7,8,9,10,11",
         "seats: at most 10 seats in one booking, not \"1,2,3,4,5,6,7,8,9,10,11\""},
        {"user=ayu show=demo quantity=0", "quantity: must be a whole number from 1 to 10, not \"0\""},
        {"user=ayu show=demo seat=A1,A2", "seat: is one seat (a list is called seats), not \"A1,A2\""},
        {"user=ayu show=demo seat=A/1", "seat: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not \"A/1\""},
        {"user=ayu show=demo quantity=11", "quantity: must be a whole number from 1 to 10, not \"11\""},
        {"user=ayu show=demo quantity=two", "quantity: must be a whole number from 1 to 10, not \"two\""},
        {"user=ayu show=demo seat=A1 waitlist=maybe", "waitlist: must be no|yes, not \"maybe\""},
        {"user=ayu show=demo seat=A1 payment=cash", "payment: must be auto|link, not \"cash\""},
        {"user=ayu show=demo seat=A1 booking_id=7", "booking_id: must be a UUID, not \"7\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct entry *entry = request_entry(*state, cases[i].fields);

        check_row(entry->refusal.reason, "%s", cases[i].fields);
        assert_string_equal(entry->refusal.reason, "invalid_field");
        check_text_row(entry->refusal.detail, cases[i].detail, cases[i].fields);
    }
}

static void seats_are_kept_in_the_order_of_their_labels(void **state)
{
    const struct request *request = request_of(*state, "user=ayu show=demo seats=B2,A10,A1,B1");

    assert_int_equal(request->label_count, 4);
    assert_int_equal(request->quantity, 4);
    check_text(request->labels[0], "A1");
    check_text(request->labels[1], "A10");
    check_text(request->labels[2], "B1");
    check_text(request->labels[3], "B2");
}

static void ten_seats_are_not_too_many(void **state)
{
    assert_int_equal(request_of(*state, "user=ayu show=demo seats=1,2,3,4,5,6,7,8,9,10")->label_count, 10);
    assert_int_equal(request_of(*state, "user=ayu show=demo quantity=10")->quantity, 10);
    assert_int_equal(request_of(*state, "user=ayu show=demo seat=A1234567890123456789012345678901")->label_count, 1);
}

static void an_empty_field_counts_as_not_given(void **state)
{
    const struct request *request =
        request_of(*state, "user=ayu show=demo seats= seat= quantity=3 waitlist= payment= booking_id=");

    assert_int_equal(request->label_count, 0);
    assert_int_equal(request->quantity, 3);
    assert_true(request->waits);
}

static void whoever_says_nothing_waits_and_pays_as_configured(void **state)
{
    const char *plain = "user=ayu show=demo seat=A1";

    assert_true(request_of(*state, plain)->waits);
    assert_false(request_of(*state, plain)->pays_by_link);
    assert_false(request_of(*state, "user=ayu show=demo seat=A1 waitlist=no")->waits);
    assert_true(request_of(*state, "user=ayu show=demo seat=A1 waitlist=yes")->waits);
    assert_true(request_of(*state, "user=ayu show=demo seat=A1 payment=link")->pays_by_link);
    setenv("PAYMENT_MODE", "link", 1);
    config_load();
    assert_true(request_of(*state, plain)->pays_by_link);
    assert_false(request_of(*state, "user=ayu show=demo seat=A1 payment=auto")->pays_by_link);
}

static void the_same_content_has_the_same_fingerprint_however_it_is_written(void **state)
{
    static const char *const same[] = {
        "user=ayu show=demo seats=A1,B1",
        "seats=B1,A1 show=demo user=ayu",
        "user=ayu show=demo seats=A1,B1 waitlist=yes",
        "user=ayu show=demo seats=A1,B1 event_id=7 source=web at=2026-11-21T01:22:05Z",
        "user=ayu show=demo seats=A1,B1 booking_id=01563e3a-b5d3-d676-4c61-efb99302bd5b",
        "user=ayu show=demo seats=A1,B1 unknown=field",
    };
    const int64_t fingerprint = request_of(*state, same[0])->fingerprint;

    for (size_t i = 0; i < COUNT_OF(same); i++)
        check_row(request_of(*state, same[i])->fingerprint == fingerprint, "%s", same[i]);
    assert_true(request_of(*state, "user=ayu show=demo seat=A1")->fingerprint ==
                request_of(*state, "user=ayu show=demo seats=A1")->fingerprint);
}

static void other_content_has_another_fingerprint(void **state)
{
    static const char *const different[] = {
        "user=ayu show=demo seats=A1,B1",
        "user=budi show=demo seats=A1,B1",
        "user=ayu show=other seats=A1,B1",
        "user=ayu show=demo seats=A1",
        "user=ayu show=demo seats=A1,B2",
        "user=ayu show=demo seats=A1,B1,C1",
        "user=ayu show=demo quantity=2",
        "user=ayu show=demo quantity=1",
        "user=ayu show=demo seats=A1,B1 waitlist=no",
        "user=ayu show=demo seats=2",
        "user=ayu show=demo seats=A1,B1 payment=link",
    };
    int64_t fingerprints[COUNT_OF(different)];

    for (size_t i = 0; i < COUNT_OF(different); i++) {
        fingerprints[i] = request_of(*state, different[i])->fingerprint;
        for (size_t j = 0; j < i; j++)
            check_row(fingerprints[i] != fingerprints[j], "%s and %s", different[i], different[j]);
    }
}

/* What stands in the store must be recognised by every later version. */
/* What hold would make of the entry that POST /bookings adds. */
static int64_t fingerprint_on_the_stream(struct fixture *fixture, const struct book_request *booking)
{
    struct text words[BOOK_WORDS_MAX];
    const size_t count = book_entry(fixture->arena, booking, TEXT_NONE, words);
    struct buffer fields = buffer_in(fixture->arena);

    for (size_t i = 0; i < count; i += 2)
        buffer_format(&fields, "%s%.*s=%.*s", i ? " " : "", (int)words[i].len, words[i].ptr, (int)words[i + 1].len,
                      words[i + 1].ptr);
    return request_of(fixture, text_terminated(fixture->arena, buffer_take(&fields)))->fingerprint;
}

static void publisher_knows_the_fingerprint_before_hold_does(void **state)
{
    static const char *const bodies[] = {
        "{\"user\":\"ayu\",\"show\":\"demo\",\"seats\":[\"B1\",\"A1\",\"A10\"]}",
        "{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\"}",
        "{\"user\":\"ayu\",\"show\":\"demo\",\"quantity\":10}",
        "{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\",\"waitlist\":false,\"payment\":\"link\"}",
        "{\"user\":\"ayu\",\"show\":\"demo\",\"seat\":\"A1\",\"waitlist\":\"yes\",\"payment\":\"auto\"}",
    };

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct fixture *fixture = *state;
        struct problems problems = {.arena = fixture->arena};
        struct book_request booking;
        json_t *document = json_loads(bodies[i], 0, NULL);

        assert_true(book_read(document, &problems, &booking));
        check_row(book_fingerprint(fixture->arena, &booking) == fingerprint_on_the_stream(fixture, &booking), "%s",
                  bodies[i]);
        json_decref(document);
    }
}

static void a_fingerprint_is_the_same_for_ever(void **state)
{
    assert_int_equal(request_of(*state, "user=ayu show=demo seats=A1,B1")->fingerprint, -2833788182508571255);
}

static void a_booking_without_an_id_gets_one_from_its_entry(void **state)
{
    const char *fields = "user=ayu show=demo seat=A1";
    const struct entry *entry = request_entry(*state, fields), *again = request_entry(*state, fields);
    const struct entry *elsewhere = fixture_entry(*state, BOOKING_REQUESTED, "100-2", fields);
    const struct entry *other = request_entry(*state, "user=ayu show=demo seat=A2");

    assert_int_equal(uuid_compare(entry->key, again->key), 0);
    assert_int_not_equal(uuid_compare(entry->key, elsewhere->key), 0);
    assert_int_not_equal(uuid_compare(entry->key, other->key), 0); /* Redis lost its past and uses an id again */
    assert_int_equal(entry->key.bytes[5], 100);                    /* begins with its time, so it sorts by it */
    assert_int_equal(entry->key.bytes[6] >> 4, 8);
}

/* What stands in the store must be found by every later version when its entry comes again. */
static void an_id_from_an_entry_is_the_same_for_ever(void **state)
{
    struct fixture *fixture = *state;

    check_text(uuid_text(fixture->arena, request_entry(fixture, "user=ayu show=demo seat=A1")->key),
               "00000000-0064-8060-9b23-408db4c550d1");
}

static void the_same_event_is_the_same_booking_whatever_its_entry(void **state)
{
    struct fixture *fixture = *state;
    const struct entry *first = request_entry(fixture, "event_id=order-7 user=ayu show=demo seat=A1");
    static const char *const same[] = {
        "user=ayu show=demo seat=A1 event_id=order-7", "user=ayu show=demo seat=A1 event_id=order-7 replay_of=17",
        "event_id=order-7 user=ayu show=demo seat=A2", /* hold refuses it: another fingerprint under the same id */
    };

    for (size_t i = 0; i < COUNT_OF(same); i++) {
        const struct entry *again = fixture_entry(fixture, BOOKING_REQUESTED, "987654321-7", same[i]);

        check_row(uuid_compare(first->key, again->key) == 0, "%s", same[i]);
    }
    assert_int_not_equal(
        uuid_compare(first->key, request_entry(fixture, "event_id=order-8 user=ayu show=demo seat=A1")->key), 0);
    assert_int_not_equal(uuid_compare(first->key, request_entry(fixture, "user=ayu show=demo seat=A1")->key), 0);
}

static void a_replay_is_the_booking_that_its_first_entry_would_have_been(void **state)
{
    struct fixture *fixture = *state;
    const char *fields = "user=ayu show=demo seat=A1 event_id=";
    const struct entry *first = request_entry(fixture, "user=ayu show=demo seat=A1");
    const struct entry *empty = request_entry(fixture, fields);
    static const char *const replays[] = {
        "user=ayu show=demo seat=A1 event_id=100-1 replay_of=17",
        "user=ayu show=demo seat=A1 event_id=100-1 replay_of=1795224125123-0",
        "event_id=100-1 replay_of=17 user=ayu show=demo seat=A1",
    };

    assert_int_equal(uuid_compare(first->key, empty->key), 0);
    for (size_t i = 0; i < COUNT_OF(replays); i++) {
        const struct entry *replay = fixture_entry(fixture, BOOKING_REQUESTED, "987654321-7", replays[i]);

        check_row(uuid_compare(first->key, replay->key) == 0, "%s", replays[i]);
    }
    assert_int_not_equal(
        uuid_compare(first->key, request_entry(fixture, "user=ayu show=demo seat=A2 event_id=100-1 replay_of=17")->key),
        0);
    assert_int_not_equal(
        uuid_compare(first->key, request_entry(fixture, "user=ayu show=demo seat=A1 event_id=100-2 replay_of=17")->key),
        0);
}

static void a_name_like_an_entry_id_is_a_name(void **state)
{
    struct fixture *fixture = *state;
    const struct entry *first =
        request_entry(fixture, "user=ayu show=demo seat=A1 event_id=2024-17 at=2026-11-21T10:00:00Z");
    const struct entry *again = fixture_entry(fixture, BOOKING_REQUESTED, "987654321-7",
                                              "user=ayu show=demo seat=A1 event_id=2024-17 at=2026-11-21T10:00:05Z");

    assert_int_equal(uuid_compare(first->key, again->key), 0); /* published again: not booked again */
    assert_int_not_equal(
        uuid_compare(first->key,
                     fixture_entry(fixture, BOOKING_REQUESTED, "2024-17", "user=ayu show=demo seat=A1")->key),
        0);
}

static void a_booking_with_an_id_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    const struct entry *entry =
        request_entry(fixture, "user=ayu show=demo seat=A1 booking_id=01563E3A-B5D3-D676-4C61-EFB99302BD5B");

    check_text(uuid_text(fixture->arena, entry->key), "01563e3a-b5d3-d676-4c61-efb99302bd5b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_that_does_not_fit_is_refused_with_the_reason),
        TEST(seats_are_kept_in_the_order_of_their_labels),
        TEST(ten_seats_are_not_too_many),
        TEST(an_empty_field_counts_as_not_given),
        TEST(whoever_says_nothing_waits_and_pays_as_configured),
        TEST(the_same_content_has_the_same_fingerprint_however_it_is_written),
        TEST(other_content_has_another_fingerprint),
        TEST(publisher_knows_the_fingerprint_before_hold_does),
        TEST(a_fingerprint_is_the_same_for_ever),
        TEST(a_booking_without_an_id_gets_one_from_its_entry),
        TEST(an_id_from_an_entry_is_the_same_for_ever),
        TEST(the_same_event_is_the_same_booking_whatever_its_entry),
        TEST(a_replay_is_the_booking_that_its_first_entry_would_have_been),
        TEST(a_name_like_an_entry_id_is_a_name),
        TEST(a_booking_with_an_id_keeps_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
