/* What hold said of a booking, said again: of those that wait, and after a loss of all. */
#include "tests/steps/engine.h"

#include "common/arena.h"
#include "ticket-worker/steps.h"

#define ID_FORMAT "0000000%d-0000-0000-0000-000000000000"

static struct engine *engine;

static const struct {
    const char *status, *reason;
    bool pays_by_link;
    enum stream overdue, recalled; /* STREAM_COUNT: nothing is said */
} cases[] = {
    {"RESERVED", NULL, false, STREAM_COUNT, SEAT_RESERVED},
    {"HELD", NULL, false, SEAT_HELD, SEAT_HELD},
    {"AWAITING_PAYMENT", NULL, false, SEAT_HELD, SEAT_HELD},
    {"AWAITING_PAYMENT", NULL, true, STREAM_COUNT, SEAT_HELD},
    {"WAITLISTED", NULL, false, STREAM_COUNT, STREAM_COUNT},
    {"CONFIRMED", NULL, false, STREAM_COUNT, SEAT_HELD},
    {"REJECTED", "seat_taken", false, STREAM_COUNT, BOOKING_CLOSED},
    {"FAILED", "payment_failed", false, STREAM_COUNT, SEAT_HELD},
};

static int start(void **state)
{
    (void)state;
    engine = engine_new(hold_redrive.step, "TICKET");
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_free(engine);
    database_close();
    return 0;
}

static struct fixture *fixture_of_rows(void)
{
    struct fixture *fixture = fixture_new(hold_redrive.step);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct entry *entry = ARENA_NEW(fixture->arena, struct entry);

        assert_true(uuid_parse(text_format(fixture->arena, ID_FORMAT, (int)i + 1), &entry->key));
        entry->id_text = TEXT("0-0");
        fixture->entries[fixture->count++] = entry;
    }
    return fixture;
}

static void put_bookings(void)
{
    database_clear();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        database_do(
            "INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, requested_at, status, "
            "quantity, user_name, show_id, seats, seat_ids, amount, hold_expires_at, pays_by_link, reason, traceparent) "
            "VALUES ('" ID_FORMAT "', 1, 1, 1, '2026-11-21T09:00:00Z', '%s', 1, 'ayu', 'demo', '{A1}', '{1}', 125000, "
            "'2026-11-21T10:15:00Z', %s, NULLIF('%s', ''), '00-trace-01')",
            (int)i + 1, cases[i].status, cases[i].pays_by_link ? "true" : "false",
            cases[i].reason ? cases[i].reason : "");
}

static void check_all(struct fixture *fixture, bool is_recall)
{
    size_t said = 0;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const enum stream expected = is_recall ? cases[i].recalled : cases[i].overdue;

        if (expected == STREAM_COUNT) {
            assert_null(fixture->batch->outcomes[i].what);
            continue;
        }
        check_outcome(fixture, i, DONE, "said again");
        check_said(fixture, said++, expected,
                   expected == BOOKING_CLOSED
                       ? "user=ayu show=demo seats=A1 status=rejected reason=seat_taken source=hold"
                       : "user=ayu show=demo seats=A1 amount=125000 currency=IDR source=hold "
                         "hold_expires_at=2026-11-21T10:15:00.000Z traceparent=00-trace-01");
    }
    assert_int_equal(fixture_said_count(fixture), said);
}

static void what_waits_is_said_again_in_the_same_words(void **state)
{
    struct fixture *fixture = fixture_of_rows();

    (void)state;
    put_bookings();
    engine_settle(engine, fixture);
    check_all(fixture, false);
    fixture_free(fixture);
}

static void after_a_loss(void *context)
{
    ((struct fixture *)context)->batch->is_recall = true;
}

static void after_a_loss_everything_is_said_again(void **state)
{
    struct fixture *fixture = fixture_of_rows();

    (void)state;
    put_bookings();
    assert_int_equal(engine_run(engine, fixture, after_a_loss, fixture), STORE_OK);
    check_all(fixture, true);
    fixture_free(fixture);
}

static void of_a_booking_that_is_gone_nothing_is_said(void **state)
{
    struct fixture *fixture = fixture_of_rows();

    (void)state;
    database_clear();
    assert_int_equal(engine_run(engine, fixture, after_a_loss, fixture), STORE_OK);
    assert_int_equal(fixture_said_count(fixture), 0);
    fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_said_again_in_the_same_words),
        cmocka_unit_test(after_a_loss_everything_is_said_again),
        cmocka_unit_test(of_a_booking_that_is_gone_nothing_is_said),
    };

    return cmocka_run_group_tests(tests, start, end);
}
