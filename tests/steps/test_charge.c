/* charge against a real database: one payment for an invoice, and its status follows. */
#include "tests/steps/engine.h"

#include <stdlib.h>

#include "common/config.h"
#include "payment-worker/steps.h"

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"
#define NUMBER_1   "00000020000000000000000000"
#define INVOICE_1  "invoice_no=INV-" NUMBER_1
#define INVOICE_2  "invoice_no=INV-00000040000000000000000000"
#define INVOICES   "SELECT left(booking_id::text, 8), status FROM payment.invoices ORDER BY booking_id"
#define PAYMENTS                                                                                                       \
    "SELECT left(booking_id::text, 8), attempt, status, amount, currency, invoice_no, payment_id, reason "             \
    "FROM payment.payments ORDER BY booking_id"
#define PAID_1 "00000001|1|SUCCEEDED|200|IDR|INV-" NUMBER_1 "|PAY-" NUMBER_1 "-1|-"

static struct engine *engine;

static void decline(const char *rate)
{
    setenv("PAYMENT_FAILURE_RATE", rate, 1);
    config_load();
}

static int start(void **state)
{
    (void)state;
    engine = engine_new(&charge, "PAYMENT");
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_free(engine);
    database_close();
    return 0;
}

/* Two open invoices of 200, due at 10:14:55; the second is paid by link. */
static int open_fixture(void **state)
{
    database_clear();
    decline("0");
    database_do(
        "INSERT INTO payment.invoices (booking_id, amount, due_at, pays_by_link, currency, invoice_no, payment_url) VALUES"
        "('" KEY(
            "1") "', 200, '2026-11-21 10:14:55Z', false, 'IDR', 'INV-" NUMBER_1 "', 'http://pay/1'), "
                 "('" KEY(
                     "2") "', 200, '2026-11-21 10:14:55Z', true, 'IDR', 'INV-00000040000000000000000000', 'http://pay/2')");
    *state = fixture_new(&charge);
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

static void an_invoice_is_paid(void **state)
{
    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE_1);
    run(*state);
    check_rows(INVOICES, "00000001|PAID 00000002|OPEN");
    check_rows(PAYMENTS, PAID_1);
}

static void an_invoice_is_declined(void **state)
{
    decline("1");
    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE_1);
    run(*state);
    check_rows(INVOICES, "00000001|FAILED 00000002|OPEN");
    check_rows(PAYMENTS, "00000001|1|FAILED|200|IDR|INV-" NUMBER_1 "|PAY-" NUMBER_1 "-1|declined");
}

static void nothing_is_paid_after_it_was_due(void **state)
{
    struct fixture *fixture = *state;

    fixture->now_us += 15 * 60 * INT64_C(1000000);
    fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE_1);
    run(fixture);
    check_rows("SELECT status, reason FROM payment.payments", "FAILED|past_due");
}

static void an_invoice_that_comes_twice_is_charged_once(void **state)
{
    static const char *const rates[] = {"0", "1"};

    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        struct fixture *first, *second;

        close_fixture(state);
        open_fixture(state);
        decline(rates[i]);
        first = *state;
        second = fixture_new(&charge);
        fixture_entry(first, INVOICE_CREATED, "100-1", INVOICE_1);
        fixture_entry(second, PAYMENT_REQUESTED, "300-1", INVOICE_1); /* whatever it is that asks again */
        run(first);
        decline(i == 0 ? "1" : "0");
        second->now_us += 24 * 3600 * INT64_C(1000000);
        run(second);
        check_outcome(second, 0, DONE, "charged before");
        check_said_the_same(first, second);
        check_rows("SELECT count(*) FROM payment.payments", "1");
        check_rows(INVOICES, i == 0 ? "00000001|PAID 00000002|OPEN" : "00000001|FAILED 00000002|OPEN");
        fixture_free(second);
    }
}

static void a_link_is_waited_for(void **state)
{
    struct fixture *second = fixture_new(&charge);

    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE_2);
    run(*state);
    check_rows(INVOICES, "00000001|OPEN 00000002|OPEN");
    check_rows("SELECT count(*) FROM payment.payments", "0");
    fixture_entry(second, PAYMENT_REQUESTED, "100-1", INVOICE_2);
    run(second);
    check_rows(INVOICES, "00000001|OPEN 00000002|PAID");
    fixture_free(second);
}

static void change(void *context)
{
    database_do("%s", (const char *)context);
}

static void an_invoice_closed_meanwhile_is_not_paid(void **state)
{
    struct fixture *second = fixture_new(&charge);

    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE_1);
    fixture_entry(*state, PAYMENT_REQUESTED, "100-2", INVOICE_2);
    assert_int_equal(
        engine_run(engine, *state, change,
                   (char[]){"UPDATE payment.invoices SET status = 'VOID' WHERE booking_id = '" KEY("1") "'"}),
        STORE_CONFLICT);
    assert_string_equal(engine_failure(engine)->sqlstate, "40001");
    check_rows(INVOICES, "00000001|VOID 00000002|OPEN");
    check_rows("SELECT count(*) FROM payment.payments", "0"); /* the other one's neither */
    fixture_entry(second, INVOICE_CREATED, "100-1", INVOICE_1);
    run(second);
    assert_int_equal(fixture_said_count(second), 0);
    check_rows("SELECT count(*) FROM payment.payments", "0");
    fixture_free(second);
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

static void of_two_workers_at_once_one_charges(void **state)
{
    struct rival rival = {engine_new(&charge, "PAYMENT"), fixture_new(&charge)};
    struct fixture *second = fixture_new(&charge);

    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE_1);
    fixture_entry(rival.fixture, PAYMENT_REQUESTED, "100-1", INVOICE_1);
    fixture_entry(second, INVOICE_CREATED, "100-1", INVOICE_1);
    assert_int_equal(engine_run(engine, *state, run_rival, &rival), STORE_CONFLICT);
    check_rows(PAYMENTS, PAID_1);
    run(second);
    check_said_the_same(rival.fixture, second);
    check_rows(PAYMENTS, PAID_1);
    fixture_free(second);
    fixture_free(rival.fixture);
    engine_free(rival.engine);
}

static void the_last_attempt_is_what_is_said(void **state)
{
    database_do("UPDATE payment.invoices SET status = 'PAID' WHERE booking_id = '" KEY("1") "'");
    database_do(
        "INSERT INTO payment.payments (booking_id, attempt, status, amount, currency, invoice_no, payment_id, reason) VALUES"
        "('" KEY("1") "', 1, 'FAILED', 200, 'IDR', 'INV-" NUMBER_1 "', 'PAY-1', 'declined'), "
                      "('" KEY("1") "', 2, 'SUCCEEDED', 200, 'IDR', 'INV-" NUMBER_1 "', 'PAY-2', NULL)");
    fixture_entry(*state, INVOICE_CREATED, "100-1", INVOICE_1);
    run(*state);
    check_said(*state, 0, PAYMENT_DONE, "payment_id=PAY-2 status=succeeded reason=-");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_invoice_is_paid),
        TEST(an_invoice_is_declined),
        TEST(nothing_is_paid_after_it_was_due),
        TEST(an_invoice_that_comes_twice_is_charged_once),
        TEST(a_link_is_waited_for),
        TEST(an_invoice_closed_meanwhile_is_not_paid),
        TEST(of_two_workers_at_once_one_charges),
        TEST(the_last_attempt_is_what_is_said),
    };

    return cmocka_run_group_tests(tests, start, end);
}
