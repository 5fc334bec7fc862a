/* bill against a real database: only what is HELD becomes AWAITING_PAYMENT. */
#include "tests/steps/engine.h"

#include <stdlib.h>

#include "ticket-worker/steps.h"

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"
#define INVOICE(id)                                                                                                    \
    "invoice_no=INV-00000000000000000000000000 amount=100 currency=IDR payment_url=http://x/pay "                      \
    "due_at=2026-11-21T09:00:00Z payment=auto booking_id=" id
#define STATUSES "SELECT status FROM ticketing.bookings ORDER BY booking_id"

static struct engine *engine;

static int start(void **state)
{
    (void)state;
    engine = engine_new(&bill, "TICKET");
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_free(engine);
    database_close();
    return 0;
}

static int open_fixture(void **state)
{
    static const char *const statuses[] = {"RESERVED", "HELD",   "AWAITING_PAYMENT", "WAITLISTED", "CONFIRMED",
                                           "REJECTED", "FAILED", "EXPIRED",          "CANCELLED"};

    database_clear();
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        database_do(
            "INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, requested_at, status, "
            "quantity, user_name, show_id, seat_ids) VALUES ('0000000%zu-0000-0000-0000-000000000000', 1, 1, 1, now(), '%s', 1, "
            "'ayu', 'demo', '{1}')",
            i + 1, statuses[i]);
    *state = fixture_new(&bill);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static void only_what_is_held_waits_for_its_payment_now(void **state)
{
    for (int times = 0; times < 2; times++) { /* and twice is once */
        struct fixture *fixture;

        fixture_free(*state);
        *state = fixture = fixture_new(&bill);
        for (char digit = '1'; digit <= '9'; digit++) {
            char fields[] = INVOICE(KEY("0"));

            fields[sizeof fields - 1 - 29] = digit;
            fixture_entry(fixture, INVOICE_CREATED, "100-1", fields);
        }
        assert_int_equal(engine_run(engine, fixture, NULL, NULL), STORE_OK);
        check_rows(STATUSES,
                   "RESERVED AWAITING_PAYMENT AWAITING_PAYMENT WAITLISTED CONFIRMED REJECTED FAILED EXPIRED CANCELLED");
    }
}

static void an_invoice_for_a_booking_that_nobody_knows_changes_nothing(void **state)
{
    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE("aaaaaaaa-0000-0000-0000-000000000000"));
    assert_int_equal(engine_run(engine, *state, NULL, NULL), STORE_OK);
    check_rows(STATUSES, "RESERVED HELD AWAITING_PAYMENT WAITLISTED CONFIRMED REJECTED FAILED EXPIRED CANCELLED");
}

static void others_are_left_alone(void **state)
{
    database_do("UPDATE ticketing.bookings SET status = 'HELD'");
    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE(KEY("3")));
    assert_int_equal(engine_run(engine, *state, NULL, NULL), STORE_OK);
    check_rows(STATUSES, "HELD HELD AWAITING_PAYMENT HELD HELD HELD HELD HELD HELD");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_is_held_waits_for_its_payment_now),
        TEST(an_invoice_for_a_booking_that_nobody_knows_changes_nothing),
        TEST(others_are_left_alone),
    };

    return cmocka_run_group_tests(tests, start, end);
}
