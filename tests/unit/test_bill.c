/* bill: an invoice exists, so the booking can be paid. */
#include "tests/unit/step_fixture.h"

#include "ticket-worker/steps.h"

#define KEY(digit)  "0000000" digit "-0000-0000-0000-000000000000"
#define INVOICE(id) "invoice_no=INV-00000000000000000000000000 booking_id=" id

static int open_fixture(void **state)
{
    *state = fixture_new(&bill);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

/* Which of them are HELD is the statement's business: see tests/steps/test_bill.c. */
static void every_invoice_bills_its_booking_and_says_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE(KEY("2")));
    fixture_entry(fixture, INVOICE_CREATED, "100-2", INVOICE(KEY("1")));
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "billed");
    check_outcome(fixture, 1, DONE, "billed");
    check_stored(fixture, "bill_store", 1, KEY("1") " " KEY("2"));
    assert_int_equal(fixture_said_count(fixture), 0);
}

static void an_invoice_that_names_no_booking_is_refused(void **state)
{
    assert_non_null(
        fixture_entry(*state, INVOICE_CREATED, "100-1", "invoice_no=INV-00000000000000000000000000")->refusal.reason);
    assert_non_null(fixture_entry(*state, INVOICE_CREATED, "100-1", "booking_id=" KEY("1"))->refusal.reason);
    assert_non_null(
        fixture_entry(*state, INVOICE_CREATED, "100-1", "invoice_no=7 booking_id=" KEY("1"))->refusal.reason);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_invoice_bills_its_booking_and_says_nothing),
        TEST(an_invoice_that_names_no_booking_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
