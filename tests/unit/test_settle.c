/* settle: a payment is done, so the booking closes. */
#include "tests/unit/step_fixture.h"

#include <stdio.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "ticket-worker/steps.h"

#define KEY(digit)    "0000000" digit "-0000-0000-0000-000000000000"
#define BOOKING_TYPES "uuid text text text text ints text time"
#define PAYMENT(id, status)                                                                                            \
    "invoice_no=INV-00000000000000000000000000 payment_id=PAY-00000000000000000000000000-1 amount=100 currency=IDR "   \
    "status=" status " booking_id=" id

static int open_fixture(void **state)
{
    *state = fixture_new(&settle);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

/* A batch of one payment for a booking in this status. */
static struct fixture *settle_one(void **state, const char *payment, const char *status, const char *reason)
{
    struct fixture *fixture;
    char row[200];

    close_fixture(state);
    open_fixture(state);
    fixture = *state;
    snprintf(row, sizeof row, KEY("1") " %s ayu demo A1,A2 {7,3} %s 2026-11-21T09:00:00Z", status, reason);
    fixture_given(fixture, "settle_load", BOOKING_TYPES, row);
    fixture_entry(fixture, PAYMENT_DONE, "100-1", payment);
    fixture_decide(fixture);
    return fixture;
}

static void a_payment_confirms_what_waits_for_it(void **state)
{
    static const char *const open[] = {"HELD", "AWAITING_PAYMENT"}; /* HELD: the payment was faster than the bill */

    for (size_t i = 0; i < COUNT_OF(open); i++) {
        struct fixture *fixture = settle_one(state, PAYMENT(KEY("1"), "succeeded"), open[i], "-");

        check_outcome(fixture, 0, DONE, "confirmed");
        check_said(fixture, 0, BOOKING_CLOSED,
                   "event_id=" KEY("1") ":confirmed user=ayu show=demo seats=A1,A2 status=confirmed reason=- "
                                        "requested_at=2026-11-21T09:00:00.000Z");
        check_stored(fixture, "settle_close", 1, KEY("1"));
        check_stored(fixture, "settle_close", 2, "");
        check_stored(fixture, "settle_close", 4, "1");
        check_stored(fixture, "settle_seats", 1, "3 7"); /* in the order in which all lock seats */
        check_stored(fixture, "settle_seats", 2, "");
        check_stored(fixture, "settle_seats", 3, KEY("1") " " KEY("1")); /* the owner of each */
        check_stored(fixture, "settle_seats", 4, "2");
    }
}

static void a_failed_payment_fails_it_and_frees_its_seats(void **state)
{
    static const char *const open[] = {"HELD", "AWAITING_PAYMENT"};

    for (size_t i = 0; i < COUNT_OF(open); i++) {
        struct fixture *fixture = settle_one(state, PAYMENT(KEY("1"), "failed"), open[i], "-");

        check_outcome(fixture, 0, DONE, "failed");
        check_said(fixture, 0, BOOKING_CLOSED,
                   "event_id=" KEY("1") ":failed status=failed reason=payment_failed seats=A1,A2");
        check_stored(fixture, "settle_close", 1, KEY("1"));
        check_stored(fixture, "settle_close", 2, KEY("1"));
        check_stored(fixture, "settle_seats", 1, "3 7");
        check_stored(fixture, "settle_seats", 2, KEY("1"));
        check_stored(fixture, "settle_seats", 3, KEY("1") " " KEY("1"));
    }
}

static void what_is_settled_says_the_same_again_and_stores_nothing(void **state)
{
    static const struct {
        const char *payment, *status, *reason, *said;
    } cases[] = {
        {PAYMENT(KEY("1"), "succeeded"), "CONFIRMED", "-", "event_id=" KEY("1") ":confirmed status=confirmed reason=-"},
        {PAYMENT(KEY("1"), "failed"), "FAILED", "payment_failed",
         "event_id=" KEY("1") ":failed status=failed reason=payment_failed"},
        {PAYMENT(KEY("1"), "failed"), "CONFIRMED", "-",
         "event_id=" KEY("1") ":confirmed status=confirmed"}, /* final is final */
        {PAYMENT(KEY("1"), "succeeded"), "FAILED", "organizer_refused",
         "event_id=" KEY("1") ":failed reason=organizer_refused"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture *fixture = settle_one(state, cases[i].payment, cases[i].status, cases[i].reason);

        check_said(fixture, 0, BOOKING_CLOSED, cases[i].said);
        check_stored(fixture, "settle_close", 1, "-");
        check_stored(fixture, "settle_seats", 1, "-");
    }
}

static void a_payment_that_comes_too_late_changes_nothing(void **state)
{
    static const char *const closed[] = {"EXPIRED", "CANCELLED", "REJECTED", "WAITLISTED", "RESERVED"};

    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        struct fixture *fixture = settle_one(state, PAYMENT(KEY("1"), "succeeded"), closed[i], "-");

        check_outcome(fixture, 0, DONE, "payment too late");
        assert_int_equal(fixture_said_count(fixture), 0);
        check_stored(fixture, "settle_close", 1, "-");
        check_stored(fixture, "settle_seats", 1, "-");
    }
}

static void a_payment_for_nothing_is_rejected_alone(void **state)
{
    struct fixture *fixture = *state;

    fixture_given(fixture, "settle_load", BOOKING_TYPES, KEY("2") " HELD ayu demo A1 {1} - 2026-11-21T09:00:00Z");
    fixture_entry(fixture, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "succeeded"));
    fixture_entry(fixture, PAYMENT_DONE, "100-2", PAYMENT(KEY("2"), "succeeded"));
    fixture_decide(fixture);
    check_outcome(fixture, 0, REJECT, "unknown_booking");
    check_outcome(fixture, 1, DONE, "confirmed");
    check_stored(fixture, "settle_close", 1, KEY("2"));
}

static void a_batch_settles_each_its_own_way(void **state)
{
    struct fixture *fixture = *state;

    fixture_given(fixture, "settle_load", BOOKING_TYPES,
                  KEY("1") " AWAITING_PAYMENT ayu demo A1 {9} - 2026-11-21T09:00:00Z");
    fixture_given(fixture, "settle_load", BOOKING_TYPES,
                  KEY("2") " AWAITING_PAYMENT ayu demo A2,A3 {8,2} - 2026-11-21T09:00:00Z");
    fixture_given(fixture, "settle_load", BOOKING_TYPES, KEY("3") " CONFIRMED ayu demo A4 {5} - 2026-11-21T09:00:00Z");
    fixture_entry(fixture, PAYMENT_DONE, "100-1", PAYMENT(KEY("3"), "succeeded"));
    fixture_entry(fixture, PAYMENT_DONE, "100-2", PAYMENT(KEY("2"), "failed"));
    fixture_entry(fixture, PAYMENT_DONE, "100-3", PAYMENT(KEY("1"), "succeeded"));
    fixture_decide(fixture);
    assert_int_equal(fixture_said_count(fixture), 3);
    check_said(fixture, 0, BOOKING_CLOSED, "booking_id=" KEY("3") " status=confirmed");
    check_said(fixture, 1, BOOKING_CLOSED, "booking_id=" KEY("2") " status=failed seats=A2,A3");
    check_said(fixture, 2, BOOKING_CLOSED, "booking_id=" KEY("1") " status=confirmed seats=A1");
    check_stored(fixture, "settle_close", 1, KEY("1") " " KEY("2"));
    check_stored(fixture, "settle_close", 2, KEY("2"));
    check_stored(fixture, "settle_close", 4, "2");
    check_stored(fixture, "settle_seats", 1, "2 8 9");
    check_stored(fixture, "settle_seats", 2, KEY("2"));
    check_stored(fixture, "settle_seats", 4, "3");
}

static void a_payment_that_does_not_say_how_it_ended_is_refused(void **state)
{
    check_text(fixture_entry(*state, PAYMENT_DONE, "100-1", PAYMENT(KEY("1"), "done"))->refusal.detail,
               "status: must be succeeded|failed, not \"done\"");
    check_text(fixture_entry(*state, PAYMENT_DONE, "100-1", "booking_id=" KEY("1"))->refusal.detail,
               "invoice_no: is missing");
}

/* Whoever makes invoices and payments calls them as they like. */
static void an_invoice_may_be_called_anything(void **state)
{
    static const char fields[] =
        "invoice_no=2026.7 payment_id=p amount=1 currency=IDR status=failed booking_id=" KEY("1");

    check_text(fixture_entry(*state, PAYMENT_DONE, "100-1", fields)->refusal.detail, "-");
}

/* As much as a booking may cost: the payment was made, so it must be taken. */
static void a_payment_of_the_largest_booking_is_taken(void **state)
{
    const char *fields = text_terminated(
        ((struct fixture *)*state)->arena,
        text_format(((struct fixture *)*state)->arena,
                    "booking_id=" KEY("1") " invoice_no=INV-01ARZ3NDEKTSV4RRFFQ69G5FAV payment_id=p status=succeeded "
                                           "currency=IDR amount=%lld",
                    AMOUNT_MAX * BOOKING_SEATS_MAX));

    check_text(fixture_entry(*state, PAYMENT_DONE, "100-1", fields)->refusal.detail, "-");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_payment_confirms_what_waits_for_it),
        TEST(a_failed_payment_fails_it_and_frees_its_seats),
        TEST(what_is_settled_says_the_same_again_and_stores_nothing),
        TEST(a_payment_that_comes_too_late_changes_nothing),
        TEST(a_payment_for_nothing_is_rejected_alone),
        TEST(a_batch_settles_each_its_own_way),
        TEST(a_payment_that_does_not_say_how_it_ended_is_refused),
        TEST(an_invoice_may_be_called_anything),
        TEST(a_payment_of_the_largest_booking_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
