/* karcis-load: when it sends, what, how it counts, and what it expects. */
#include "tests/unit/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/chance.h"
#include "bench/load/histogram.h"
#include "bench/load/journal.h"
#include "bench/load/response.h"
#include "bench/load/rest.h"
#include "bench/load/schedule.h"
#include "bench/load/workload.h"
#include "common/arena.h"

/* ---- latency ---- */

static void a_percentile_is_never_too_small_and_at_most_a_sixtieth_too_large(void **state)
{
    static const double shares[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
    struct histogram *histogram = calloc(1, sizeof *histogram);

    (void)state;
    for (int64_t us = 1; us <= 100000; us++)
        histogram_add(histogram, us);
    for (size_t i = 0; i < COUNT_OF(shares); i++) {
        const double exact = shares[i] * 100000, told = (double)histogram_percentile_us(histogram, shares[i]);

        check_row(told >= exact && told <= exact * (1 + 1.0 / 60), "%g: %g", shares[i], told);
    }
    assert_int_equal(histogram->max_us, 100000);
    free(histogram);
}

static void a_percentile_is_what_so_many_did_not_exceed(void **state)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);

    (void)state;
    assert_int_equal(histogram_percentile_us(histogram, 0.99), 0);
    for (int i = 0; i < 99; i++)
        histogram_add(histogram, 10);
    histogram_add(histogram, 5000000000);
    assert_int_equal(histogram_percentile_us(histogram, 0.99), 10);
    assert_int_equal(histogram_percentile_us(histogram, 0.991), 5000000000);
    histogram_add(histogram, -1);
    histogram_add(histogram, INT64_MAX);
    assert_int_equal(histogram_percentile_us(histogram, 0.001), 0);
    assert_true(histogram_percentile_us(histogram, 1) > 5000000000);
    free(histogram);
}

/* ---- the schedule ---- */

static void uniform_arrivals_do_not_drift(void **state)
{
    struct schedule schedule = schedule_begin(3, true, 1, 1000);

    (void)state;
    for (int i = 0; i < 3000000; i++)
        schedule_advance(&schedule);
    assert_int_equal(schedule_next_us(&schedule), 1000 + 1000000000000);
}

/* Exponential gaps: their mean is 1/rate, as is their deviation, and 1 - 1/e of them are shorter than it. */
static void poisson_arrivals_have_the_wanted_rate_and_independent_gaps(void **state)
{
    enum { GAPS = 200000 };
    struct schedule schedule = schedule_begin(1000, false, 7, 0);
    double last = 0, sum = 0, squares = 0;
    int shorter = 0;

    (void)state;
    for (int i = 0; i < GAPS; i++) {
        double gap;

        schedule_advance(&schedule);
        gap = schedule.position_us - last;
        last = schedule.position_us;
        assert_true(gap >= 0);
        sum += gap;
        squares += gap * gap;
        shorter += gap < 1000;
    }
    check_row(fabs(sum / GAPS - 1000) < 10, "mean %g", sum / GAPS);
    check_row(fabs(squares / GAPS / 2000000 - 1) < 0.03, "second moment %g", squares / GAPS);
    check_row(fabs((double)shorter / GAPS - 0.632) < 0.01, "%d are shorter", shorter);
}

static void the_same_seed_gives_the_same_arrivals(void **state)
{
    struct schedule one = schedule_begin(50, false, 3, 0), same = one, other = schedule_begin(50, false, 4, 0);

    (void)state;
    schedule_advance(&one);
    schedule_advance(&same);
    schedule_advance(&other);
    assert_int_equal(schedule_next_us(&one), schedule_next_us(&same));
    assert_int_not_equal(schedule_next_us(&one), schedule_next_us(&other));
}

/* ---- what is wanted ---- */

static void the_nth_seat_is_wanted_as_zipf_says(void **state)
{
    enum { WISHES = 200000 };
    struct crowd *crowd = crowd_new(100, 1);
    int wishes[100] = {0};

    (void)state;
    for (uint64_t i = 0; i < WISHES; i++)
        wishes[crowd_pick(crowd, chance_at(1, i))]++;
    check_row(abs(wishes[0] - WISHES * 1000 / 5187) < WISHES / 100, "the first %d times", wishes[0]);
    check_row(abs(wishes[0] - 10 * wishes[9]) < WISHES / 50, "the tenth %d times", wishes[9]);
    assert_true(wishes[99] > 0);
    crowd_free(crowd);
}

static void without_skew_all_seats_are_wanted_alike(void **state)
{
    struct crowd *crowd = crowd_new(4, 0);
    int wishes[4] = {0};

    (void)state;
    for (uint64_t i = 0; i < 40000; i++)
        wishes[crowd_pick(crowd, chance_at(1, i))]++;
    for (int seat = 0; seat < 4; seat++)
        check_row(abs(wishes[seat] - 10000) < 500, "seat %d %d times", seat, wishes[seat]);
    crowd_free(crowd);
}

/* ---- what is sent ---- */

static struct workload events(uint64_t batch, uint64_t repeats_ppm)
{
    return (struct workload){.batch = batch,
                             .repeats_ppm = repeats_ppm,
                             .seed = 1,
                             .run = TEXT("run"),
                             .topic = TEXT("load"),
                             .begun = TEXT("2026-11-21T09:00:00.000Z"),
                             .users = 10};
}

static void the_share_of_repeats_is_exact_and_each_repeats_an_earlier_one(void **state)
{
    static const uint64_t ppm[] = {0, 1, 200000, 300000, 333333, 990000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ppm); i++) {
        const struct workload workload = events(1, ppm[i]);
        uint64_t originals = 0;

        for (uint64_t item = 0; item < 20000; item++) {
            const uint64_t original = workload_original(&workload, item);

            check_row(original <= originals, "item %llu is %llu, of %llu", (unsigned long long)item,
                      (unsigned long long)original, (unsigned long long)originals);
            originals += original == originals;
        }
        assert_int_equal(originals, 20000 - 20000 * ppm[i] / 1000000);
        assert_int_equal(originals, workload_originals(&workload, 20000));
    }
}

static void what_is_sent_again_is_the_same(void **state)
{
    const struct workload workload = events(3, 300000);
    struct arena *arena = arena_new();
    struct buffer body = buffer_in(arena);
    struct text first, again;

    (void)state;
    workload_write(&workload, 30, 3, &body);
    first = buffer_take(&body);
    workload_write(&workload, 0, 3, &body);
    buffer_take(&body);
    workload_write(&workload, 30, 3, &body);
    again = buffer_take(&body);
    assert_true(text_equal(first, again));
    arena_free(arena);
}

static void a_body_is_one_event_or_an_array(void **state)
{
    const struct workload one = events(1, 0), many = events(2, 0);
    struct arena *arena = arena_new();
    struct buffer body = buffer_in(arena);

    (void)state;
    workload_write(&one, 12, 1, &body);
    check_text(buffer_take(&body),
               "{\"topic\":\"load\",\"event_id\":\"run-12\",\"timestamp\":\"2026-11-21T09:00:00.000Z\",\"source\":"
               "\"karcis-load\",\"payload\":{\"number\":12,\"user\":\"load-3\",\"amount\":125000,\"currency\":\"IDR\","
               "\"note\":\"a payload of some length\"}}");
    workload_write(&many, 12, 1, &body);
    assert_memory_equal(buffer_take(&body).ptr, "[{", 2);
    arena_free(arena);
}

/* ---- what is expected ---- */

static void what_was_accepted_is_expected_exactly(void **state)
{
    const struct workload workload = events(100, 300000);
    struct journal *journal = journal_new(&workload);
    struct expectation expected;

    (void)state;
    for (uint64_t first = 0; first < 20000; first += 100)
        journal_accepted(journal, first, 100);
    expected = journal_expectation(journal);
    assert_true(expectation_is_exact(&expected));
    assert_true(expectation_fits(&expected, 20000, 14000));
    assert_false(expectation_fits(&expected, 20000, 13999));
    assert_false(expectation_fits(&expected, 20001, 14000));
    assert_false(expectation_fits(&expected, 19999, 14000));
    journal_free(journal);
}

/* The first of a body's events was refused with it: a later repeat of it is then its first. */
static void a_repeat_of_what_was_refused_is_unique(void **state)
{
    const struct workload workload = events(1, 500000);
    struct journal *journal = journal_new(&workload);
    struct expectation expected;
    uint64_t distinct = 0;
    bool seen[100] = {false};

    (void)state;
    for (uint64_t item = 50; item < 100; item++) {
        const uint64_t original = workload_original(&workload, item);

        journal_accepted(journal, item, 1);
        distinct += !seen[original];
        seen[original] = true;
    }
    expected = journal_expectation(journal);
    assert_int_equal(expected.received_least, 50);
    assert_int_equal(expected.unique_least, distinct);
    assert_true(distinct > 25); /* so some repeats were of the first half */
    journal_free(journal);
}

static void what_was_lost_and_then_accepted_is_stored_once_and_dropped_perhaps(void **state)
{
    const struct workload workload = events(10, 0);
    struct journal *journal = journal_new(&workload);
    struct expectation expected;

    (void)state;
    journal_accepted(journal, 0, 10);
    journal_perhaps(journal, 10, 10);
    journal_perhaps(journal, 10, 10);
    journal_accepted(journal, 10, 10);
    expected = journal_expectation(journal);
    assert_false(expectation_is_exact(&expected));
    assert_int_equal(expected.unique_least, 20);
    assert_int_equal(expected.unique_most, 20);
    assert_true(expectation_fits(&expected, 20, 20));
    assert_true(expectation_fits(&expected, 40, 20));
    assert_false(expectation_fits(&expected, 41, 20));
    assert_false(expectation_fits(&expected, 20, 19));
    assert_false(expectation_fits(&expected, 30, 30));
    journal_free(journal);
}

static void what_was_lost_for_good_is_stored_perhaps(void **state)
{
    const struct workload workload = events(10, 0);
    struct journal *journal = journal_new(&workload);
    struct expectation expected;

    (void)state;
    journal_accepted(journal, 0, 10);
    journal_perhaps(journal, 10, 10);
    expected = journal_expectation(journal);
    assert_true(expectation_fits(&expected, 10, 10));
    assert_true(expectation_fits(&expected, 20, 20));
    assert_false(expectation_fits(&expected, 10, 11)); /* more than were received */
    journal_free(journal);
}

/* ---- answers ---- */

static void an_answer_is_read_strictly(void **state)
{
    static const struct {
        const char *bytes;
        enum response_state state;
        int status;
        const char *body;
        bool closes;
    } cases[] = {
        {"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}", RESPONSE_WHOLE, 202, "{}", false},
        {"HTTP/1.1 202 Accepted\r\ncontent-length:2\r\nConnection: close\r\n\r\n{}", RESPONSE_WHOLE, 202, "{}", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", RESPONSE_WHOLE, 204, "", false},
        {"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\n{}", RESPONSE_PART, 0, NULL, false},
        {"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n", RESPONSE_PART, 0, NULL, false},
        {"", RESPONSE_PART, 0, NULL, false},
        {"HTTP/1.1 200 OK\r\n\r\n", RESPONSE_WRONG, 0, NULL, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", RESPONSE_WRONG, 0, NULL, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", RESPONSE_WRONG, 0, NULL, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RESPONSE_WRONG, 0, NULL, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", RESPONSE_WRONG, 0, NULL, false},
        {"HTTP/1.1 2x2 OK\r\nContent-Length: 0\r\n\r\n", RESPONSE_WRONG, 0, NULL, false},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", RESPONSE_WRONG, 0, NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct response response;

        check_row(response_read(text_of(cases[i].bytes), &response) == cases[i].state, "%s", cases[i].bytes);
        if (cases[i].state != RESPONSE_WHOLE)
            continue;
        assert_int_equal(response.status, cases[i].status);
        assert_int_equal(response.len, strlen(cases[i].bytes));
        assert_int_equal(response.closes, cases[i].closes);
        check_text_row(response.body, cases[i].body, cases[i].bytes);
    }
}

static void what_stats_counts_is_read(void **state)
{
    struct counts counts;

    (void)state;
    assert_true(counts_read(
        TEXT(
            "{\"received\":9,\"unique_processed\":5,\"duplicate_dropped\":3,\"rejected\":1,"
            "\"uptime_seconds\":1.5,\"bookings_counted_at\":\"now\",\"bookings\":{\"CONFIRMED\":3,\"FAILED\":1},\"streams\":{"
            "\"events\":{\"length\":4,\"groups\":{\"record\":{\"lag\":7,\"pending\":2}}},"
            "\"dead\":{\"length\":0,\"groups\":{}}}}"),
        &counts));
    assert_int_equal(counts.received, 9);
    assert_int_equal(counts.unique, 5);
    assert_int_equal(counts.duplicates, 3);
    assert_int_equal(counts.rejected, 1);
    assert_int_equal(counts.bookings, 4);
    assert_string_equal(counts.tallied_at, "now");
    assert_int_equal(counts.unread, 9);
    assert_string_equal(counts.unrest, "record has 9 entries of events before it");
    assert_false(counts_read(TEXT("{\"status\":503}"), &counts));
    assert_false(counts_read(TEXT("{\"received\":1,\"streams\":{}}"), &counts)); /* Redis could not be asked */
    assert_false(counts_read(TEXT("no"), &counts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_never_too_small_and_at_most_a_sixtieth_too_large),
        cmocka_unit_test(a_percentile_is_what_so_many_did_not_exceed),
        cmocka_unit_test(uniform_arrivals_do_not_drift),
        cmocka_unit_test(poisson_arrivals_have_the_wanted_rate_and_independent_gaps),
        cmocka_unit_test(the_same_seed_gives_the_same_arrivals),
        cmocka_unit_test(the_nth_seat_is_wanted_as_zipf_says),
        cmocka_unit_test(without_skew_all_seats_are_wanted_alike),
        cmocka_unit_test(the_share_of_repeats_is_exact_and_each_repeats_an_earlier_one),
        cmocka_unit_test(what_is_sent_again_is_the_same),
        cmocka_unit_test(a_body_is_one_event_or_an_array),
        cmocka_unit_test(what_was_accepted_is_expected_exactly),
        cmocka_unit_test(a_repeat_of_what_was_refused_is_unique),
        cmocka_unit_test(what_was_lost_and_then_accepted_is_stored_once_and_dropped_perhaps),
        cmocka_unit_test(what_was_lost_for_good_is_stored_perhaps),
        cmocka_unit_test(an_answer_is_read_strictly),
        cmocka_unit_test(what_stats_counts_is_read),
    };

    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
