/* record against a real database: every entry counts once, whatever it is and however often it comes. */
#include "tests/steps/engine.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/familiar.h"
#include "aggregator/record.h"
#include "common/arena.h"

#define EVENT(id, payload) "topic=sale event_id=" id " timestamp=2026-11-21T09:00:00Z source=till payload=" payload
#define COUNTERS                                                                                                       \
    "SELECT topic, sum(unique_processed), sum(duplicate_dropped), sum(conflicts), sum(rejected), sum(redelivered) "    \
    "FROM log.counters GROUP BY topic ORDER BY topic"

static struct engine *engine;

static int start(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    engine = engine_new(&record, "AGGREGATOR");
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
    familiar_forget();
    *state = fixture_new(&record);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

static void run(struct fixture *fixture)
{
    engine_settle(engine, fixture);
}

/* A batch of one entry. */
static void deliver(enum stream stream, const char *id, const char *fields)
{
    struct fixture *fixture = fixture_new(&record);

    fixture_entry(fixture, stream, id, fields);
    run(fixture);
    fixture_free(fixture);
}

static void an_event_is_kept_as_it_came(void **state)
{
    fixture_entry(*state, EVENTS, "1795224125123-7", EVENT("e1", "{\"b\":1,\"a\":[null,1.50]}"));
    fixture_entry(*state, SEAT_HELD, "1795224125123-8",
                  "booking_id=b1 seats=A1,A2 event_id=b1:held source=hold at=2026-11-21T09:30:00Z");
    fixture_entry(*state, BOOKING_REQUESTED, "1795224125124-0", "user=ayu");
    run(*state);
    check_rows(
        "SELECT topic, event_id, source, payload, stream, entry_ms, entry_seq, to_char(at, 'HH24:MI:SS.MS') FROM log.events ORDER BY entry_ms, entry_seq",
        "sale|e1|till|{\"b\":1,\"a\":[null,1.50]}|8|1795224125123|7|09:00:00.000 "
        "seat.held|b1:held|hold|{\"booking_id\":\"b1\",\"seats\":\"A1,A2\"}|2|1795224125123|8|09:30:00.000 "
        "booking.requested|1795224125124-0|redis|{\"user\":\"ayu\"}|0|1795224125124|0|01:22:05.124");
    check_rows(COUNTERS, "booking.requested|1|0|0|0|0 sale|1|0|0|0|0 seat.held|1|0|0|0|0");
    check_rows("SELECT sum(count) FROM log.latencies WHERE name = 'sent_to_processed'", "3");
}

static void the_same_entry_again_is_a_redelivery(void **state)
{
    (void)state;
    for (int times = 0; times < 3; times++)
        deliver(EVENTS, "100-1", EVENT("e1", "{\"a\":1}"));
    check_rows(COUNTERS, "sale|1|0|0|0|2");
    check_rows("SELECT count(*) FROM log.duplicates", "0");
}

static void the_same_event_in_another_entry_is_a_duplicate_once(void **state)
{
    (void)state;
    deliver(EVENTS, "100-1", EVENT("e1", "{\"a\":1}"));
    for (int times = 0; times < 3; times++)
        deliver(EVENTS, "100-2", EVENT("e1", "{\"a\":1}"));
    check_rows(COUNTERS, "sale|1|1|0|0|2");
    check_rows("SELECT entry_ms, entry_seq, is_conflict FROM log.duplicates", "100|2|f");
}

static void the_same_id_with_another_payload_is_a_conflict_and_the_first_stays(void **state)
{
    (void)state;
    deliver(EVENTS, "100-1", EVENT("e1", "{\"a\":1}"));
    deliver(EVENTS, "100-2", EVENT("e1", "{\"a\":2}"));
    check_rows(COUNTERS, "sale|1|1|1|0|0");
    check_rows("SELECT payload FROM log.events", "{\"a\":1}");
}

static void of_two_in_one_batch_the_earlier_is_the_event(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(fixture, EVENTS, "100-1", EVENT("e1", "{\"a\":1}"));
    fixture_entry(fixture, EVENTS, "100-2", EVENT("e1", "{\"a\":2}"));
    fixture_entry(fixture, EVENTS, "100-3", EVENT("e2", "{\"a\":3}"));
    run(fixture);
    check_rows("SELECT event_id, payload FROM log.events ORDER BY event_id", "e1|{\"a\":1} e2|{\"a\":3}");
    check_rows(COUNTERS, "sale|2|1|1|0|0");
    check_outcome(fixture, 1, DONE, "duplicate with another payload");
}

/* A program that was just started does not know what is in the log: it tries, fails, and looks for all of them. */
static void an_event_from_before_a_restart_is_a_duplicate_all_the_same(void **state)
{
    (void)state;
    deliver(EVENTS, "100-1", EVENT("e1", "{\"a\":1}"));
    familiar_forget();
    deliver(EVENTS, "100-1", EVENT("e1", "{\"a\":1}"));
    familiar_forget();
    deliver(EVENTS, "100-2", EVENT("e1", "{\"a\":2}"));
    check_rows(COUNTERS, "sale|1|1|1|0|1");
}

/* What else a predecessor recorded is looked for without trying first. */
static void after_an_event_that_only_looked_new_others_are_looked_for(void **state)
{
    struct fixture *fixture = *state;

    deliver(EVENTS, "100-1", EVENT("e1", "{}"));
    deliver(EVENTS, "100-2", EVENT("e2", "{}"));
    familiar_forget();
    deliver(EVENTS, "100-3", EVENT("e1", "{}"));
    fixture_entry(fixture, EVENTS, "100-4", EVENT("e2", "{}"));
    assert_int_equal(engine_run(engine, fixture, NULL, NULL), STORE_OK);
    check_rows(COUNTERS, "sale|2|2|0|0|0");
}

static void check_that_nothing_is_inserted_yet(void *context)
{
    (void)context;
    check_rows("SELECT count(*) FROM pg_locks WHERE relation = 'log.events'::regclass AND mode = 'RowExclusiveLock'",
               "0");
}

/* All that is new is inserted by one statement, in one order: if what looked familiar and was not went in by itself,
 * two recorders could wait for each other in a circle. */
static void nothing_is_inserted_before_all_that_is_new_is_known(void **state)
{
    struct fixture *fixture = *state;

    familiar_is_new(TEXT("sale"), TEXT("e1"));
    fixture_entry(fixture, EVENTS, "100-1", EVENT("e1", "{}"));
    fixture_entry(fixture, EVENTS, "100-2", EVENT("e2", "{}"));
    assert_int_equal(engine_run(engine, fixture, check_that_nothing_is_inserted_yet, NULL), STORE_OK);
    check_rows(COUNTERS, "sale|2|0|0|0|0");
}

/* New ones, one that is redelivered, one known with the same payload and one with another, one that comes twice in the
 * batch; whether the program has seen the known ones itself or not. */
static void a_batch_of_all_kinds_counts_each_as_what_it_is(void **state)
{
    (void)state;
    for (int is_restarted = 0; is_restarted < 2; is_restarted++) {
        struct fixture *fixture = fixture_new(&record);

        database_clear();
        familiar_forget();
        deliver(EVENTS, "100-1", EVENT("e2", "{\"a\":1}"));
        deliver(EVENTS, "100-2", EVENT("e4", "{\"a\":1}"));
        if (is_restarted)
            familiar_forget();
        fixture_entry(fixture, EVENTS, "100-2", EVENT("e4", "{\"a\":1}"));
        fixture_entry(fixture, EVENTS, "100-3", EVENT("e5", "{\"a\":1}"));
        fixture_entry(fixture, EVENTS, "100-4", EVENT("e2", "{\"a\":1}"));
        fixture_entry(fixture, EVENTS, "100-5", EVENT("e1", "{\"a\":1}"));
        fixture_entry(fixture, EVENTS, "100-6", EVENT("e4", "{\"a\":2}"));
        fixture_entry(fixture, EVENTS, "100-7", EVENT("e5", "{\"a\":1}"));
        fixture_entry(fixture, SEAT_HELD, "100-7", "event_id=e5 booking_id=b1");
        run(fixture);
        check_rows(COUNTERS, "sale|4|3|1|0|1 seat.held|1|0|0|0|0");
        check_rows("SELECT entry_seq, event_id, is_conflict FROM log.duplicates ORDER BY entry_seq",
                   "4|e2|f 6|e4|t 7|e5|f");
        check_rows("SELECT topic, event_id, entry_seq FROM log.events ORDER BY topic, event_id",
                   "sale|e1|5 sale|e2|1 sale|e4|2 sale|e5|3 seat.held|e5|7");
        assert_null(fixture->batch->outcomes[0].what);
        check_outcome(fixture, 2, DONE, "duplicate");
        check_outcome(fixture, 4, DONE, "duplicate with another payload");
        check_outcome(fixture, 5, DONE, "duplicate");
        assert_null(fixture->batch->outcomes[6].what);
        check_text(fixture->batch->outcomes[5].detail, "sale e5");
        fixture_free(fixture);
    }
}

#define EXTRAS "SELECT event_id, extra FROM log.events ORDER BY event_id"

static void what_else_an_event_says_is_kept_beside_its_payload(void **state)
{
    static const struct {
        const char *fields, *row;
    } cases[] = {
        {EVENT("e1", "{}"), "e1|-"},
        {EVENT("e1", "{}") " note=hello", "e1|{\"note\":\"hello\"}"},
        {"note=hello " EVENT("e1", "{}"), "e1|{\"note\":\"hello\"}"},
        {EVENT("e1", "{}") " b=1 a=2 b=3 =4 c=''", "e1|{\"b\":\"1\",\"a\":\"2\",\"b\":\"3\",\"\":\"4\",\"c\":\"\"}"},
        {EVENT("e1", "{}") " q=\"\xC3\xBA\x01", "e1|{\"q\":\"\\\"\xC3\xBA\\u0001\"}"},
        {EVENT("e1", "{}") " traceparent=00-ab-cd-01", "e1|{\"traceparent\":\"00-ab-cd-01\"}"},
        {EVENT("e1", "{}") " at=2026-11-21T10:00:00Z", "e1|{\"at\":\"2026-11-21T10:00:00Z\"}"},
        {EVENT("e1", "{}") " replay_of=7", "e1|-"},
        {EVENT("e1", "{}") " replay_of=7 note=x", "e1|{\"note\":\"x\"}"},
        {EVENT("e1", "{}") " topic=sale payload={} payload=[",
         "e1|{\"topic\":\"sale\",\"payload\":\"{}\",\"payload\":\"[\"}"},
        {EVENT("e1", "{}") " event_id=e2 source=gate", "e2|{\"event_id\":\"e1\",\"source\":\"till\"}"},
        {EVENT("e1", "{}") " event_id=''", "e1|{\"event_id\":\"\"}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        database_clear();
        deliver(EVENTS, "100-1", cases[i].fields);
        check_rows(EXTRAS, cases[i].row);
    }
}

/* The rows are sorted by their events, and have extras here and there. */
static void each_event_of_a_batch_keeps_its_own(void **state)
{
    fixture_entry(*state, EVENTS, "100-1", EVENT("e5", "{}"));
    fixture_entry(*state, EVENTS, "100-2", EVENT("e4", "{}") " n=4");
    fixture_entry(*state, EVENTS, "100-3", EVENT("e3", "{}"));
    fixture_entry(*state, EVENTS, "100-4", EVENT("e2", "{}") " n=2");
    fixture_entry(*state, EVENTS, "100-5", EVENT("e1", "{}"));
    fixture_entry(*state, EVENTS, "100-6", EVENT("e1", "{}") " n=1");
    run(*state);
    check_rows(COUNTERS, "sale|5|1|0|0|0");
    check_rows(EXTRAS, "e1|- e2|{\"n\":\"2\"} e3|- e4|{\"n\":\"4\"} e5|-");
}

/* Who sends an event again may do so under another trace. */
static void an_event_that_says_something_else_beside_it_is_a_duplicate_and_no_conflict(void **state)
{
    (void)state;
    deliver(EVENTS, "100-1", EVENT("e1", "{}") " traceparent=00-ab-01-01");
    deliver(EVENTS, "100-2", EVENT("e1", "{}") " traceparent=00-ab-02-01");
    deliver(EVENTS, "100-3", EVENT("e1", "{}"));
    check_rows(COUNTERS, "sale|1|2|0|0|0");
    check_rows(EXTRAS, "e1|{\"traceparent\":\"00-ab-01-01\"}");
}

static void a_fact_has_all_it_says_in_its_payload_and_nothing_beside_it(void **state)
{
    (void)state;
    deliver(SEAT_HELD, "100-1", "booking_id=b1 note=hello traceparent=00-ab-cd-01");
    check_rows("SELECT payload, extra FROM log.events",
               "{\"booking_id\":\"b1\",\"note\":\"hello\",\"traceparent\":\"00-ab-cd-01\"}|-");
}

static void one_id_on_two_topics_is_two_events(void **state)
{
    (void)state;
    deliver(EVENTS, "100-1", EVENT("e1", "{}"));
    deliver(EVENTS, "100-2", "topic=refund event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={}");
    check_rows(COUNTERS, "refund|1|0|0|0|0 sale|1|0|0|0|0");
}

static void what_cannot_be_stored_is_rejected_once(void **state)
{
    static const char *const wrong[] = {
        "event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={}",
        "topic=seat.held event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={}",
        "topic=sale timestamp=2026-11-21T09:00:00Z source=till payload={}",
        "topic=sale event_id=e1 timestamp=yesterday source=till payload={}",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z payload={}",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload=[]",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={\"a\":1,\"a\":2}",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={\"a\":\"\xFF\"}",
        "topic=sale event_id=e1 at=never timestamp=2026-11-21T09:00:00Z source=till payload={}",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={} note=\xFF",
        "topic=sale event_id=e1 timestamp=2026-11-21T09:00:00Z source=till payload={} n\xFFte=x",
    };
    char id[24], expected[40];

    (void)state;
    for (int times = 0; times < 2; times++)
        for (size_t i = 0; i < COUNT_OF(wrong); i++) {
            struct fixture *fixture = fixture_new(&record);

            snprintf(id, sizeof id, "100-%zu", i);
            fixture_entry(fixture, EVENTS, id, wrong[i]);
            run(fixture);
            check_row(fixture->batch->outcomes[0].kind == REJECT, "%s", wrong[i]);
            fixture_free(fixture);
        }
    snprintf(expected, sizeof expected, "events|0|0|0|%zu|0", COUNT_OF(wrong));
    check_rows(COUNTERS, expected);
    check_rows("SELECT count(*) FROM log.events", "0");
}

static void an_entry_of_the_flow_with_wrong_fields_is_logged_all_the_same(void **state)
{
    (void)state;
    deliver(BOOKING_REQUESTED, "100-1", "user=!! nonsense=yes");
    check_rows("SELECT topic, payload FROM log.events", "booking.requested|{\"user\":\"!!\",\"nonsense\":\"yes\"}");
}

static void a_dead_letter_is_kept_and_not_counted(void **state)
{
    (void)state;
    for (int times = 0; times < 2; times++)
        deliver(DEAD, "100-9",
                "stream=seat.held entry_id=90-1 step=invoice reason=invalid_field detail=amount deliveries=3 "
                "field.booking_id=b1 field.note=\xFF");
    check_rows("SELECT stream, entry_id, step, reason, detail, deliveries, fields FROM log.dead_letters",
               "seat.held|90-1|invoice|invalid_field|amount|3|{\"booking_id\":\"b1\",\"note\":\"\xC3\xBF\"}");
    check_rows(COUNTERS, "");
    check_rows("SELECT count(*) FROM log.events", "0");
}

#define LETTER(fields) "stream=seat.held entry_id=90-1 step=invoice reason=invalid_field " fields

static void a_letter_says_whether_it_is_all_of_the_entry_byte_for_byte(void **state)
{
    static const struct {
        const char *letter, *row;
    } cases[] = {
        {LETTER("field.note=x field.note=y field.=z"), "t|100-0|{\"note\":\"x\",\"note\":\"y\",\"\":\"z\"}"},
        {LETTER("field.note=\xC3\xBA\x01"), "t|100-1|{\"note\":\"\xC3\xBA\\u0001\"}"},
        {LETTER(""), "t|100-2|{}"},
        {LETTER("field.cut=yes"), "t|100-3|{\"cut\":\"yes\"}"},
        {LETTER("cut=yes field.note=x"), "f|100-4|{\"note\":\"x\"}"},
        {LETTER("field.note=\xFF"), "f|100-5|{\"note\":\"\xC3\xBF\"}"},
        {LETTER("field.n\xFFte=x"), "f|100-6|{\"n\xC3\xBFte\":\"x\"}"},
    };
    char id[24];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        database_clear();
        snprintf(id, sizeof id, "100-%zu", i);
        deliver(DEAD, id, cases[i].letter);
        check_rows("SELECT is_exact, dead_entry_id, fields FROM log.dead_letters", cases[i].row);
    }
}

#define REPLAYED                                                                                                       \
    "SELECT dead_letter_id, to_char(replayed_at, 'HH24:MI:SS.MS') FROM log.dead_letters ORDER BY dead_letter_id"

static void two_letters(void)
{
    deliver(DEAD, "1795224125000-0", LETTER("field.booking_id=b1"));
    deliver(DEAD, "1795224125000-1", "stream=events entry_id=90-2 step=record reason=invalid_field field.topic=sale");
    check_rows(REPLAYED, "1|- 2|-");
}

static void a_letter_is_replayed_when_its_replay_is_recorded(void **state)
{
    (void)state;
    two_letters();
    deliver(SEAT_HELD, "1795224125123-0", "booking_id=b1 event_id=90-1 replay_of=1");
    check_rows(REPLAYED, "1|01:22:05.123 2|-");
    check_rows("SELECT event_id, payload FROM log.events", "90-1|{\"booking_id\":\"b1\"}");
}

static void a_replay_may_name_its_letter_by_the_entry_on_dead(void **state)
{
    (void)state;
    two_letters();
    deliver(SEAT_HELD, "1795224125123-0", "booking_id=b1 event_id=90-1 replay_of=1795224125000-0");
    check_rows(REPLAYED, "1|01:22:05.123 2|-");
}

static void a_replay_delivered_again_or_done_again_keeps_the_latest_time(void **state)
{
    static const char *const history[] = {"1795224125123-0", "1795224125123-0", "1795224129000-0", "1795224125123-0"};

    (void)state;
    two_letters();
    for (size_t i = 0; i < COUNT_OF(history); i++)
        deliver(SEAT_HELD, history[i], "booking_id=b1 event_id=90-1 replay_of=1");
    check_rows(REPLAYED, "1|01:22:09.000 2|-");
    check_rows(COUNTERS, "seat.held|1|1|0|0|2");
}

static void a_letter_and_its_replays_in_one_batch_are_noted_together(void **state)
{
    struct fixture *fixture = *state;

    fixture_entry(fixture, SEAT_HELD, "1795224125123-0", "booking_id=b1 event_id=90-1 replay_of=1795224125000-0");
    fixture_entry(fixture, SEAT_HELD, "1795224125124-0", "booking_id=b1 event_id=90-1 replay_of=1");
    fixture_entry(fixture, DEAD, "1795224125000-0", LETTER("field.booking_id=b1"));
    run(fixture);
    check_rows(REPLAYED, "1|01:22:05.124");
}

/* The original was logged, as everything is; what its replay adds to it is no other payload. */
static void a_replay_of_what_is_in_the_log_is_a_duplicate_and_no_conflict(void **state)
{
    (void)state;
    deliver(SEAT_HELD, "90-1", "booking_id=b1");
    two_letters();
    deliver(SEAT_HELD, "1795224125123-0", "booking_id=b1 event_id=90-1 replay_of=1");
    check_rows(COUNTERS, "seat.held|1|1|0|0|0");
}

static void a_replay_that_cannot_be_recorded_was_a_replay_all_the_same(void **state)
{
    (void)state;
    two_letters();
    deliver(EVENTS, "1795224125123-0", "topic=sale replay_of=2 event_id=90-2");
    check_rows(REPLAYED, "1|- 2|01:22:05.123");
    check_rows(COUNTERS, "events|0|0|0|1|0");
}

static void what_names_no_letter_of_its_stream_replays_none(void **state)
{
    static const char *const others[] = {"2",    "1795224125000-1",      "3", "0", "-1", "x",
                                         "90-1", "99999999999999999999", ""};
    char fields[100];

    (void)state;
    two_letters();
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        snprintf(fields, sizeof fields, "booking_id=b1 event_id=e%zu replay_of=%s", i, others[i]);
        deliver(SEAT_HELD, "1795224125123-0", fields);
    }
    check_rows(REPLAYED, "1|- 2|-");
}

static void an_entry_from_beyond_time_is_recorded_too(void **state)
{
    (void)state;
    deliver(SEAT_HELD, "9223372036854775000-0", "booking_id=b1");
    check_rows("SELECT event_id, entry_ms FROM log.events", "9223372036854775000-0|9223372036854775000");
}

static void a_mess_on_dead_is_passed_over(void **state)
{
    (void)state;
    deliver(DEAD, "100-9", "hello=world");
    check_rows("SELECT count(*) FROM log.dead_letters", "0");
}

static void a_closed_booking_says_how_long_it_took(void **state)
{
    (void)state;
    deliver(BOOKING_CLOSED, "1795224125123-0", "booking_id=b1 status=confirmed requested_at=2026-11-21T01:22:04.123Z");
    check_rows("SELECT sum(count) FROM log.latencies WHERE name = 'request_to_closed'", "1");
}

/* Two recorders, every entry delivered once to three times, in any order and company: received = unique + duplicates +
 * rejected holds for each topic. */
static void every_entry_counts_once_in_any_history(void **state)
{
    struct random random = support_seed("every_entry_counts_once_in_any_history");
    struct engine *engines[] = {engine, engine_new(&record, "AGGREGATOR")};
    enum { ENTRIES = 120 };
    int left[ENTRIES], unique_events = 0, rejected = 0, deliveries = 0;
    bool is_seen[40] = {false};
    char expected[100];

    (void)state;
    for (int i = 0; i < ENTRIES; i++) {
        left[i] = 1 + (int)support_random_below(&random, 3);
        deliveries += left[i];
        if (i % 10 == 9)
            rejected++;
        else if (!is_seen[i * 7 % 40]) {
            is_seen[i * 7 % 40] = true;
            unique_events++;
        }
    }
    for (int to_do = deliveries; to_do > 0;) {
        struct fixture *fixture = fixture_new(&record);

        for (int i = 0; i < ENTRIES; i++) {
            char id[24], fields[200];

            if (left[i] == 0 || support_random_below(&random, 4) > 0 || fixture->count == 30)
                continue;
            snprintf(id, sizeof id, "100-%d", i);
            snprintf(fields, sizeof fields, "topic=sale event_id=e%d timestamp=%s source=till payload={\"i\":%d}",
                     i * 7 % 40, i % 10 == 9 ? "never" : "2026-11-21T09:00:00Z", i);
            fixture_entry(fixture, EVENTS, id, fields);
            left[i]--;
            to_do--;
        }
        if (fixture->count)
            engine_settle(engines[support_random_below(&random, 2)], fixture);
        fixture_free(fixture);
    }
    engine_free(engines[1]);
    snprintf(expected, sizeof expected, "%d|%d|%d|%d", unique_events, ENTRIES - unique_events - rejected, rejected,
             unique_events);
    check_rows(
        "SELECT sum(unique_processed), sum(duplicate_dropped), sum(rejected), (SELECT count(*) FROM log.events) FROM log.counters",
        expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_kept_as_it_came),
        TEST(the_same_entry_again_is_a_redelivery),
        TEST(the_same_event_in_another_entry_is_a_duplicate_once),
        TEST(the_same_id_with_another_payload_is_a_conflict_and_the_first_stays),
        TEST(of_two_in_one_batch_the_earlier_is_the_event),
        TEST(an_event_from_before_a_restart_is_a_duplicate_all_the_same),
        TEST(after_an_event_that_only_looked_new_others_are_looked_for),
        TEST(nothing_is_inserted_before_all_that_is_new_is_known),
        TEST(a_batch_of_all_kinds_counts_each_as_what_it_is),
        TEST(what_else_an_event_says_is_kept_beside_its_payload),
        TEST(each_event_of_a_batch_keeps_its_own),
        TEST(an_event_that_says_something_else_beside_it_is_a_duplicate_and_no_conflict),
        TEST(a_fact_has_all_it_says_in_its_payload_and_nothing_beside_it),
        TEST(one_id_on_two_topics_is_two_events),
        TEST(what_cannot_be_stored_is_rejected_once),
        TEST(an_entry_of_the_flow_with_wrong_fields_is_logged_all_the_same),
        TEST(a_dead_letter_is_kept_and_not_counted),
        TEST(a_letter_says_whether_it_is_all_of_the_entry_byte_for_byte),
        TEST(a_letter_is_replayed_when_its_replay_is_recorded),
        TEST(a_replay_may_name_its_letter_by_the_entry_on_dead),
        TEST(a_replay_delivered_again_or_done_again_keeps_the_latest_time),
        TEST(a_letter_and_its_replays_in_one_batch_are_noted_together),
        TEST(a_replay_of_what_is_in_the_log_is_a_duplicate_and_no_conflict),
        TEST(a_replay_that_cannot_be_recorded_was_a_replay_all_the_same),
        TEST(what_names_no_letter_of_its_stream_replays_none),
        TEST(an_entry_from_beyond_time_is_recorded_too),
        TEST(a_mess_on_dead_is_passed_over),
        TEST(a_closed_booking_says_how_long_it_took),
        TEST(every_entry_counts_once_in_any_history),
    };

    return cmocka_run_group_tests(tests, start, end);
}
