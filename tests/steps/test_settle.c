/* settle against a real database: the booking and its seats close together, in both directions. */
#include "tests/steps/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "ticket-worker/steps.h"

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"
#define PAYMENT(id, status)                                                                                            \
    "invoice_no=INV-00000000000000000000000000 payment_id=PAY-00000000000000000000000000-1 amount=100 currency=IDR "   \
    "status=" status " booking_id=" id
#define BOOKINGS                                                                                                       \
    "SELECT left(booking_id::text, 8), status, reason, array_to_string(seat_ids, ','), "                               \
    "to_char(closed_at, 'HH24:MI:SS') FROM ticketing.bookings ORDER BY booking_id"
#define SEATS     "SELECT label, status, left(booking_id::text, 8) FROM ticketing.seats ORDER BY seat_id"
#define UNTOUCHED "00000001|HELD|-|1,2|- 00000002|AWAITING_PAYMENT|-|3|- 00000003|HELD|-|4|-"
#define ON_GOING  "A1|ON_GOING|00000001 A2|ON_GOING|00000001 A3|ON_GOING|00000002 A4|ON_GOING|00000003"

static struct engine *engine;

static int start(void **state)
{
    (void)state;
    engine = engine_new(&settle, "TICKET");
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_free(engine);
    database_close();
    return 0;
}

/* 1 holds A1 and A2, 2 waits for the payment of A3, 3 holds A4. */
static int open_fixture(void **state)
{
    database_clear();
    database_do("INSERT INTO ticketing.shows (show_id, title, amount, currency) VALUES ('demo', 'Demo', 100, 'IDR')");
    database_do(
        "INSERT INTO ticketing.seats (show_id, label, position, status, booking_id) VALUES"
        "('demo', 'A1', 1, 'ON_GOING', '" KEY("1") "'), ('demo', 'A2', 2, 'ON_GOING', '" KEY(
            "1") "'), "
                 "('demo', 'A3', 3, 'ON_GOING', '" KEY("2") "'), ('demo', 'A4', 4, 'ON_GOING', '" KEY("3") "')");
    database_do(
        "INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, requested_at, status, quantity, "
        "user_name, show_id, seats, seat_ids) VALUES"
        "('" KEY(
            "1") "', 1, 1, 1, '2026-11-21 09:00Z', 'HELD', 2, 'ayu', 'demo', '{A1,A2}', '{1,2}'), "
                 "('" KEY(
                     "2") "', 1, 1, 2, '2026-11-21 09:00Z', 'AWAITING_PAYMENT', 1, 'budi', 'demo', '{A3}', '{3}'), "
                          "('" KEY("3") "', 1, 1, 3, '2026-11-21 09:00Z', 'HELD', 1, 'cici', 'demo', '{A4}', '{4}')");
    *state = fixture_new(&settle);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static void run(struct fixture *fixture)
{
    assert_int_equal(engine_run(engine, fixture, NULL, NULL), STORE_OK);
}

static void a_payment_books_the_seats(void **state)
{
    fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "succeeded"));
    run(*state);
    check_rows(BOOKINGS, "00000001|CONFIRMED|-|1,2|10:00:00 00000002|AWAITING_PAYMENT|-|3|- 00000003|HELD|-|4|-");
    check_rows(SEATS, "A1|BOOKED|00000001 A2|BOOKED|00000001 A3|ON_GOING|00000002 A4|ON_GOING|00000003");
    check_said(*state, 0, BOOKING_CLOSED,
               "status=confirmed user=ayu seats=A1,A2 requested_at=2026-11-21T09:00:00.000Z");
}

static void a_failed_payment_opens_them(void **state)
{
    fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "failed"));
    run(*state);
    check_rows(BOOKINGS,
               "00000001|FAILED|payment_failed||10:00:00 00000002|AWAITING_PAYMENT|-|3|- 00000003|HELD|-|4|-");
    check_rows(SEATS, "A1|OPEN|- A2|OPEN|- A3|ON_GOING|00000002 A4|ON_GOING|00000003");
    check_said(*state, 0, BOOKING_CLOSED, "status=failed reason=payment_failed seats=A1,A2");
}

static void a_batch_settles_each_its_own_way_and_twice_is_once(void **state)
{
    struct fixture *first = *state, *second = fixture_new(&settle);

    for (int times = 0; times < 2; times++) {
        struct fixture *fixture = times == 0 ? first : second;

        fixture_entry(fixture, PAYMENT_DONE, "100-1", PAYMENT(KEY("3"), "succeeded"));
        fixture_entry(fixture, PAYMENT_DONE, "100-2", PAYMENT(KEY("1"), "failed"));
        fixture_entry(fixture, PAYMENT_DONE, "100-3", PAYMENT(KEY("2"), "succeeded"));
        fixture->now_us += times * 60000000;
        run(fixture);
        check_rows(BOOKINGS, "00000001|FAILED|payment_failed||10:00:00 00000002|CONFIRMED|-|3|10:00:00 "
                             "00000003|CONFIRMED|-|4|10:00:00");
        check_rows(SEATS, "A1|OPEN|- A2|OPEN|- A3|BOOKED|00000002 A4|BOOKED|00000003");
    }
    check_said_the_same(first, second);
    fixture_free(second);
}

static void what_is_closed_stays_as_it_is(void **state)
{
    static const char *const closed[] = {"CONFIRMED", "FAILED",     "EXPIRED", "CANCELLED",
                                         "REJECTED",  "WAITLISTED", "RESERVED"};

    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        char expected[100];

        close_fixture(state);
        open_fixture(state);
        database_do(
            "UPDATE ticketing.bookings SET status = '%s', reason = 'as it was' WHERE booking_id = '" KEY("1") "'",
            closed[i]);
        fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "failed"));
        run(*state);
        snprintf(expected, sizeof expected, "%s|as it was|1,2|-", closed[i]);
        check_rows("SELECT status, reason, array_to_string(seat_ids, ','), closed_at FROM ticketing.bookings "
                   "WHERE booking_id = '" KEY("1") "'",
                   expected);
        check_rows(SEATS, ON_GOING);
    }
}

static void change(void *context)
{
    database_do("%s", (const char *)context);
}

static void a_booking_closed_meanwhile_is_not_confirmed(void **state)
{
    struct fixture *second = fixture_new(&settle);

    fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "succeeded"));
    fixture_entry(*state, PAYMENT_DONE, "100-2", PAYMENT(KEY("2"), "succeeded"));
    assert_int_equal(
        engine_run(
            engine, *state, change,
            (char[]){
                "UPDATE ticketing.bookings SET status = 'EXPIRED', seat_ids = '{}' "
                "WHERE booking_id = '" KEY(
                    "1") "'; "
                         "UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE label IN ('A1', 'A2')"}),
        STORE_CONFLICT);
    assert_string_equal(engine_failure(engine)->sqlstate, "40001");
    check_rows(BOOKINGS, "00000001|EXPIRED|-||- 00000002|AWAITING_PAYMENT|-|3|- 00000003|HELD|-|4|-");
    check_rows(SEATS, "A1|OPEN|- A2|OPEN|- A3|ON_GOING|00000002 A4|ON_GOING|00000003");
    fixture_entry(second, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "succeeded"));
    run(second);
    check_outcome(second, 0, DONE, "payment too late");
    fixture_free(second);
}

/* Cannot happen while every program does what it should; if it does, nothing is stored rather than half of it. */
static void a_seat_that_is_another_bookings_is_not_touched(void **state)
{
    static const char *const changes[] = {
        "UPDATE ticketing.seats SET booking_id = '" KEY("3") "' WHERE label = 'A2'",
        "UPDATE ticketing.seats SET status = 'BOOKED' WHERE label = 'A2'",
        "UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE label = 'A2'",
        "DELETE FROM ticketing.seats WHERE label = 'A2'",
    };
    static const char *const ways[] = {PAYMENT(KEY("1"), "succeeded"), PAYMENT(KEY("1"), "failed")};

    for (size_t i = 0; i < COUNT_OF(changes); i++)
        for (size_t way = 0; way < COUNT_OF(ways); way++) {
            char sql[200], seats[300];

            close_fixture(state);
            open_fixture(state);
            fixture_entry(*state, PAYMENT_DONE, "100-1", ways[way]);
            strcpy(sql, changes[i]);
            assert_int_equal(engine_run(engine, *state, change, sql), STORE_CONFLICT);
            check_rows(BOOKINGS, UNTOUCHED);
            strcpy(seats, database_rows(SEATS));
            assert_non_null(strstr(seats, "A1|ON_GOING|00000001"));
        }
}

static void a_payment_for_nothing_is_rejected(void **state)
{
    fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("7"), "succeeded"));
    fixture_entry(*state, PAYMENT_DONE, "100-2", PAYMENT(KEY("3"), "succeeded"));
    run(*state);
    check_outcome(*state, 0, REJECT, "unknown_booking");
    check_rows("SELECT status FROM ticketing.bookings WHERE booking_id = '" KEY("3") "'", "CONFIRMED");
}

struct rival {
    struct engine *engine;
    struct fixture *fixture;
};

static void run_rival(void *context)
{
    const struct rival *rival = context;

    assert_int_equal(engine_run(rival->engine, rival->fixture, NULL, NULL), STORE_OK);
}

static void of_two_workers_at_once_one_settles(void **state)
{
    struct rival rival = {engine_new(&settle, "TICKET"), fixture_new(&settle)};
    struct fixture *second = fixture_new(&settle);

    fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "failed"));
    fixture_entry(rival.fixture, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "failed"));
    fixture_entry(second, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "failed"));
    assert_int_equal(engine_run(engine, *state, run_rival, &rival), STORE_CONFLICT);
    run(second);
    check_said_the_same(rival.fixture, second);
    check_rows(SEATS, "A1|OPEN|- A2|OPEN|- A3|ON_GOING|00000002 A4|ON_GOING|00000003");
    fixture_free(second);
    fixture_free(rival.fixture);
    engine_free(rival.engine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_payment_books_the_seats),
        TEST(a_failed_payment_opens_them),
        TEST(a_batch_settles_each_its_own_way_and_twice_is_once),
        TEST(what_is_closed_stays_as_it_is),
        TEST(a_booking_closed_meanwhile_is_not_confirmed),
        TEST(a_seat_that_is_another_bookings_is_not_touched),
        TEST(a_payment_for_nothing_is_rejected),
        TEST(of_two_workers_at_once_one_settles),
    };

    return cmocka_run_group_tests(tests, start, end);
}
