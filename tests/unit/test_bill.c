/* bill: an invoice exists, so the booking can be paid. */
#include "tests/unit/step_fixture.h"

#include "ticket-worker/steps.h"

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"
#define INVOICE(id)                                                                                                    \
    "invoice_no=INV-00000000000000000000000000 amount=100 currency=IDR payment_url=http://x/pay "                      \
    "due_at=2026-11-21T09:00:00Z payment=auto booking_id=" id

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

static void an_invoice_that_lacks_something_is_refused_and_told_what(void **state)
{
    static const struct {
        const char *fields, *detail;
    } cases[] = {
        {"invoice_no=I amount=1 currency=IDR payment_url=u due_at=2026-11-21T09:00:00Z payment=auto",
         "booking_id: is missing"},
        {"booking_id=" KEY("1") " amount=1 currency=IDR payment_url=u due_at=2026-11-21T09:00:00Z payment=auto",
         "invoice_no: is missing"},
        {"booking_id=" KEY("1") " invoice_no=I currency=IDR payment_url=u due_at=2026-11-21T09:00:00Z payment=auto",
         "amount: is missing"},
        {"booking_id=" KEY("1") " invoice_no=I amount=1 payment_url=u due_at=2026-11-21T09:00:00Z payment=auto",
         "currency: is missing"},
        {"booking_id=" KEY("1") " invoice_no=I amount=1 currency=IDR due_at=2026-11-21T09:00:00Z payment=auto",
         "payment_url: is missing"},
        {"booking_id=" KEY("1") " invoice_no=I amount=1 currency=IDR payment_url=u payment=auto", "due_at: is missing"},
        {"booking_id=" KEY("1") " invoice_no=I amount=1 currency=IDR payment_url=u due_at=2026-11-21T09:00:00Z",
         "payment: is missing"},
        {"booking_id=" KEY("1") " invoice_no=I amount=1 currency=IDR payment_url=u due_at=soon payment=auto",
         "due_at: must be a time like 2026-11-21T10:00:00Z, not \"soon\""},
        {"booking_id=" KEY(
             "1") " invoice_no=I/1 amount=1 currency=IDR payment_url=u due_at=2026-11-21T09:00:00Z payment=auto",
         "invoice_no: must be 1 to 64 of A-Z a-z 0-9 . _ -, not \"I/1\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_text(fixture_entry(*state, INVOICE_CREATED, "100-1", cases[i].fields)->refusal.detail, cases[i].detail);
}

/* Any identifier: what an invoice is called is its maker's business. */
static void an_invoice_may_be_called_anything(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(fixture, INVOICE_CREATED, "100-1",
                  "booking_id=" KEY("1") " invoice_no=2026.7 amount=1 currency=IDR payment_url=u "
                                         "due_at=2026-11-21T09:00:00Z payment=link");
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "billed");
    check_stored(fixture, "bill_store", 1, KEY("1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_invoice_bills_its_booking_and_says_nothing),
        TEST(an_invoice_that_lacks_something_is_refused_and_told_what),
        TEST(an_invoice_may_be_called_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
