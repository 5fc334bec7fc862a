/* clock: RFC 3339 in, RFC 3339 out. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <time.h>

#include "common/arena.h"
#include "common/clock.h"

#define SECOND 1000000LL

static void a_time_is_read_as_the_standard_says_or_refused(void **state)
{
    static const struct {
        const char *text;
        int64_t time_us; /* -1: refused */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"2026-11-21T01:22:05Z", 1795224125 * SECOND},
        {"2026-11-21t01:22:05z", 1795224125 * SECOND},
        {"2026-11-21 01:22:05Z", 1795224125 * SECOND},
        {"9999-12-31T23:59:59Z", 253402300799 * SECOND},
        {"9999-12-31T23:59:60Z", -1}, /* the year 10000 */
        {"9999-12-31T23:59:59-00:01", -1},
        /* fractions: up to nine digits, cut to microseconds */
        {"2026-11-21T01:22:05.1Z", 1795224125 * SECOND + 100000},
        {"2026-11-21T01:22:05.123Z", 1795224125 * SECOND + 123000},
        {"2026-11-21T01:22:05.123456Z", 1795224125 * SECOND + 123456},
        {"2026-11-21T01:22:05.123456999Z", 1795224125 * SECOND + 123456},
        {"2026-11-21T01:22:05.000000001Z", 1795224125 * SECOND},
        {"2026-11-21T01:22:05.1234567890Z", -1},
        {"2026-11-21T01:22:05.Z", -1},
        {"2026-11-21T01:22:05,5Z", -1},
        /* offsets */
        {"2026-11-21T08:22:05+07:00", 1795224125 * SECOND},
        {"2026-11-20T20:22:05-05:00", 1795224125 * SECOND},
        {"2026-11-21T06:52:05.5+05:30", 1795224125 * SECOND + 500000},
        {"2026-11-21T01:22:05-00:00", 1795224125 * SECOND},
        {"2026-11-22T01:21:05+23:59", 1795224125 * SECOND},
        {"2026-11-21T01:22:05+24:00", -1},
        {"2026-11-21T01:22:05+07:60", -1},
        {"2026-11-21T01:22:05+0700", -1},
        {"2026-11-21T01:22:05+07", -1},
        {"2026-11-21T01:22:05+7:00", -1},
        {"2026-11-21T01:22:05", -1},
        {"1970-01-01T07:00:00+07:00", 0},
        {"1970-01-01T06:59:59+07:00", -1}, /* before 1970 */
        {"1969-12-31T23:59:59Z", -1},
        {"1969-12-31T20:00:00-05:00", -1},
        /* the calendar */
        {"2024-02-29T00:00:00Z", 1709164800 * SECOND},
        {"2000-02-29T00:00:00Z", 951782400 * SECOND},
        {"2023-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2100-02-28T00:00:00Z", 4107456000 * SECOND},
        {"2026-04-30T00:00:00Z", 1777507200 * SECOND},
        {"2026-04-31T00:00:00Z", -1},
        {"2026-12-31T00:00:00Z", 1798675200 * SECOND},
        {"2026-01-32T00:00:00Z", -1},
        {"2026-01-00T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        /* the clock; a leap second counts as the next second */
        {"2016-12-31T23:59:60Z", 1483228800 * SECOND},
        {"2017-01-01T06:59:60+07:00", 1483228800 * SECOND},
        {"2016-12-31T23:59:61Z", -1},
        {"2026-11-21T24:00:00Z", -1},
        {"2026-11-21T01:60:00Z", -1},
        /* everything else */
        {"", -1},
        {"now", -1},
        {"1795224125", -1},
        {"2026-11-21", -1},
        {"2026-11-21T01:22Z", -1},
        {"2026-11-21T1:22:05Z", -1},
        {"26-11-21T01:22:05Z", -1},
        {"02026-11-21T01:22:05Z", -1},
        {"10000-01-01T00:00:00Z", -1},
        {"2026/11/21T01:22:05Z", -1},
        {"2026-11-21_01:22:05Z", -1},
        {"20261121T012205Z", -1},
        {"2026-11-21T01:22:05ZZ", -1},
        {"2026-11-21T01:22:05Z ", -1},
        {" 2026-11-21T01:22:05Z", -1},
        {"+026-11-21T01:22:05Z", -1},
        {"2026-1 -21T01:22:05Z", -1},
        {"2026-11-21T-1:22:05Z", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t time_us = -1;
        const bool is_time = time_parse(text_of(cases[i].text), &time_us);

        check_row(is_time == (cases[i].time_us >= 0), "%s", cases[i].text);
        check_row(!is_time || time_us == cases[i].time_us, "%s gives %lld", cases[i].text, (long long)time_us);
    }
}

static void a_time_that_breaks_off_anywhere_is_refused(void **state)
{
    static const struct text whole = TEXT("2026-11-21T08:22:05.123456+07:00");
    char copy[64];
    int64_t time_us;

    (void)state;
    assert_true(time_parse(whole, &time_us));
    for (size_t len = 0; len < whole.len; len++)
        check_row(!time_parse((struct text){whole.ptr, len}, &time_us), "%.*s", (int)len, whole.ptr);
    for (size_t at = 0; at < whole.len; at++) { /* a byte zero ends nothing */
        memcpy(copy, whole.ptr, whole.len);
        copy[at] = '\0';
        check_row(!time_parse((struct text){copy, whole.len}, &time_us), "zero at %zu", at);
    }
    assert_false(time_parse(TEXT_NONE, &time_us));
}

static void a_time_that_is_written_reads_back(void **state)
{
    struct random random = support_seed("a_time_that_is_written_reads_back");
    struct arena *arena = arena_new();

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const int64_t time_ms = (int64_t)(support_random(&random) % 253402300800000u); /* until the year 9999 ends */
        int64_t time_us;

        assert_true(time_parse(time_text(arena, time_ms), &time_us));
        assert_int_equal(time_us, time_ms * 1000);
        arena_reset(arena);
    }
    check_text(time_text(arena, 0), "1970-01-01T00:00:00.000Z");
    check_text(time_text(arena, 1795224125007), "2026-11-21T01:22:05.007Z");
    check_text(time_text(arena, 253402300799999), "9999-12-31T23:59:59.999Z");
    arena_free(arena);
}

/* The C library's calendar is the oracle. */
static void every_moment_is_where_timegm_puts_it(void **state)
{
    struct random random = support_seed("every_moment_is_where_timegm_puts_it");

    (void)state;
    for (int i = 0; i < 50000; i++) {
        struct tm moment = {.tm_year = 70 + (int)support_random_below(&random, 8030),
                            .tm_mon = (int)support_random_below(&random, 12),
                            .tm_mday = 1 + (int)support_random_below(&random, 31),
                            .tm_hour = (int)support_random_below(&random, 24),
                            .tm_min = (int)support_random_below(&random, 60),
                            .tm_sec = (int)support_random_below(&random, 60)};
        const int offset_min = (int)support_random_below(&random, 1439),
                  sign = support_random_below(&random, 2) ? 1 : -1;
        const struct tm wanted = moment;
        const int64_t utc = timegm(&moment) - sign * offset_min * 60;
        const bool exists = moment.tm_mday == wanted.tm_mday && utc >= 0; /* timegm turns 31 April into 1 May */
        int64_t time_us = -1;
        char text[64];

        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", wanted.tm_year + 1900,
                 wanted.tm_mon + 1, wanted.tm_mday, wanted.tm_hour, wanted.tm_min, wanted.tm_sec, sign > 0 ? '+' : '-',
                 offset_min / 60, offset_min % 60);
        check_row(time_parse(text_of(text), &time_us) == exists, "%s", text);
        check_row(!exists || time_us == utc * SECOND, "%s gives %lld", text, (long long)time_us);
    }
}

static void the_clocks_run_and_the_monotonic_one_never_back(void **state)
{
    int64_t last = clock_monotonic_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        const int64_t now = clock_monotonic_us();

        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_now_ms() > 1700000000000);
    assert_in_range(clock_now_us() / 1000 - clock_now_ms() + 1000, 0, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_read_as_the_standard_says_or_refused),
        cmocka_unit_test(a_time_that_breaks_off_anywhere_is_refused),
        cmocka_unit_test(a_time_that_is_written_reads_back),
        cmocka_unit_test(every_moment_is_where_timegm_puts_it),
        cmocka_unit_test(the_clocks_run_and_the_monotonic_one_never_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
