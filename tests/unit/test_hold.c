/* hold: who gets which seats, and what every request leaves behind. The loads are answered from a small world of shows
 * and seats as the statements in hold_load.sql would answer them. */
#include "tests/unit/step_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/config.h"
#include "ticket-worker/request.h"
#include "ticket-worker/steps.h"

struct show {
    const char *id;
    int64_t amount;
    bool is_general, has_organizer;
    size_t searched_from; /* where hold asked to look for any seats */
};

struct seat { /* its id and place are its place in the world, from 1 */
    const char *show, *label;
    int64_t amount; /* -1: the show's */
    bool is_open;
    const char *owner; /* whose booking has it, if it is not open */
};

struct world {
    struct fixture *fixture;
    struct show shows[8];
    struct seat seats[64];
    const char *users[8];
    const char *known[8]; /* rows of hold_known */
    size_t show_count, seat_count, user_count, known_count;
};

#define KEY(digit)  "0000000" digit "-0000-0000-0000-000000000000"
#define KNOWN_TYPES "uuid int text text text text int text time bool text time"

/* ---- the world's answers ---- */

static void give(struct fixture *fixture, const char *statement, const char *types, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void give(struct fixture *fixture, const char *statement, const char *types, const char *format, ...)
{
    char row[300];
    va_list args;

    va_start(args, format);
    vsnprintf(row, sizeof row, format, args);
    va_end(args);
    fixture_given(fixture, statement, types, row);
}

static const char *price(const struct seat *seat)
{
    static char digits[24];

    snprintf(digits, sizeof digits, "%lld", (long long)seat->amount);
    return seat->amount < 0 ? "-" : digits;
}

static void answer_shows(struct world *world, const struct params *params)
{
    struct text ids[FIXTURE_ENTRIES_MAX];
    const size_t count = fixture_param_texts(params, 1, ids, COUNT_OF(ids));

    for (size_t s = 0; s < world->show_count; s++)
        for (size_t i = 0; i < count; i++)
            if (text_is(ids[i], world->shows[s].id))
                give(world->fixture, "hold_shows", "text int text bool text", "%s %lld IDR %s %s", world->shows[s].id,
                     (long long)world->shows[s].amount, world->shows[s].is_general ? "t" : "f",
                     world->shows[s].has_organizer ? "http://organizer" : "-");
}

static void answer_users(struct world *world, const struct params *params)
{
    struct text names[FIXTURE_ENTRIES_MAX];
    const size_t count = fixture_param_texts(params, 1, names, COUNT_OF(names));

    for (size_t u = 0; u < world->user_count; u++)
        for (size_t i = 0; i < count; i++)
            if (text_is(names[i], world->users[u]))
                give(world->fixture, "hold_users", "text", "%s", world->users[u]);
}

static void answer_seats(struct world *world, const struct params *params)
{
    struct text shows[FIXTURE_ENTRIES_MAX * 4], labels[FIXTURE_ENTRIES_MAX * 4];
    const size_t count = fixture_param_texts(params, 1, shows, COUNT_OF(shows));

    assert_int_equal(fixture_param_texts(params, 2, labels, COUNT_OF(labels)), count);
    for (size_t i = 0; i < count; i++)
        for (size_t s = 0; s < world->seat_count; s++) {
            const struct seat *seat = &world->seats[s];

            if (text_is(shows[i], seat->show) && text_is(labels[i], seat->label))
                give(world->fixture, "hold_seats", "int int place bool int text", "%zu %zu 0/%zu %s %s %s", i + 1,
                     s + 1, s + 1, seat->is_open ? "t" : "f", price(seat), seat->is_open ? "-" : seat->owner);
        }
}

/* From the position asked for on, then from the beginning; a seat's position is its id. */
static void answer_any(struct world *world, const struct params *params)
{
    struct text shows[FIXTURE_ENTRIES_MAX];
    const size_t count = fixture_param_texts(params, 1, shows, COUNT_OF(shows));

    for (size_t i = 0; i < count; i++) {
        const size_t from = (size_t)fixture_param_int(params, 3, i);
        int64_t left = fixture_param_int(params, 2, i);

        for (size_t s = 0; s < world->show_count; s++)
            if (text_is(shows[i], world->shows[s].id))
                world->shows[s].searched_from = from;
        for (size_t n = 0; n < 2 * world->seat_count && left > 0; n++) {
            const size_t s = n % world->seat_count;
            const struct seat *seat = &world->seats[s];

            if (!text_is(shows[i], seat->show) || !seat->is_open || (s + 1 >= from) != (n < world->seat_count))
                continue;
            give(world->fixture, "hold_any", "int int place text int int", "%zu %zu 0/%zu %s %s %zu", i + 1, s + 1,
                 s + 1, seat->label, price(seat), s + 1);
            left--;
        }
    }
}

static void answer(struct fixture *fixture, const char *statement, const struct params *params)
{
    struct world *world = fixture->context;

    if (strcmp(statement, "hold_shows") == 0)
        answer_shows(world, params);
    else if (strcmp(statement, "hold_users") == 0)
        answer_users(world, params);
    else if (strcmp(statement, "hold_seats") == 0)
        answer_seats(world, params);
    else if (strcmp(statement, "hold_any") == 0)
        answer_any(world, params);
    else
        for (size_t i = 0; i < world->known_count; i++)
            fixture_given(fixture, "hold_known", KNOWN_TYPES, world->known[i]);
}

static void add_show(struct world *world, struct show show)
{
    world->shows[world->show_count++] = show;
}

static void add_seats(struct world *world, const char *show, const char *labels, bool is_open)
{
    struct text rest = text_of(labels), label;

    while (text_next(&rest, ' ', &label))
        world->seats[world->seat_count++] =
            (struct seat){show, text_terminated(world->fixture->arena, label), -1, is_open, "mia"};
}

/* demo: numbered, 100 a seat, A1 to A4 open, B1 and B2 taken by mia. standing: general admission, 50 each, four left.
 * asked: an organizer must be asked. */
static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    setenv("UNKNOWN_USERS", "create", 1);
    setenv("HOLD_TTL_S", "900", 1);
    config_load();
    world->fixture = fixture_new(&hold);
    world->fixture->answer = answer;
    world->fixture->context = world;
    add_show(world, (struct show){"demo", 100, false, false, 0});
    add_show(world, (struct show){"standing", 50, true, false, 0});
    add_show(world, (struct show){"asked", 70, false, true, 0});
    add_seats(world, "demo", "A1 A2 A3 A4", true);
    add_seats(world, "demo", "B1 B2", false);
    add_seats(world, "standing", "001 002 003 004", true);
    add_seats(world, "asked", "P Q", true);
    world->users[world->user_count++] = "ayu";
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;

    fixture_free(world->fixture);
    free(world);
    return 0;
}

/* A request by an entry of its own; entries come in the order of the calls. */
static void request(struct world *world, const char *fields)
{
    char id[24];

    snprintf(id, sizeof id, "100-%zu", world->fixture->count + 1);
    fixture_entry(world->fixture, BOOKING_REQUESTED, id, fields);
}

/* The row that an earlier delivery of the batch's first entry left; the fingerprint is that of `fields`. */
static void know(struct world *world, const char *fields, const char *row_behind_the_fingerprint)
{
    struct fixture *other = fixture_new(&hold);
    const struct entry *entry = fixture_entry(other, BOOKING_REQUESTED, "100-1", fields);

    world->known[world->known_count++] =
        text_format(world->fixture->arena, KEY("1") " %lld %s",
                    (long long)((const struct request *)entry->detail)->fingerprint, row_behind_the_fingerprint)
            .ptr;
    fixture_free(other);
}

/* ---- who gets what ---- */

static void requests_are_decided_one_after_the_other_and_get_all_or_nothing(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seats=A1,A2 booking_id=" KEY("4"));
    request(world, "user=budi show=demo seats=A2,A3 booking_id=" KEY("3"));
    request(world, "user=citra show=demo seats=A3 booking_id=" KEY("2"));
    request(world, "user=ayu show=demo seats=A3,A4 booking_id=" KEY("1"));
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "seat held");
    check_outcome(world->fixture, 1, DONE, "waitlisted");
    check_outcome(world->fixture, 2, DONE, "seat held");
    check_outcome(world->fixture, 3, DONE, "waitlisted");
    assert_int_equal(fixture_said_count(world->fixture), 2);
    check_said(world->fixture, 0, SEAT_HELD, "event_id=" KEY("4") ":held seats=A1,A2 amount=200");
    check_said(world->fixture, 1, SEAT_HELD, "event_id=" KEY("2") ":held seats=A3 amount=100");
    /* Rows go to the store by key. */
    check_stored(world->fixture, "hold_bookings", 1, KEY("1") " " KEY("2") " " KEY("3") " " KEY("4"));
    check_stored(world->fixture, "hold_bookings", 9, "WAITLISTED HELD WAITLISTED HELD");
    check_stored(world->fixture, "hold_take", 2, "1 2 3");
    check_stored(world->fixture, "hold_take", 3, KEY("4") " " KEY("4") " " KEY("2"));
    check_stored(world->fixture, "hold_take", 4, "3");
}

static void of_two_that_want_one_seat_the_earlier_entry_wins(void **state)
{
    struct world *world = *state;

    request(world, "user=zul show=demo seat=A1 booking_id=" KEY("9"));
    request(world, "user=ayu show=demo seat=A1 booking_id=" KEY("1"));
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "seat held");
    check_outcome(world->fixture, 1, DONE, "waitlisted");
    check_stored(world->fixture, "hold_take", 3, KEY("9"));
    check_stored(world->fixture, "hold_wait", 4, KEY("1"));
    check_stored(world->fixture, "hold_wait", 1, "demo");
    check_stored(world->fixture, "hold_wait", 2, "100");
    check_stored(world->fixture, "hold_wait", 3, "2");
}

static void any_seats_are_the_first_that_nobody_named_before(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seats=A2");
    request(world, "user=ayu show=demo quantity=2");
    request(world, "user=budi show=demo seats=A3");
    request(world, "user=ayu show=demo seats=A4");
    fixture_decide(world->fixture);
    assert_int_equal(fixture_said_count(world->fixture), 3);
    check_said(world->fixture, 0, SEAT_HELD, "seats=A2");
    check_said(world->fixture, 1, SEAT_HELD, "seats=A1,A3 amount=200");
    check_outcome(world->fixture, 2, DONE, "waitlisted"); /* A3 went to whoever did not care */
    check_said(world->fixture, 2, SEAT_HELD, "seats=A4");
    check_stored(world->fixture, "hold_take", 4, "4");
}

static void too_few_seats_are_none_and_stay_for_the_next(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=standing quantity=3");
    request(world, "user=ayu show=standing quantity=2");
    request(world, "user=ayu show=standing quantity=1");
    request(world, "user=ayu show=standing quantity=1");
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "seat held");
    check_outcome(world->fixture, 1, DONE, "waitlisted");
    check_outcome(world->fixture, 2, DONE, "seat held");
    check_outcome(world->fixture, 3, DONE, "waitlisted");
    check_said(world->fixture, 0, SEAT_HELD, "seats=001,002,003 amount=150");
    check_said(world->fixture, 1, SEAT_HELD, "seats=004");
}

/* So that a show of 100,000 seats is not searched from its first one each time. */
static void whoever_wants_any_seat_looks_where_some_were_last_found(void **state)
{
    static const int64_t expected[] = {0, 15, 15, 13};
    static const char *const open[] = {"fftt", "fftt", "tfff", "tfff"}; /* seats 13 to 16 */

    for (size_t batch = 0; batch < COUNT_OF(expected); batch++) {
        struct world *world;

        close_world(state);
        open_world(state);
        world = *state;
        add_show(world, (struct show){"searched", 10, true, false, 0});
        add_seats(world, "searched", "a b c d", true);
        for (size_t s = 0; s < 4; s++)
            world->seats[world->seat_count - 4 + s].is_open = open[batch][s] == 't';
        request(world, "user=ayu show=searched quantity=1");
        fixture_decide(world->fixture);
        assert_int_equal(world->shows[3].searched_from, expected[batch]);
        check_said(world->fixture, 0, SEAT_HELD, batch < 2 ? "seats=c" : "seats=a");
    }
}

static void a_seat_taken_before_is_waited_for(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seats=A1,B1");
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "waitlisted");
    check_stored(world->fixture, "hold_take", 1, "-");
    check_stored(world->fixture, "hold_bookings", 9, "WAITLISTED");
    check_stored(world->fixture, "hold_bookings", 15, "A1,B1"); /* what was asked for */
    check_stored(world->fixture, "hold_bookings", 16, "''");
    check_stored(world->fixture, "hold_bookings", 5, "0");
    check_stored(world->fixture, "hold_bookings", 8, "-");    /* not closed */
    check_stored(world->fixture, "hold_still_taken", 1, "5"); /* B1; A1 is open and nobody relies on it */
    check_stored(world->fixture, "hold_still_taken", 2, "1");
    assert_int_equal(fixture_said_count(world->fixture), 0);
}

static void a_seat_that_the_batch_itself_takes_needs_no_second_guard(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seats=A1");
    request(world, "user=budi show=demo seats=A1,B2");
    request(world, "user=citra show=demo seats=A1");
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_still_taken", 1, "6");
    check_stored(world->fixture, "hold_take", 2, "1");
}

static void who_does_not_wait_is_rejected(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seat=B1 waitlist=no booking_id=" KEY("1"));
    request(world, "user=ayu show=standing quantity=5 waitlist=no booking_id=" KEY("2"));
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "rejected");
    check_outcome(world->fixture, 1, DONE, "rejected");
    check_said(world->fixture, 0, BOOKING_CLOSED,
               "event_id=" KEY("1") ":rejected user=ayu show=demo seats=B1 status=rejected reason=seat_taken "
                                    "requested_at=1970-01-01T00:00:00.100Z");
    check_said(world->fixture, 1, BOOKING_CLOSED, "status=rejected reason=not_enough_seats seats=''");
    check_stored(world->fixture, "hold_bookings", 9, "REJECTED REJECTED");
    check_stored(world->fixture, "hold_bookings", 17, "seat_taken not_enough_seats");
    check_stored(world->fixture, "hold_bookings", 8, "2026-11-21T10:00:00.000Z 2026-11-21T10:00:00.000Z");
    check_stored(world->fixture, "hold_wait", 1, "-");
    check_stored(world->fixture, "hold_still_taken", 1, "-");
}

/* ---- a seat of one's own ---- */

static void who_has_a_seat_neither_books_it_again_nor_waits_for_it(void **state)
{
    struct world *world = *state;

    request(world, "user=mia show=demo seat=B1 booking_id=" KEY("1"));
    request(world, "user=mia show=demo seat=B1 waitlist=no booking_id=" KEY("2"));
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "rejected");
    check_outcome(world->fixture, 1, DONE, "rejected");
    check_said(world->fixture, 0, BOOKING_CLOSED,
               "event_id=" KEY("1") ":rejected user=mia show=demo seats=B1 status=rejected reason=already_yours "
                                    "requested_at=1970-01-01T00:00:00.100Z");
    check_said(world->fixture, 1, BOOKING_CLOSED, "reason=already_yours");
    check_stored(world->fixture, "hold_bookings", 9, "REJECTED REJECTED");
    check_stored(world->fixture, "hold_bookings", 17, "already_yours already_yours");
    check_stored(world->fixture, "hold_bookings", 8, "2026-11-21T10:00:00.000Z 2026-11-21T10:00:00.000Z");
    check_stored(world->fixture, "hold_wait", 1, "-");
    check_stored(world->fixture, "hold_still_taken", 1, "-");
    check_stored(world->fixture, "hold_still_there", 1, "-");
}

static void a_seat_taken_earlier_in_the_batch_is_known_to_be_ones_own(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seats=A1,A2 booking_id=" KEY("1"));
    request(world, "user=ayu show=demo seats=A2,A3 booking_id=" KEY("2"));
    request(world, "user=budi show=demo seats=A2 booking_id=" KEY("3"));
    request(world, "user=budi show=demo seats=A3 booking_id=" KEY("4")); /* nobody got it in between */
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_bookings", 9, "HELD REJECTED WAITLISTED HELD");
    check_stored(world->fixture, "hold_bookings", 17, "- already_yours - -");
    check_stored(world->fixture, "hold_take", 2, "1 2 3");
    check_stored(world->fixture, "hold_wait", 4, KEY("3"));
}

static void a_seat_that_one_got_by_asking_for_any_is_ones_own(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo quantity=1 booking_id=" KEY("1"));
    request(world, "user=ayu show=demo seat=A1 booking_id=" KEY("2"));
    fixture_decide(world->fixture);
    check_said(world->fixture, 0, SEAT_HELD, "seats=A1");
    check_stored(world->fixture, "hold_bookings", 9, "HELD REJECTED");
    check_stored(world->fixture, "hold_bookings", 17, "- already_yours");
}

static void a_seat_of_ones_own_counts_more_than_those_of_others(void **state)
{
    struct world *world = *state;

    world->seats[5].owner = "ayu"; /* B2; B1 is mia's */
    request(world, "user=ayu show=demo seats=A1,B1,B2 booking_id=" KEY("1"));
    request(world, "user=mia show=demo seats=A1,B1,B2 waitlist=no booking_id=" KEY("2"));
    request(world, "user=budi show=demo seats=B1,B2 booking_id=" KEY("3"));
    request(world, "user=ayu show=demo seats=B1 waitlist=no booking_id=" KEY("4"));
    request(world, "user=ayu show=demo seats=B2,Z9 booking_id=" KEY("5")); /* it cannot be had by anybody */
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_bookings", 9, "REJECTED REJECTED WAITLISTED REJECTED REJECTED");
    check_stored(world->fixture, "hold_bookings", 17, "already_yours already_yours - seat_taken unknown_seat");
    check_stored(world->fixture, "hold_take", 1, "-");
    check_stored(world->fixture, "hold_still_taken", 1, "5 6");
}

static void who_has_seats_may_ask_for_any_more(void **state)
{
    struct world *world = *state;

    request(world, "user=mia show=demo quantity=2");
    request(world, "user=mia show=demo quantity=5");
    request(world, "user=mia show=demo seats=A4");
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "seat held");
    check_outcome(world->fixture, 1, DONE, "waitlisted");
    check_outcome(world->fixture, 2, DONE, "seat held");
}

static void what_does_not_exist_is_rejected_with_its_reason(void **state)
{
    static const struct {
        const char *fields, *reason;
    } cases[] = {
        {"user=ayu show=nothing seat=A1", "unknown_show"},
        {"user=ayu show=nothing quantity=1", "unknown_show"},
        {"user=ayu show=demo seat=Z9", "unknown_seat"},
        {"user=ayu show=demo seats=A1,Z9", "unknown_seat"},
        {"user=ayu show=demo seats=B1,Z9", "unknown_seat"},
        {"user=ayu show=standing seat=001", "seats_are_not_numbered"},
        {"user=ayu show=demo seat=001", "unknown_seat"}, /* another show's */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *world;

        close_world(state);
        open_world(state);
        world = *state;
        request(world, cases[i].fields);
        request(world, "user=ayu show=demo seat=A1");
        fixture_decide(world->fixture);
        check_outcome(world->fixture, 0, DONE, "rejected");
        check_text_row(fact_value(fixture_said(world->fixture, 0), "reason"), cases[i].reason, cases[i].fields);
        check_outcome(world->fixture, 1, DONE, "seat held"); /* nothing was taken from it */
        check_stored(world->fixture, "hold_wait", 1, "-");
    }
}

static void an_unknown_user_becomes_a_guest_once(void **state)
{
    struct world *world = *state;

    request(world, "user=zul show=demo seat=A1");
    request(world, "user=ayu show=demo seat=A2");
    request(world, "user=budi show=demo seat=A3");
    request(world, "user=zul show=demo seat=A4");
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_guests", 1, "budi zul");
    assert_int_equal(fixture_said_count(world->fixture), 4);
}

static void nobody_new_means_no_guests(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=demo seat=A1");
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_guests", 1, "-");
}

/* Refused when guests were not let in, or removed since: who only asks again is no reason to let somebody in. */
static void who_only_asks_again_does_not_become_a_guest(void **state)
{
    struct world *world = *state;

    know(world, "user=zul show=demo seat=A1 booking_id=" KEY("1"),
         "REJECTED zul demo A1 0 IDR - f unknown_user 2026-11-21T08:45:00Z");
    request(world, "user=zul show=demo seat=A1 booking_id=" KEY("1"));
    request(world, "user=budi show=demo seat=A2 booking_id=" KEY("2"));
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_guests", 1, "budi");
}

static void an_unknown_user_is_rejected_if_so_configured(void **state)
{
    struct world *world = *state;

    setenv("UNKNOWN_USERS", "reject", 1);
    config_load();
    request(world, "user=zul show=demo seat=A1");
    request(world, "user=ayu show=demo seat=A1");
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "rejected");
    check_said(world->fixture, 0, BOOKING_CLOSED, "reason=unknown_user");
    check_outcome(world->fixture, 1, DONE, "seat held");
    check_stored(world->fixture, "hold_guests", 1, "-");
}

static void a_rejected_user_costs_nobody_any_seat(void **state)
{
    struct world *world = *state;

    setenv("UNKNOWN_USERS", "reject", 1);
    config_load();
    request(world, "user=zul show=standing quantity=4");
    request(world, "user=ayu show=standing quantity=4");
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "rejected");
    check_outcome(world->fixture, 1, DONE, "seat held");
    check_said(world->fixture, 1, SEAT_HELD, "seats=001,002,003,004");
}

static void a_show_with_an_organizer_is_reserved_first(void **state)
{
    struct world *world = *state;

    request(world, "user=ayu show=asked seats=Q,P payment=link booking_id=" KEY("1"));
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, DONE, "seat held");
    check_said(world->fixture, 0, SEAT_RESERVED,
               "event_id=" KEY("1") ":reserved user=ayu show=asked seats=P,Q amount=140 currency=IDR payment=link "
                                    "hold_expires_at=2026-11-21T10:15:00.000Z");
    check_stored(world->fixture, "hold_bookings", 9, "RESERVED");
    check_stored(world->fixture, "hold_take", 2, "11 12");
}

static void a_seat_may_have_a_price_of_its_own(void **state)
{
    struct world *world = *state;

    world->seats[1].amount = 250; /* A2 */
    world->seats[2].amount = 0;   /* A3 is free, which is not the same as having no price */
    world->seats[6].amount = 75;  /* 001 */
    request(world, "user=ayu show=demo seats=A1,A2,A3");
    request(world, "user=ayu show=standing quantity=2");
    fixture_decide(world->fixture);
    check_said(world->fixture, 0, SEAT_HELD, "amount=350");
    check_said(world->fixture, 1, SEAT_HELD, "amount=125");
}

static void a_held_booking_is_stored_as_it_is_said(void **state)
{
    struct world *world = *state;
    struct fixture *fixture = world->fixture;
    const struct entry *entry;

    entry = fixture_entry(fixture, BOOKING_REQUESTED, "1795224125123-7",
                          "user=ayu show=demo seats=A2,A1 payment=link at=2026-11-21T01:22:05Z booking_id=" KEY(
                              "1") " traceparent=00-ab-cd-01");
    fixture_decide(fixture);
    check_said(
        fixture, 0, SEAT_HELD,
        "event_id=" KEY("1") ":held booking_id=" KEY(
            "1") " source=hold traceparent=00-ab-cd-01 user=ayu "
                 "show=demo seats=A1,A2 amount=200 currency=IDR hold_expires_at=2026-11-21T10:15:00.000Z payment=link");
    check_stored(fixture, "hold_bookings", 1, KEY("1"));
    assert_int_equal(strtoll(fixture_stored(fixture, "hold_bookings", 2), NULL, 10),
                     ((const struct request *)entry->detail)->fingerprint);
    check_stored(fixture, "hold_bookings", 3, "1795224125123");
    check_stored(fixture, "hold_bookings", 4, "7");
    check_stored(fixture, "hold_bookings", 5, "200");
    check_stored(fixture, "hold_bookings", 6, "2026-11-21T10:15:00.000Z");
    check_stored(fixture, "hold_bookings", 7, "2026-11-21T01:22:05.000Z");
    check_stored(fixture, "hold_bookings", 8, "-");
    check_stored(fixture, "hold_bookings", 9, "HELD");
    check_stored(fixture, "hold_bookings", 10, "2");
    check_stored(fixture, "hold_bookings", 11, "t");
    check_stored(fixture, "hold_bookings", 12, "ayu");
    check_stored(fixture, "hold_bookings", 13, "demo");
    check_stored(fixture, "hold_bookings", 14, "IDR");
    check_stored(fixture, "hold_bookings", 15, "A1,A2");
    check_stored(fixture, "hold_bookings", 16, "1,2");
    check_stored(fixture, "hold_bookings", 17, "-");
    check_stored(fixture, "hold_bookings", 18, "00-ab-cd-01");
    check_stored(fixture, "hold_take", 1, "0/1 0/2");
}

/* ---- again ---- */

#define A1_BY_AYU "user=ayu show=demo seat=A1 booking_id=" KEY("1")

static void a_request_that_comes_again_says_the_same_and_stores_nothing(void **state)
{
    static const struct {
        const char *row;
        enum stream stream; /* STREAM_COUNT: nothing is said */
        const char *said;
    } cases[] = {
        {"HELD ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z", SEAT_HELD,
         "event_id=" KEY("1") ":held user=ayu show=demo seats=A1 amount=100 currency=IDR payment=auto "
                              "hold_expires_at=2026-11-21T09:00:00.000Z"},
        {"HELD ayu demo A1 100 IDR 2026-11-21T09:00:00Z t - 2026-11-21T08:45:00Z", SEAT_HELD, "payment=link"},
        {"RESERVED ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z", SEAT_RESERVED,
         "event_id=" KEY("1") ":reserved seats=A1"},
        {"REJECTED ayu demo A1 0 IDR - f seat_taken 2026-11-21T08:45:00Z", BOOKING_CLOSED,
         "event_id=" KEY("1") ":rejected status=rejected reason=seat_taken requested_at=2026-11-21T08:45:00.000Z"},
        {"REJECTED ayu demo A1 0 IDR - f already_yours 2026-11-21T08:45:00Z", BOOKING_CLOSED,
         "event_id=" KEY("1") ":rejected status=rejected reason=already_yours requested_at=2026-11-21T08:45:00.000Z"},
        {"WAITLISTED ayu demo A1 0 IDR - f - 2026-11-21T08:45:00Z", STREAM_COUNT, ""},
        {"AWAITING_PAYMENT ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z", STREAM_COUNT, ""},
        {"CONFIRMED ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z", STREAM_COUNT, ""},
        {"FAILED ayu demo A1 100 IDR 2026-11-21T09:00:00Z f payment_failed 2026-11-21T08:45:00Z", STREAM_COUNT, ""},
        {"EXPIRED ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z", STREAM_COUNT, ""},
        {"CANCELLED ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z", STREAM_COUNT, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *world;

        close_world(state);
        open_world(state);
        world = *state;
        know(world, A1_BY_AYU, cases[i].row);
        request(world, A1_BY_AYU);
        request(world,
                "user=budi show=demo seat=A1 booking_id=" KEY("2")); /* A1 is open in the world: it may go to him */
        fixture_decide(world->fixture);
        check_outcome(world->fixture, 0, DONE, "held before");
        check_stored(world->fixture, "hold_bookings", 1, KEY("2"));
        check_stored(world->fixture, "hold_take", 3, KEY("2"));
        if (cases[i].stream == STREAM_COUNT) {
            check_row(fixture_said_count(world->fixture) == 1, "%s", cases[i].row);
        } else {
            check_row(fixture_said_count(world->fixture) == 2, "%s", cases[i].row);
            check_said(world->fixture, 0, cases[i].stream, cases[i].said);
        }
    }
}

static void a_batch_of_nothing_new_stores_nothing(void **state)
{
    struct world *world = *state;

    know(world, A1_BY_AYU, "HELD ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z");
    request(world, A1_BY_AYU);
    fixture_decide(world->fixture);
    check_stored(world->fixture, "hold_bookings", 1, "-");
    check_stored(world->fixture, "hold_take", 1, "-");
    check_stored(world->fixture, "hold_wait", 1, "-");
    check_stored(world->fixture, "hold_still_taken", 1, "-");
}

static void a_booking_id_with_other_content_is_refused(void **state)
{
    struct world *world = *state;

    know(world, A1_BY_AYU, "HELD ayu demo A1 100 IDR 2026-11-21T09:00:00Z f - 2026-11-21T08:45:00Z");
    request(world, "user=ayu show=demo seat=A2 booking_id=" KEY("1"));
    fixture_decide(world->fixture);
    check_outcome(world->fixture, 0, REJECT, "booking_id_reused");
    check_text(world->fixture->batch->outcomes[0].detail,
               "booking " KEY("1") " was requested before with other content: user ayu, show demo, seats A1");
    assert_int_equal(fixture_said_count(world->fixture), 0);
    check_stored(world->fixture, "hold_bookings", 1, "-");
    check_stored(world->fixture, "hold_take", 1, "-");
}

/* ---- any batch against the simplest possible rules ---- */

struct model_booking {
    const char *status, *reason;
    int64_t amount;
    char seats[64];
};

static bool is_free_user(const struct world *world, const char *name)
{
    if (strcmp(config()->unknown_users, "create") == 0)
        return true;
    for (size_t u = 0; u < world->user_count; u++)
        if (strcmp(world->users[u], name) == 0)
            return true;
    return false;
}

/* Decides one request as one person with a list of seats would. */
static struct model_booking model_decide(struct world *world, const struct entry *entry)
{
    const struct request *asked = entry->detail;
    const char *show_id = text_terminated(world->fixture->arena, entry->values[REQUEST_SHOW].text);
    const char *user = text_terminated(world->fixture->arena, entry->values[REQUEST_USER].text);
    struct model_booking booking = {"REJECTED", NULL, 0, ""};
    const struct show *show = NULL;
    struct seat *chosen[10];
    size_t count = 0;
    bool is_own = false;

    for (size_t s = 0; s < world->show_count; s++)
        if (strcmp(world->shows[s].id, show_id) == 0)
            show = &world->shows[s];
    if (!show) {
        booking.reason = "unknown_show";
        return booking;
    }
    if (!is_free_user(world, user)) {
        booking.reason = "unknown_user";
        return booking;
    }
    if (show->is_general && asked->label_count) {
        booking.reason = "seats_are_not_numbered";
        return booking;
    }
    for (size_t l = 0; l < asked->label_count; l++) {
        bool exists = false;

        for (size_t s = 0; s < world->seat_count; s++)
            if (strcmp(world->seats[s].show, show_id) == 0 && text_is(asked->labels[l], world->seats[s].label)) {
                exists = true;
                if (world->seats[s].is_open)
                    chosen[count++] = &world->seats[s];
                else
                    is_own = is_own || strcmp(world->seats[s].owner, user) == 0;
            }
        if (!exists) {
            booking.reason = "unknown_seat";
            return booking;
        }
    }
    if (is_own) {
        booking.reason = "already_yours";
        return booking;
    }
    for (size_t n = 0; asked->label_count == 0 && n < 2 * world->seat_count && count < (size_t)asked->quantity; n++) {
        const size_t s = n % world->seat_count;

        if (strcmp(world->seats[s].show, show_id) == 0 && world->seats[s].is_open &&
            (s + 1 >= show->searched_from) == (n < world->seat_count))
            chosen[count++] = &world->seats[s];
    }
    if (count < (size_t)asked->quantity) {
        booking.status = asked->waits ? "WAITLISTED" : "REJECTED";
        booking.reason = asked->waits ? NULL : asked->label_count ? "seat_taken" : "not_enough_seats";
        return booking;
    }
    booking.status = show->has_organizer ? "RESERVED" : "HELD";
    for (size_t c = 0; c < count; c++) {
        chosen[c]->is_open = false;
        chosen[c]->owner = user;
        booking.amount += chosen[c]->amount < 0 ? show->amount : chosen[c]->amount;
        snprintf(booking.seats + strlen(booking.seats), sizeof booking.seats - strlen(booking.seats), "%s%s",
                 c > 0 ? "," : "", chosen[c]->label);
    }
    return booking;
}

static void random_world(struct world *world, struct random *random)
{
    static const char *const labels[] = {"A", "B", "C", "D", "E", "F"};

    world->show_count = world->seat_count = 0;
    add_show(world, (struct show){"one", 100, false, false, 0});
    add_show(world, (struct show){"two", 70, false, true, 0});
    add_show(world, (struct show){"three", 50, true, false, 0});
    for (size_t s = 0; s < 3; s++)
        for (size_t l = 0; l < COUNT_OF(labels); l++)
            world->seats[world->seat_count++] =
                (struct seat){world->shows[s].id, labels[l], support_random_below(random, 3) ? -1 : 10,
                              support_random_below(random, 4) > 0, support_random_below(random, 2) ? "ayu" : "mia"};
}

static void random_request(struct world *world, struct random *random)
{
    static const char *const shows[] = {"one", "one", "one", "two", "three", "none"};
    static const char *const users[] = {"ayu", "ayu", "zul"};
    char fields[200];
    int len = snprintf(fields, sizeof fields, "user=%s show=%s waitlist=%s ", users[support_random_below(random, 3)],
                       shows[support_random_below(random, 6)], support_random_below(random, 3) ? "yes" : "no");

    if (support_random_below(random, 3) == 0) {
        snprintf(fields + len, sizeof fields - (size_t)len, "quantity=%zu", 1 + support_random_below(random, 3));
    } else {
        const size_t first = support_random_below(random, 7), step = 1 + support_random_below(random, 3);
        const size_t count = 1 + support_random_below(random, 3);

        len += snprintf(fields + len, sizeof fields - (size_t)len, "seats=");
        for (size_t i = 0; i < count && (i == 0 || first + i * step < 7); i++) /* G does not exist */
            len += snprintf(fields + len, sizeof fields - (size_t)len, "%s%c", i > 0 ? "," : "",
                            (char)('A' + first + i * step));
    }
    request(world, fields);
}

/* The nth word of a list. */
static struct text word(const char *list, size_t n)
{
    struct text rest = text_of(list), found = TEXT_NONE;

    for (size_t i = 0; i <= n; i++)
        assert_true(text_next(&rest, ' ', &found));
    return found;
}

static void any_batch_is_decided_as_one_person_with_a_list_would(void **state)
{
    struct random random = support_seed("any_batch_is_decided_as_one_person_with_a_list_would");

    for (int round = 0; round < 1500; round++) {
        struct world *world, model;
        struct fixture *fixture;
        size_t held = 0;

        close_world(state);
        open_world(state);
        world = *state;
        fixture = world->fixture;
        setenv("UNKNOWN_USERS", support_random_below(&random, 2) ? "create" : "reject", 1);
        config_load();
        random_world(world, &random);
        for (size_t i = 1 + support_random_below(&random, 12); i > 0; i--)
            random_request(world, &random);
        fixture_decide(fixture);
        model = *world; /* as it was: deciding changes nothing yet */
        for (size_t i = 0; i < fixture->count; i++) {
            const struct model_booking expected = model_decide(&model, fixture->entries[i]);
            size_t row = 0;

            while (fixture->batch->by_key[row].position != i)
                row++;
            check_text(word(fixture_stored(fixture, "hold_bookings", 9), row), expected.status);
            check_text(word(fixture_stored(fixture, "hold_bookings", 17), row),
                       expected.reason ? expected.reason : "-");
            assert_int_equal(strtoll(word(fixture_stored(fixture, "hold_bookings", 5), row).ptr, NULL, 10),
                             expected.amount);
            if (*expected.seats)
                check_text(word(fixture_stored(fixture, "hold_bookings", 15), row), expected.seats);
        }
        for (size_t s = 0; s < world->seat_count; s++)
            held += world->seats[s].is_open && !model.seats[s].is_open;
        check_text(text_of(fixture_stored(fixture, "hold_take", 4)),
                   held ? text_terminated(fixture->arena, text_of_int64(fixture->arena, (int64_t)held)) : "-");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_decided_one_after_the_other_and_get_all_or_nothing),
        TEST(of_two_that_want_one_seat_the_earlier_entry_wins),
        TEST(any_seats_are_the_first_that_nobody_named_before),
        TEST(too_few_seats_are_none_and_stay_for_the_next),
        TEST(whoever_wants_any_seat_looks_where_some_were_last_found),
        TEST(a_seat_taken_before_is_waited_for),
        TEST(a_seat_that_the_batch_itself_takes_needs_no_second_guard),
        TEST(who_does_not_wait_is_rejected),
        TEST(who_has_a_seat_neither_books_it_again_nor_waits_for_it),
        TEST(a_seat_taken_earlier_in_the_batch_is_known_to_be_ones_own),
        TEST(a_seat_that_one_got_by_asking_for_any_is_ones_own),
        TEST(a_seat_of_ones_own_counts_more_than_those_of_others),
        TEST(who_has_seats_may_ask_for_any_more),
        TEST(what_does_not_exist_is_rejected_with_its_reason),
        TEST(an_unknown_user_becomes_a_guest_once),
        TEST(nobody_new_means_no_guests),
        TEST(who_only_asks_again_does_not_become_a_guest),
        TEST(an_unknown_user_is_rejected_if_so_configured),
        TEST(a_rejected_user_costs_nobody_any_seat),
        TEST(a_show_with_an_organizer_is_reserved_first),
        TEST(a_seat_may_have_a_price_of_its_own),
        TEST(a_held_booking_is_stored_as_it_is_said),
        TEST(a_request_that_comes_again_says_the_same_and_stores_nothing),
        TEST(a_batch_of_nothing_new_stores_nothing),
        TEST(a_booking_id_with_other_content_is_refused),
        TEST(any_batch_is_decided_as_one_person_with_a_list_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
