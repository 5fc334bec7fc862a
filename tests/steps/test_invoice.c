/* invoice against a real database: one invoice for a booking, whoever asks and however often. */
#include "tests/steps/engine.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/config.h"
#include "payment-worker/steps.h"

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"
#define HELD(id, end)                                                                                                  \
    "user=ayu show=demo seats=A1,A2 amount=200 currency=IDR hold_expires_at=" end " payment=link booking_id=" id
#define INVOICES                                                                                                       \
    "SELECT left(booking_id::text, 8), status, amount, currency, invoice_no, pays_by_link, "                           \
    "to_char(due_at, 'HH24:MI:SS.US') FROM payment.invoices ORDER BY booking_id"
#define INVOICE_1 "00000001|OPEN|200|IDR|INV-00000020000000000000000000|t|10:14:55.000000"

static struct engine *engine;

static int start(void **state)
{
    (void)state;
    setenv("LINK_SECRET", "s3cret", 1);
    setenv("PAYMENT_MARGIN_S", "5", 1);
    config_load();
    engine = engine_new(&invoice, "PAYMENT");
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
    database_clear();
    *state = fixture_new(&invoice);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static void a_hold_gets_an_invoice(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(fixture, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00Z"));
    assert_int_equal(engine_run(engine, fixture, NULL, NULL), STORE_OK);
    check_rows(INVOICES, INVOICE_1);
    check_rows(
        "SELECT payment_url LIKE '%/pay/INV-00000020000000000000000000?token=___________________________________________' "
        "FROM payment.invoices",
        "t");
}

static void a_hold_that_comes_twice_has_one_invoice(void **state)
{
    struct fixture *first = *state, *second = fixture_new(&invoice);

    fixture_entry(first, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00.123456Z"));
    fixture_entry(second, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00.123456Z"));
    second->now_us += 60000000;
    assert_int_equal(engine_run(engine, first, NULL, NULL), STORE_OK);
    assert_int_equal(engine_run(engine, second, NULL, NULL), STORE_OK);
    check_rows("SELECT count(*) FROM payment.invoices", "1");
    check_said_the_same(first, second);
    fixture_free(second);
}

/* A hold that was said again under another entry, with another end, is still the same booking's. */
static void the_first_invoice_stays_whatever_comes_later(void **state)
{
    struct fixture *first = *state, *second = fixture_new(&invoice);

    fixture_entry(first, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00Z"));
    fixture_entry(second, SEAT_HELD, "200-1", HELD(KEY("1"), "2026-11-21T11:15:00Z"));
    fixture_entry(second, SEAT_HELD, "200-2", HELD(KEY("2"), "2026-11-21T10:15:00Z"));
    assert_int_equal(engine_run(engine, first, NULL, NULL), STORE_OK);
    database_do("UPDATE payment.invoices SET status = 'PAID'");
    assert_int_equal(engine_run(engine, second, NULL, NULL), STORE_OK);
    check_rows(INVOICES, "00000001|PAID|200|IDR|INV-00000020000000000000000000|t|10:14:55.000000 "
                         "00000002|OPEN|200|IDR|INV-00000040000000000000000000|t|10:14:55.000000");
    check_said(second, 0, INVOICE_CREATED, "due_at=2026-11-21T10:14:55.000Z");
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

static void of_two_workers_at_once_one_makes_it_and_the_other_finds_it(void **state)
{
    struct rival rival = {engine_new(&invoice, "PAYMENT"), fixture_new(&invoice)};
    struct fixture *first = *state, *second = fixture_new(&invoice);

    fixture_entry(first, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00Z"));
    fixture_entry(first, SEAT_HELD, "100-2", HELD(KEY("3"), "2026-11-21T10:15:00Z"));
    fixture_entry(second, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00Z"));
    fixture_entry(rival.fixture, SEAT_HELD, "100-1", HELD(KEY("1"), "2026-11-21T10:15:00Z"));
    assert_int_equal(engine_run(engine, first, run_rival, &rival), STORE_CONFLICT);
    assert_string_equal(engine_failure(engine)->sqlstate, "23505");
    check_rows(INVOICES, INVOICE_1); /* nothing of ours, not even the third */
    assert_int_equal(engine_run(engine, second, NULL, NULL), STORE_OK);
    check_outcome(second, 0, DONE, "invoiced before");
    check_said_the_same(rival.fixture, second);
    fixture_free(second);
    fixture_free(rival.fixture);
    engine_free(rival.engine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hold_gets_an_invoice),
        TEST(a_hold_that_comes_twice_has_one_invoice),
        TEST(the_first_invoice_stays_whatever_comes_later),
        TEST(of_two_workers_at_once_one_makes_it_and_the_other_finds_it),
    };

    return cmocka_run_group_tests(tests, start, end);
}
