/* charge: an invoice is paid, or not; always the same way. */
#include "tests/unit/step_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/config.h"
#include "payment-worker/steps.h"

#define KEY(digit)   "0000000" digit "-0000-0000-0000-000000000000"
#define CHARGE_TYPES "uuid text int text time bool text text text"
#define NUMBER_1     "00000020000000000000000000"
#define NUMBER_2     "00000040000000000000000000"
#define INVOICE_1    "invoice_no=INV-" NUMBER_1

static void configure(const char *rate, const char *seed)
{
    setenv("PAYMENT_FAILURE_RATE", rate, 1);
    setenv("RANDOM_SEED", seed, 1);
    config_load();
}

static int open_fixture(void **state)
{
    configure("0", "1");
    *state = fixture_new(&charge);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static void an_open_invoice_is_charged(void **state)
{
    struct fixture *fixture = *state;

    fixture_given(fixture, "charge_load", CHARGE_TYPES, KEY("1") " OPEN 200 IDR 2026-11-21T10:14:55Z f - - -");
    fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE_1);
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "paid");
    check_said(fixture, 0, PAYMENT_DONE,
               "event_id=" KEY("1") ":paid booking_id=" KEY(
                   "1") " source=charge invoice_no=INV-" NUMBER_1 " payment_id=PAY-" NUMBER_1
                        "-1 status=succeeded reason=- amount=200 currency=IDR");
    check_stored(fixture, "charge_payments", 1, KEY("1"));
    check_stored(fixture, "charge_payments", 2, "SUCCEEDED");
    check_stored(fixture, "charge_payments", 3, "200");
    check_stored(fixture, "charge_payments", 4, "IDR");
    check_stored(fixture, "charge_payments", 5, "INV-" NUMBER_1);
    check_stored(fixture, "charge_payments", 6, "PAY-" NUMBER_1 "-1");
    check_stored(fixture, "charge_payments", 7, "-");
    check_stored(fixture, "charge_invoices", 1, KEY("1"));
    check_stored(fixture, "charge_invoices", 2, "");
    check_stored(fixture, "charge_invoices", 3, "1");
}

static void a_declined_payment_fails_its_invoice(void **state)
{
    struct fixture *fixture = *state;

    configure("1", "1");
    fixture_given(fixture, "charge_load", CHARGE_TYPES, KEY("1") " OPEN 200 IDR 2026-11-21T10:14:55Z f - - -");
    fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE_1);
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "payment failed");
    check_said(fixture, 0, PAYMENT_DONE, "event_id=" KEY("1") ":paid status=failed reason=declined");
    check_stored(fixture, "charge_payments", 2, "FAILED");
    check_stored(fixture, "charge_payments", 7, "declined");
    check_stored(fixture, "charge_invoices", 2, KEY("1"));
}

static void nothing_is_charged_after_it_was_due(void **state)
{
    static const struct {
        const char *due_at, *said;
    } cases[] = {
        {"2026-11-21T09:59:59.999999Z", "status=failed reason=past_due"},
        {"2026-11-21T10:00:00Z", "status=succeeded reason=-"}, /* the very moment is in time */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture *fixture;
        char row[200];

        close_fixture(state);
        open_fixture(state);
        fixture = *state;
        snprintf(row, sizeof row, KEY("1") " OPEN 200 IDR %s f - - -", cases[i].due_at);
        fixture_given(fixture, "charge_load", CHARGE_TYPES, row);
        fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE_1);
        fixture_decide(fixture);
        check_said(fixture, 0, PAYMENT_DONE, cases[i].said);
    }
}

static void an_invoice_with_a_link_waits_until_it_is_used(void **state)
{
    struct fixture *fixture = *state;

    fixture_given(fixture, "charge_load", CHARGE_TYPES, KEY("1") " OPEN 200 IDR 2026-11-21T10:14:55Z t - - -");
    fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE_1);
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "waits for its link");
    assert_int_equal(fixture_said_count(fixture), 0);
    check_stored(fixture, "charge_payments", 1, "-");
    check_stored(fixture, "charge_invoices", 1, "-");

    close_fixture(state);
    open_fixture(state);
    fixture = *state;
    fixture_given(fixture, "charge_load", CHARGE_TYPES, KEY("1") " OPEN 200 IDR 2026-11-21T10:14:55Z t - - -");
    fixture_entry(fixture, PAYMENT_REQUESTED, "100-1", INVOICE_1);
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "paid");
    check_said(fixture, 0, PAYMENT_DONE, "status=succeeded");
}

static void what_was_charged_says_the_same_again_and_stores_nothing(void **state)
{
    static const struct {
        const char *row, *said; /* NULL: nothing */
    } cases[] = {
        {"PAID 200 IDR 2026-11-21T09:00:00Z f PAY-7 SUCCEEDED -",
         "event_id=" KEY("1") ":paid payment_id=PAY-7 status=succeeded reason=- amount=200 currency=IDR"},
        {"FAILED 200 IDR 2026-11-21T09:00:00Z f PAY-7 FAILED declined",
         "payment_id=PAY-7 status=failed reason=declined"},
        {"REFUNDED 200 IDR 2026-11-21T09:00:00Z f PAY-7 REFUNDED -", "payment_id=PAY-7 status=succeeded"},
        {"PAID 200 IDR 2026-11-21T09:00:00Z t PAY-7 SUCCEEDED -", "payment_id=PAY-7 status=succeeded"},
        {"VOID 200 IDR 2026-11-21T09:00:00Z f - - -", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture *fixture;
        char row[200];

        close_fixture(state);
        open_fixture(state);
        fixture = *state;
        configure("1", "1"); /* what was paid stays paid, whatever the rate is now */
        snprintf(row, sizeof row, KEY("1") " %s", cases[i].row);
        fixture_given(fixture, "charge_load", CHARGE_TYPES, row);
        fixture_entry(fixture, INVOICE_CREATED, "100-1", INVOICE_1);
        fixture_decide(fixture);
        check_outcome(fixture, 0, DONE, "charged before");
        check_row((int)fixture_said_count(fixture) == (cases[i].said != NULL), "%s", cases[i].row);
        if (cases[i].said)
            check_said(fixture, 0, PAYMENT_DONE, cases[i].said);
        check_stored(fixture, "charge_payments", 1, "-");
        check_stored(fixture, "charge_invoices", 1, "-");
    }
}

static void an_invoice_that_does_not_exist_is_rejected_alone(void **state)
{
    struct fixture *fixture = *state;

    fixture_given(fixture, "charge_load", CHARGE_TYPES, KEY("2") " OPEN 200 IDR 2026-11-21T10:14:55Z f - - -");
    fixture_entry(fixture, PAYMENT_REQUESTED, "100-1", INVOICE_1);
    fixture_entry(fixture, PAYMENT_REQUESTED, "100-2", "invoice_no=INV-" NUMBER_2);
    fixture_decide(fixture);
    check_outcome(fixture, 0, REJECT, "unknown_invoice");
    check_outcome(fixture, 1, DONE, "paid");
    check_stored(fixture, "charge_payments", 1, KEY("2"));
    check_stored(fixture, "charge_invoices", 3, "1");
}

/* Whether the invoice of this booking is declined. */
static bool is_declined(struct uuid booking)
{
    struct fixture *fixture = fixture_new(&charge);
    const struct text number = number_of_uuid(fixture->arena, "INV-", booking), id = uuid_text(fixture->arena, booking);
    char fields[64], row[200];
    bool declined;

    snprintf(fields, sizeof fields, "invoice_no=%.*s", (int)number.len, number.ptr);
    snprintf(row, sizeof row, "%.*s OPEN 200 IDR 2026-11-21T10:14:55Z f - - -", (int)id.len, id.ptr);
    fixture_given(fixture, "charge_load", CHARGE_TYPES, row);
    fixture_entry(fixture, INVOICE_CREATED, "100-1", fields);
    fixture_decide(fixture);
    declined = text_is(fact_value(fixture_said(fixture, 0), "status"), "failed");
    fixture_free(fixture);
    return declined;
}

static struct uuid nth_booking(int n)
{
    const struct text part = {(const char *)&n, sizeof n};

    return uuid_derive(1795224125000, &part, 1);
}

#define SAMPLE 5000

static size_t count_declined(void)
{
    size_t count = 0;

    for (int i = 0; i < SAMPLE; i++)
        count += is_declined(nth_booking(i));
    return count;
}

static void the_configured_share_is_declined(void **state)
{
    static const struct {
        const char *rate;
        double from, to; /* five standard deviations around it */
    } cases[] = {
        {"0", 0, 0},
        {"1", 1, 1},
        {"0.1", 0.0788, 0.1212},
        {"0.5", 0.4646, 0.5354},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t declined;

        configure(cases[i].rate, "1");
        declined = count_declined();
        check_row((double)declined >= cases[i].from * SAMPLE && (double)declined <= cases[i].to * SAMPLE,
                  "rate %s: %zu of %d", cases[i].rate, declined, SAMPLE);
    }
}

static void the_same_seed_declines_the_same_and_another_one_others(void **state)
{
    bool first[200];
    size_t same = 0, other = 0;

    (void)state;
    configure("0.5", "1");
    for (int i = 0; i < 200; i++)
        first[i] = is_declined(nth_booking(i));
    for (int i = 0; i < 200; i++)
        same += is_declined(nth_booking(i)) == first[i];
    configure("0.5", "2");
    for (int i = 0; i < 200; i++)
        other += is_declined(nth_booking(i)) == first[i];
    assert_int_equal(same, 200);
    assert_in_range(other, 50, 150);
}

/* So that a rate may be raised while bookings are under way. */
static void who_is_declined_at_a_low_rate_is_declined_at_a_higher_one(void **state)
{
    bool low[500];

    (void)state;
    configure("0.2", "1");
    for (int i = 0; i < 500; i++)
        low[i] = is_declined(nth_booking(i));
    configure("0.4", "1");
    for (int i = 0; i < 500; i++)
        assert_true(!low[i] || is_declined(nth_booking(i)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_invoice_is_charged),
        TEST(a_declined_payment_fails_its_invoice),
        TEST(nothing_is_charged_after_it_was_due),
        TEST(an_invoice_with_a_link_waits_until_it_is_used),
        TEST(what_was_charged_says_the_same_again_and_stores_nothing),
        TEST(an_invoice_that_does_not_exist_is_rejected_alone),
        TEST(the_configured_share_is_declined),
        TEST(the_same_seed_declines_the_same_and_another_one_others),
        TEST(who_is_declined_at_a_low_rate_is_declined_at_a_higher_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
