/* invoice: seats are held, so an invoice is made for them; one for each booking. */
#include "tests/unit/step_fixture.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/config.h"
#include "payment-worker/link.h"
#include "payment-worker/steps.h"

#define KEY(digit)    "0000000" digit "-0000-0000-0000-000000000000"
#define INVOICE_TYPES "uuid int text time text bool"
#define HELD(id)                                                                                                       \
    "user=ayu show=demo seats=A1,A2 amount=200 currency=IDR hold_expires_at=2026-11-21T10:15:00Z payment=auto "        \
    "booking_id=" id
/* The booking's id in other digits. */
#define NUMBER_1 "INV-00000020000000000000000000"

static int open_fixture(void **state)
{
    assert_true(sodium_init() >= 0);
    setenv("BASE_URL", "http://tickets.example", 1);
    setenv("LINK_SECRET", "s3cret", 1);
    setenv("PAYMENT_MARGIN_S", "5", 1);
    config_load();
    *state = fixture_new(&invoice);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static void held_seats_get_an_invoice_that_is_due_before_the_hold_ends(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(fixture, SEAT_HELD, "100-1", HELD(KEY("1")));
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "invoiced");
    check_said(fixture, 0, INVOICE_CREATED,
               "event_id=" KEY("1") ":invoiced booking_id=" KEY(
                   "1") " source=invoice invoice_no=" NUMBER_1
                        " amount=200 currency=IDR due_at=2026-11-21T10:14:55.000Z payment=auto");
    check_stored(fixture, "invoice_store", 1, KEY("1"));
    check_stored(fixture, "invoice_store", 2, "200");
    check_stored(fixture, "invoice_store", 3, "2026-11-21T10:14:55.000Z");
    check_stored(fixture, "invoice_store", 4, "f");
    check_stored(fixture, "invoice_store", 5, "IDR");
    check_stored(fixture, "invoice_store", 6, NUMBER_1);
    assert_true(text_equal(fact_value(fixture_said(fixture, 0), "payment_url"),
                           text_of(fixture_stored(fixture, "invoice_store", 7))));
}

static void whoever_pays_by_link_is_told_so(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(
        fixture, SEAT_HELD, "100-1",
        "user=ayu show=demo seats=A1 amount=0 currency=IDR hold_expires_at=2026-11-21T10:15:00.123456Z payment=link "
        "booking_id=" KEY("1"));
    fixture_decide(fixture);
    check_said(fixture, 0, INVOICE_CREATED, "payment=link amount=0 due_at=2026-11-21T10:14:55.123Z");
    check_stored(fixture, "invoice_store", 4, "t");
}

static void who_asks_again_gets_the_same_invoice(void **state)
{
    struct fixture *fixture = *state;

    /* As it was made once, under other settings; what is asked for now does not matter. */
    fixture_given(fixture, "invoice_load", INVOICE_TYPES, KEY("1") " 150 USD 2026-11-21T09:00:00Z http://old/pay t");
    fixture_entry(fixture, SEAT_HELD, "100-1", HELD(KEY("1")));
    fixture_decide(fixture);
    check_outcome(fixture, 0, DONE, "invoiced before");
    check_said(
        fixture, 0, INVOICE_CREATED,
        "event_id=" KEY(
            "1") ":invoiced invoice_no=" NUMBER_1
                 " amount=150 currency=USD payment_url=http://old/pay due_at=2026-11-21T09:00:00.000Z payment=link");
    check_stored(fixture, "invoice_store", 1, "-");
}

static void a_batch_stores_only_what_is_new_by_key(void **state)
{
    struct fixture *fixture = *state;

    fixture_given(fixture, "invoice_load", INVOICE_TYPES, KEY("2") " 150 IDR 2026-11-21T09:00:00Z http://old/pay t");
    fixture_entry(fixture, SEAT_HELD, "100-1", HELD(KEY("3")));
    fixture_entry(fixture, SEAT_HELD, "100-2", HELD(KEY("2")));
    fixture_entry(fixture, SEAT_HELD, "100-3", HELD(KEY("1")));
    fixture_decide(fixture);
    assert_int_equal(fixture_said_count(fixture), 3);
    check_said(fixture, 0, INVOICE_CREATED, "booking_id=" KEY("3"));
    check_stored(fixture, "invoice_store", 1, KEY("1") " " KEY("3"));
}

static void a_link_can_be_made_by_nobody_else(void **state)
{
    struct fixture *fixture = *state;
    struct arena *arena = fixture->arena;
    const struct text number = TEXT(NUMBER_1), other = TEXT("INV-00000020000000000000000001");
    const struct text token = link_token(arena, number, 1795224125000000);
    const struct text url = link_url(arena, number, 1795224125000000);

    assert_int_equal(token.len, 43);
    assert_true(text_equal(token, link_token(arena, number, 1795224125000000)));
    assert_false(text_equal(token, link_token(arena, other, 1795224125000000)));
    assert_false(text_equal(token, link_token(arena, number, 1795224125000001)));
    check_text(url, text_terminated(arena, text_format(arena, "http://tickets.example/pay/" NUMBER_1 "?token=%.*s",
                                                       (int)token.len, token.ptr)));
    setenv("LINK_SECRET", "another", 1);
    config_load();
    assert_false(text_equal(token, link_token(arena, number, 1795224125000000)));
}

static void a_token_is_written_in_letters_that_a_url_takes(void **state)
{
    struct fixture *fixture = *state;

    for (int64_t i = 0; i < 2000; i++) {
        const struct text token = link_token(fixture->arena, TEXT(NUMBER_1), i);

        for (size_t c = 0; c < token.len; c++)
            assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", token.ptr[c]));
    }
}

static void a_hold_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *fields, *detail;
    } cases[] = {
        {"user=ayu show=demo seats=A1 amount=100 currency=IDR hold_expires_at=2026-11-21T10:15:00Z payment=auto",
         "booking_id: is missing"},
        {"booking_id=" KEY(
             "1") " user=ayu show=demo seats=A1 amount=-1 currency=IDR hold_expires_at=2026-11-21T10:15:00Z payment=auto",
         "amount: must be a whole number from 0 to 10000000000000, not \"-1\""},
        {"booking_id=" KEY("1") " user=ayu show=demo seats=A1 amount=1 currency=IDR hold_expires_at=soon payment=auto",
         "hold_expires_at: must be a time like 2026-11-21T10:00:00Z, not \"soon\""},
        {"booking_id=" KEY(
             "1") " user=ayu show=demo seats=A1 amount=1 currency=IDR hold_expires_at=2026-11-21T10:15:00Z",
         "payment: is missing"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_text(fixture_entry(*state, SEAT_HELD, "100-1", cases[i].fields)->refusal.detail, cases[i].detail);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(held_seats_get_an_invoice_that_is_due_before_the_hold_ends),
        TEST(whoever_pays_by_link_is_told_so),
        TEST(who_asks_again_gets_the_same_invoice),
        TEST(a_batch_stores_only_what_is_new_by_key),
        TEST(a_link_can_be_made_by_nobody_else),
        TEST(a_token_is_written_in_letters_that_a_url_takes),
        TEST(a_hold_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
