/* hold against a real database: what is stored, what comes twice, and who was faster. */
#include "tests/steps/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/config.h"
#include "ticket-worker/steps.h"

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"

#define BOOKINGS                                                                                                       \
    "SELECT left(booking_id::text, 8), status, amount, array_to_string(seats, ','), array_to_string(seat_ids, ',') "   \
    "FROM ticketing.bookings ORDER BY booking_id"
#define SEATS                                                                                                          \
    "SELECT label, status, left(booking_id::text, 8) FROM ticketing.seats WHERE show_id = 'demo' ORDER BY position"

struct world {
    struct engine *engine;
    struct fixture *fixture;
};

static struct world *world;

/* demo: numbered, 100 a seat (A2: 250), A1 to A4 open, B1 taken. standing: 50 each, three left. asked: has an
 * organizer. */
static int open_world(void **state)
{
    setenv("UNKNOWN_USERS", "create", 1);
    setenv("HOLD_TTL_S", "900", 1);
    config_load();
    database_clear();
    database_do("INSERT INTO ticketing.users (name) VALUES ('ayu')");
    database_do("INSERT INTO ticketing.shows (show_id, title, amount, currency, general, organizer_url) VALUES"
                "('demo', 'Demo', 100, 'IDR', false, NULL), ('standing', 'Standing', 50, 'IDR', true, NULL), "
                "('asked', 'Asked', 70, 'USD', false, 'http://organizer')");
    database_do("INSERT INTO ticketing.seats (show_id, label, position, amount, status, booking_id) VALUES"
                "('demo', 'A1', 1, NULL, 'OPEN', NULL), ('demo', 'A2', 2, 250, 'OPEN', NULL), "
                "('demo', 'A3', 3, NULL, 'OPEN', NULL), ('demo', 'A4', 4, NULL, 'OPEN', NULL), "
                "('demo', 'B1', 5, NULL, 'BOOKED', '" KEY(
                    "9") "'), "
                         "('standing', '003', 3, NULL, 'OPEN', NULL), ('standing', '001', 1, NULL, 'OPEN', NULL), "
                         "('standing', '002', 2, NULL, 'OPEN', NULL), ('asked', 'P', 1, NULL, 'OPEN', NULL)");
    world = calloc(1, sizeof *world);
    world->engine = engine_new(&hold, "TICKET");
    world->fixture = fixture_new(&hold);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    fixture_free(world->fixture);
    engine_free(world->engine);
    free(world);
    return 0;
}

static void request(struct fixture *fixture, const char *fields)
{
    char id[24];

    snprintf(id, sizeof id, "100-%zu", fixture->count + 1);
    fixture_entry(fixture, BOOKING_REQUESTED, id, fields);
}

/* The same entries, as they would be delivered again. */
static struct fixture *again(const struct fixture *first)
{
    struct fixture *fixture = fixture_new(&hold);

    for (size_t i = 0; i < first->count; i++) {
        const struct entry *entry = first->entries[i];
        struct text all = TEXT("");

        for (size_t p = 0; p < entry->pair_count; p++)
            all = text_format(fixture->arena, "%.*s%s%.*s=%.*s", (int)all.len, all.ptr, p > 0 ? " " : "",
                              (int)entry->pairs[2 * p].len, entry->pairs[2 * p].ptr, (int)entry->pairs[2 * p + 1].len,
                              entry->pairs[2 * p + 1].ptr);
        fixture_entry(fixture, entry->stream, entry->id_text.ptr, all.ptr);
    }
    fixture->now_us = first->now_us + 60000000; /* a minute later */
    return fixture;
}

static void run(struct fixture *fixture)
{
    const enum store_result result = engine_run(world->engine, fixture, NULL, NULL);

    check_row(result == STORE_OK, "%s %s", engine_failure(world->engine)->sqlstate,
              engine_failure(world->engine)->message);
}

/* ---- what is stored ---- */

static void bookings_and_their_seats_are_stored_together(void **state)
{
    (void)state;
    request(world->fixture,
            "user=ayu show=demo seats=A2,A1 booking_id=" KEY("1") " payment=link traceparent=00-ab-cd-01");
    request(world->fixture, "user=budi show=demo seats=A2,A3 booking_id=" KEY("2"));
    request(world->fixture, "user=budi show=demo seats=B1 waitlist=no booking_id=" KEY("3"));
    request(world->fixture, "user=cici show=standing quantity=2 booking_id=" KEY("4"));
    request(world->fixture, "user=cici show=asked seat=P booking_id=" KEY("5"));
    run(world->fixture);
    check_rows(BOOKINGS, "00000001|HELD|350|A1,A2|1,2 00000002|WAITLISTED|0|A2,A3| 00000003|REJECTED|0|B1| "
                         "00000004|HELD|100|001,002|7,8 00000005|RESERVED|70|P|9");
    check_rows(SEATS, "A1|ON_GOING|00000001 A2|ON_GOING|00000001 A3|OPEN|- A4|OPEN|- B1|BOOKED|00000009");
    check_rows("SELECT show_id, entry_ms, entry_seq, left(booking_id::text, 8) FROM ticketing.waitlist",
               "demo|100|2|00000002");
    check_rows("SELECT name, is_guest FROM ticketing.users ORDER BY name", "ayu|f budi|t cici|t");
    check_rows(
        "SELECT user_name, show_id, quantity, pays_by_link, currency, traceparent, entry_ms, entry_seq, "
        "to_char(hold_expires_at, 'YYYY-MM-DD_HH24:MI:SS'), to_char(requested_at, 'YYYY-MM-DD_HH24:MI:SS.MS'), closed_at, reason "
        "FROM ticketing.bookings WHERE booking_id = '" KEY("1") "'",
        "ayu|demo|2|t|IDR|00-ab-cd-01|100|1|2026-11-21_10:15:00|1970-01-01_00:00:00.100|-|-");
    check_rows("SELECT reason, to_char(closed_at, 'YYYY-MM-DD_HH24:MI:SS'), hold_expires_at FROM ticketing.bookings "
               "WHERE booking_id = '" KEY("3") "'",
               "seat_taken|2026-11-21_10:00:00|-");
    check_rows("SELECT currency FROM ticketing.bookings WHERE booking_id = '" KEY("5") "'", "USD");
    assert_int_equal(fixture_said_count(world->fixture), 4);
    check_said(world->fixture, 0, SEAT_HELD, "seats=A1,A2 amount=350");
    check_said(world->fixture, 3, SEAT_RESERVED, "seats=P amount=70 currency=USD");
}

static void an_entry_that_comes_twice_has_one_effect(void **state)
{
    struct fixture *second;
    char bookings[2048], seats[2048];

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A2,A1");
    request(world->fixture, "user=budi show=demo seats=A2,A3 booking_id=" KEY("2"));
    request(world->fixture, "user=budi show=demo seats=B1 waitlist=no");
    request(world->fixture, "user=cici show=standing quantity=2 at=2026-11-21T09:59:00Z");
    request(world->fixture, "user=cici show=nothing seat=P");
    request(world->fixture, "user=cici show=asked seat=P");
    run(world->fixture);
    strcpy(bookings, database_rows("SELECT * FROM ticketing.bookings ORDER BY booking_id"));
    strcpy(seats, database_rows("SELECT * FROM ticketing.seats ORDER BY seat_id"));
    second = again(world->fixture);
    run(second);
    check_rows("SELECT * FROM ticketing.bookings ORDER BY booking_id", bookings);
    check_rows("SELECT * FROM ticketing.seats ORDER BY seat_id", seats);
    check_rows("SELECT count(*) FROM ticketing.waitlist", "1");
    check_rows("SELECT count(*) FROM ticketing.users", "3");
    for (size_t i = 0; i < second->count; i++)
        check_outcome(second, i, DONE, "held before");
    check_said_the_same(world->fixture, second);
    fixture_free(second);
}

static void a_batch_may_hold_what_came_before_and_what_is_new(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1 booking_id=" KEY("2"));
    run(world->fixture);
    second = again(world->fixture);
    request(second, "user=budi show=demo seats=A1 waitlist=no booking_id=" KEY("1"));
    request(second, "user=budi show=demo seats=A4 booking_id=" KEY("3"));
    run(second);
    check_rows(BOOKINGS, "00000001|REJECTED|0|A1| 00000002|HELD|100|A1|1 00000003|HELD|100|A4|4");
    fixture_free(second);
}

static void a_booking_id_used_for_something_else_changes_nothing(void **state)
{
    struct fixture *second = fixture_new(&hold);

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1 booking_id=" KEY("1"));
    run(world->fixture);
    request(second, "user=ayu show=demo seats=A3 booking_id=" KEY("1"));
    run(second);
    check_outcome(second, 0, REJECT, "booking_id_reused");
    check_rows(BOOKINGS, "00000001|HELD|100|A1|1");
    check_rows("SELECT count(*) FROM ticketing.seats WHERE status = 'ON_GOING'", "1");
    fixture_free(second);
}

/* ---- a seat of one's own ---- */

#define REASONS                                                                                                        \
    "SELECT left(booking_id::text, 8), status, reason, closed_at IS NOT NULL FROM ticketing.bookings ORDER BY booking_id"

/* Whatever has become of the booking since, as long as it lives. */
static void a_seat_of_ones_own_is_neither_booked_again_nor_waited_for(void **state)
{
    static const char *const live[] = {"RESERVED", "HELD", "AWAITING_PAYMENT", "CONFIRMED"};

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1,A2 booking_id=" KEY("1"));
    run(world->fixture);
    for (size_t i = 0; i < COUNT_OF(live); i++) {
        struct fixture *second = fixture_new(&hold);
        char expected[300];

        database_do("UPDATE ticketing.bookings SET status = '%s' WHERE booking_id = '" KEY("1") "'", live[i]);
        database_do("DELETE FROM ticketing.bookings WHERE booking_id > '" KEY("1") "'");
        database_do("DELETE FROM ticketing.waitlist");
        request(second, "user=ayu show=demo seats=A1 booking_id=" KEY("2"));
        request(second, "user=ayu show=demo seats=A2,B1 waitlist=no booking_id=" KEY("3"));
        request(second, "user=budi show=demo seats=A1 booking_id=" KEY("4"));
        request(second, "user=budi show=demo seats=A2,A3 waitlist=no booking_id=" KEY("5"));
        request(second, "user=ayu show=demo quantity=1 booking_id=" KEY("6"));
        second->now_us += 1;
        run(second);
        snprintf(expected, sizeof expected,
                 "00000001|%s|-|f 00000002|REJECTED|already_yours|t 00000003|REJECTED|already_yours|t "
                 "00000004|WAITLISTED|-|f 00000005|REJECTED|seat_taken|t 00000006|HELD|-|f",
                 live[i]);
        check_rows(REASONS, expected);
        check_rows("SELECT left(booking_id::text, 8) FROM ticketing.waitlist", "00000004");
        check_said(second, 0, BOOKING_CLOSED,
                   "event_id=" KEY("2") ":rejected user=ayu seats=A1 status=rejected reason=already_yours");
        database_do("UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE booking_id = '" KEY("6") "'");
        fixture_free(second);
    }
}

static void a_seat_that_was_given_back_is_nobodys_own(void **state)
{
    struct fixture *second = fixture_new(&hold);

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1 booking_id=" KEY("1"));
    run(world->fixture);
    database_do(
        "UPDATE ticketing.bookings SET status = 'FAILED', reason = 'payment_failed', closed_at = now(), seat_ids = '{}'");
    database_do("UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE label = 'A1'");
    fixture_entry(second, BOOKING_REQUESTED, "200-1", "user=ayu show=demo seats=A1 booking_id=" KEY("2"));
    run(second);
    check_rows(BOOKINGS, "00000001|FAILED|100|A1| 00000002|HELD|100|A1|1");
    fixture_free(second);
}

/* Delivered again, both are known and both say the same again; cut in two, the store says what the batch knew. */
static void a_seat_of_ones_own_in_one_batch_and_again(void **state)
{
    struct fixture *second, *third = fixture_new(&hold);

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1 booking_id=" KEY("2"));
    request(world->fixture, "user=ayu show=demo seats=A1 booking_id=" KEY("1"));
    run(world->fixture);
    check_rows(REASONS, "00000001|REJECTED|already_yours|t 00000002|HELD|-|f");
    second = again(world->fixture);
    run(second);
    check_said_the_same(world->fixture, second);
    fixture_entry(third, BOOKING_REQUESTED, "100-2", "user=ayu show=demo seats=A1 booking_id=" KEY("1"));
    database_do("DELETE FROM ticketing.bookings WHERE booking_id = '" KEY("1") "'");
    run(third);
    check_rows(REASONS, "00000001|REJECTED|already_yours|t 00000002|HELD|-|f");
    fixture_free(second);
    fixture_free(third);
}

static void any_seats_go_in_the_order_of_their_positions_until_none_is_left(void **state)
{
    static const char *const expected[] = {"01", "02", "03"};

    (void)state;
    database_do(
        "INSERT INTO ticketing.shows (show_id, title, amount, currency, general) VALUES ('rows', 'Rows', 50, 'IDR', true)");
    database_do(
        "INSERT INTO ticketing.seats (show_id, label, position) VALUES ('rows', '02', 2), ('rows', '03', 3), ('rows', '01', 1)");
    for (size_t i = 0; i <= COUNT_OF(expected); i++) {
        struct fixture *fixture = fixture_new(&hold);

        fixture_entry(fixture, BOOKING_REQUESTED,
                      i == 0   ? "200-1"
                      : i == 1 ? "200-2"
                      : i == 2 ? "200-3"
                               : "200-4",
                      "user=ayu show=rows quantity=1");
        run(fixture);
        if (i < COUNT_OF(expected))
            check_text(fact_value(fixture_said(fixture, 0), "seats"), expected[i]);
        else
            check_outcome(fixture, 0, DONE, "waitlisted");
        fixture_free(fixture);
    }
}

/* The search begins where seats were last found; what was freed before that place is found all the same. */
static void a_seat_freed_behind_the_search_is_found(void **state)
{
    struct fixture *second = fixture_new(&hold), *third = fixture_new(&hold);

    (void)state;
    request(world->fixture, "user=ayu show=standing quantity=2");
    run(world->fixture);
    fixture_entry(second, BOOKING_REQUESTED, "200-1", "user=ayu show=standing quantity=1");
    run(second);
    database_do("UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE label = '001'");
    fixture_entry(third, BOOKING_REQUESTED, "200-2", "user=ayu show=standing quantity=1");
    run(third);
    check_said(third, 0, SEAT_HELD, "seats=001");
    fixture_free(second);
    fixture_free(third);
}

/* ---- somebody was faster ---- */

static void change(void *context)
{
    database_do("%s", (const char *)context);
}

/* The first run meets the change and stores nothing; run again, it is decided on what is true now. */
static void meet(const char *sql, const char *sqlstate, struct fixture *second)
{
    char copy[1024];

    strcpy(copy, sql);
    assert_int_equal(engine_run(world->engine, world->fixture, change, copy), STORE_CONFLICT);
    assert_string_equal(engine_failure(world->engine)->sqlstate, sqlstate);
    check_rows("SELECT count(*) FROM ticketing.bookings WHERE booking_id = '" KEY("1") "' AND user_name = 'budi'", "0");
    check_rows("SELECT count(*) FROM ticketing.users WHERE name = 'budi'",
               "0"); /* the guest came in the same transaction */
    check_rows("SELECT count(*) FROM ticketing.waitlist", "0");
    run(second);
}

static void a_seat_taken_meanwhile_is_not_taken_again(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=demo seats=A1,A3 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet("UPDATE ticketing.seats SET status = 'ON_GOING', booking_id = '" KEY("8") "' WHERE label = 'A3'", "40001",
         second);
    check_outcome(second, 0, DONE, "waitlisted");
    check_rows(SEATS, "A1|OPEN|- A2|OPEN|- A3|ON_GOING|00000008 A4|OPEN|- B1|BOOKED|00000009");
    fixture_free(second);
}

static void a_seat_changed_meanwhile_is_looked_at_again(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=demo seats=A1 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet("UPDATE ticketing.seats SET amount = 999 WHERE label = 'A1'", "40001", second);
    check_said(second, 0, SEAT_HELD, "amount=999");
    check_rows(BOOKINGS, "00000001|HELD|999|A1|1");
    fixture_free(second);
}

static void an_any_seat_taken_meanwhile_is_replaced_by_the_next(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=standing quantity=2 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet("UPDATE ticketing.seats SET status = 'ON_GOING', booking_id = '" KEY("8") "' WHERE label = '001'", "40001",
         second);
    check_said(second, 0, SEAT_HELD, "seats=002,003");
    fixture_free(second);
}

static void a_booking_id_used_meanwhile_for_something_else_is_refused(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=demo seats=A1 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet(
        "INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, requested_at, status, quantity, "
        "user_name, show_id, reason) VALUES ('" KEY(
            "1") "', 1, 90, 1, now(), 'REJECTED', 1, 'ayu', 'demo', 'seat_taken')",
        "23505", second);
    check_outcome(second, 0, REJECT, "booking_id_reused");
    check_rows(SEATS, "A1|OPEN|- A2|OPEN|- A3|OPEN|- A4|OPEN|- B1|BOOKED|00000009");
    fixture_free(second);
}

/* Who waits for a seat relies on its being taken: a seat freed in between would be nobody's. */
static void a_seat_freed_meanwhile_is_not_waited_for(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=demo seats=B1 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet("UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE label = 'B1'", "40001", second);
    check_said(second, 0, SEAT_HELD, "seats=B1");
    fixture_free(second);
}

/* Whoever asks for it is told that there is no such show, and that alone. */
static void ask_while_it_is_removed(const char *fields, const char *removal)
{
    struct fixture *second;
    char asked[200];

    snprintf(asked, sizeof asked, "user=budi booking_id=" KEY("1") " %s", fields);
    request(world->fixture, asked);
    second = again(world->fixture);
    meet(removal, "40001", second);
    check_rows("SELECT status, reason FROM ticketing.bookings", "REJECTED|unknown_show");
    fixture_free(second);
}

/* The catalog takes away what nobody has; hold looks again before somebody waits for it. */
static void a_show_removed_meanwhile_is_not_waited_for(void **state)
{
    (void)state;
    ask_while_it_is_removed("show=standing quantity=4", "DELETE FROM ticketing.shows WHERE show_id = 'standing'");
    check_rows(BOOKINGS, "00000001|REJECTED|0||");
}

/* A show and its seats are looked at one after the other, and it may go in between. */
static void a_show_removed_meanwhile_is_not_one_without_a_seat(void **state)
{
    (void)state;
    ask_while_it_is_removed("show=demo seats=Z9", "DELETE FROM ticketing.shows WHERE show_id = 'demo'");
}

static void a_show_removed_meanwhile_is_not_one_with_too_few_seats(void **state)
{
    (void)state;
    ask_while_it_is_removed("show=standing quantity=4 waitlist=no",
                            "DELETE FROM ticketing.shows WHERE show_id = 'standing'");
}

static void an_open_seat_removed_meanwhile_is_not_waited_for(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=demo seats=A1,B1 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet("DELETE FROM ticketing.seats WHERE label = 'A1'", "40001", second);
    check_rows("SELECT status, reason FROM ticketing.bookings", "REJECTED|unknown_seat");
    fixture_free(second);
}

static void a_seat_removed_meanwhile_is_not_taken(void **state)
{
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=budi show=demo seats=A1 booking_id=" KEY("1"));
    second = again(world->fixture);
    meet("DELETE FROM ticketing.seats WHERE label = 'A1'", "40001", second);
    check_rows("SELECT status, reason FROM ticketing.bookings", "REJECTED|unknown_seat");
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

static void two_workers_never_take_one_seat(void **state)
{
    struct rival rival = {engine_new(&hold, "TICKET"), fixture_new(&hold)};
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1,A2 booking_id=" KEY("1"));
    second = again(world->fixture);
    fixture_entry(rival.fixture, BOOKING_REQUESTED, "100-7", "user=budi show=demo seats=A2,A3 booking_id=" KEY("2"));
    assert_int_equal(engine_run(world->engine, world->fixture, run_rival, &rival), STORE_CONFLICT);
    check_rows(BOOKINGS, "00000002|HELD|350|A2,A3|2,3");
    run(second);
    check_rows(BOOKINGS, "00000001|WAITLISTED|0|A1,A2| 00000002|HELD|350|A2,A3|2,3");
    fixture_free(second);
    fixture_free(rival.fixture);
    engine_free(rival.engine);
}

static void an_entry_that_two_workers_decide_at_once_has_one_effect(void **state)
{
    struct rival rival = {engine_new(&hold, "TICKET"), NULL};
    struct fixture *second;

    (void)state;
    request(world->fixture, "user=ayu show=demo seats=A1 booking_id=" KEY("1"));
    request(world->fixture, "user=budi show=demo seats=A1 waitlist=no booking_id=" KEY("2"));
    rival.fixture = again(world->fixture);
    second = again(world->fixture);
    assert_int_equal(engine_run(world->engine, world->fixture, run_rival, &rival), STORE_CONFLICT);
    assert_string_equal(engine_failure(world->engine)->sqlstate, "23505");
    run(second);
    check_said_the_same(rival.fixture, second);
    check_rows(BOOKINGS, "00000001|HELD|100|A1|1 00000002|REJECTED|0|A1|");
    fixture_free(second);
    fixture_free(rival.fixture);
    engine_free(rival.engine);
}

/* ---- the guards alone ---- */

static struct params *take_params(struct arena *arena, const char *place_of, const char *id_of, int64_t expected)
{
    struct params *params = params_new(arena);
    struct column *places = params_column(params, COLUMN_PLACE), *ids = params_column(params, COLUMN_INT64),
                  *bookings = params_column(params, COLUMN_UUID);
    char sql[200];
    unsigned block, offset;

    snprintf(sql, sizeof sql, "SELECT ctid FROM ticketing.seats WHERE label = '%s'", place_of);
    assert_int_equal(sscanf(database_rows(sql), "(%u,%u)", &block, &offset), 2);
    column_place(places, (uint64_t)block << 16 | offset);
    snprintf(sql, sizeof sql, "SELECT seat_id FROM ticketing.seats WHERE label = '%s'", id_of);
    column_int(ids, strtoll(database_rows(sql), NULL, 10));
    column_uuid(bookings, (struct uuid){{0, 0, 0, 1}});
    params_int64(params, expected);
    return params;
}

static void hold_take_takes_only_the_seat_it_names_where_it_was_seen(void **state)
{
    static const struct {
        const char *place_of, *id_of;
        enum store_result result;
    } cases[] = {
        {"A2", "A1", STORE_CONFLICT}, /* what is in this place now is another seat */
        {"B1", "B1", STORE_CONFLICT}, /* not open */
        {"A1", "A1", STORE_OK},
        {"A1", "A1", STORE_CONFLICT}, /* taken, and moved */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(engine_send(world->engine, "hold_take",
                              take_params(world->fixture->arena, cases[i].place_of, cases[i].id_of, 1)) ==
                      cases[i].result,
                  "case %zu", i);
    check_rows(SEATS, "A1|ON_GOING|00000001 A2|OPEN|- A3|OPEN|- A4|OPEN|- B1|BOOKED|00000009");
}

static void hold_still_taken_refuses_what_is_open(void **state)
{
    struct params *taken = params_new(world->fixture->arena), *open = params_new(world->fixture->arena);
    struct column *ids;

    (void)state;
    ids = params_column(taken, COLUMN_INT64);
    column_int(ids, 5); /* B1 */
    params_int64(taken, 1);
    assert_int_equal(engine_send(world->engine, "hold_still_taken", taken), STORE_OK);
    ids = params_column(open, COLUMN_INT64);
    column_int(ids, 5);
    column_int(ids, 1); /* A1 */
    params_int64(open, 2);
    assert_int_equal(engine_send(world->engine, "hold_still_taken", open), STORE_CONFLICT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

static int end(void **state)
{
    (void)state;
    database_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bookings_and_their_seats_are_stored_together),
        TEST(an_entry_that_comes_twice_has_one_effect),
        TEST(a_batch_may_hold_what_came_before_and_what_is_new),
        TEST(a_booking_id_used_for_something_else_changes_nothing),
        TEST(a_seat_of_ones_own_is_neither_booked_again_nor_waited_for),
        TEST(a_seat_that_was_given_back_is_nobodys_own),
        TEST(a_seat_of_ones_own_in_one_batch_and_again),
        TEST(any_seats_go_in_the_order_of_their_positions_until_none_is_left),
        TEST(a_seat_freed_behind_the_search_is_found),
        TEST(a_seat_taken_meanwhile_is_not_taken_again),
        TEST(a_seat_changed_meanwhile_is_looked_at_again),
        TEST(an_any_seat_taken_meanwhile_is_replaced_by_the_next),
        TEST(a_booking_id_used_meanwhile_for_something_else_is_refused),
        TEST(a_seat_freed_meanwhile_is_not_waited_for),
        TEST(a_show_removed_meanwhile_is_not_waited_for),
        TEST(a_show_removed_meanwhile_is_not_one_without_a_seat),
        TEST(a_show_removed_meanwhile_is_not_one_with_too_few_seats),
        TEST(an_open_seat_removed_meanwhile_is_not_waited_for),
        TEST(a_seat_removed_meanwhile_is_not_taken),
        TEST(two_workers_never_take_one_seat),
        TEST(an_entry_that_two_workers_decide_at_once_has_one_effect),
        TEST(hold_still_taken_refuses_what_is_open),
        TEST(hold_take_takes_only_the_seat_it_names_where_it_was_seen),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
