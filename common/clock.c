/* Time and its text (RFC 3339). The calendar arithmetic is the usual one on days since 1970, proleptic Gregorian. */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/arena.h"

#define YEAR_10000_S INT64_C(253402300800) /* beyond it a year has no longer four digits */

static int64_t read_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

/* Years are counted from March, so that the leap day is a year's last day. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void put_digits(char *out, int64_t value, int count)
{
    while (count--) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

struct text time_text(struct arena *arena, int64_t time_ms)
{
    char *out = arena_alloc_raw(arena, 24);
    const time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    memcpy(out, "0000-00-00T00:00:00.000Z", 24);
    put_digits(out, utc.tm_year + 1900, 4);
    put_digits(out + 5, utc.tm_mon + 1, 2);
    put_digits(out + 8, utc.tm_mday, 2);
    put_digits(out + 11, utc.tm_hour, 2);
    put_digits(out + 14, utc.tm_min, 2);
    put_digits(out + 17, utc.tm_sec, 2);
    put_digits(out + 20, time_ms % 1000, 3);
    return (struct text){out, 24};
}

/* Reads `count` digits at *at and moves on; -1 if they are not there. */
static int64_t take_digits(struct text text, size_t *at, size_t count)
{
    int64_t value = 0;

    if (text.len - *at < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char c = text.ptr[*at + i];

        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    *at += count;
    return value;
}

static bool take(struct text text, size_t *at, const char *one_of)
{
    if (*at >= text.len || !text.ptr[*at] || !strchr(one_of, text.ptr[*at]))
        return false;
    (*at)++;
    return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Microseconds of the fraction, if there is one; -1 if it is malformed. */
static int64_t take_fraction(struct text text, size_t *at)
{
    int64_t us = 0;
    size_t digits = 0;

    if (!take(text, at, "."))
        return 0;
    for (; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; (*at)++, digits++)
        if (digits < 6)
            us = us * 10 + (text.ptr[*at] - '0');
    if (digits < 1 || digits > 9)
        return -1;
    for (; digits < 6; digits++)
        us *= 10;
    return us;
}

static bool take_offset_s(struct text text, size_t *at, int64_t *offset_s)
{
    int64_t sign, hours, minutes;

    *offset_s = 0;
    if (take(text, at, "Zz"))
        return true;
    if (*at >= text.len)
        return false;
    sign = text.ptr[*at] == '-' ? -1 : 1;
    if (!take(text, at, "+-"))
        return false;
    hours = take_digits(text, at, 2);
    if (hours < 0 || hours > 23 || !take(text, at, ":"))
        return false;
    minutes = take_digits(text, at, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool time_parse(struct text text, int64_t *time_us)
{
    size_t at = 0;
    int64_t year, month, day, hour, minute, second, fraction_us, offset_s;

    year = take_digits(text, &at, 4);
    if (year < 1970 || !take(text, &at, "-"))
        return false;
    month = take_digits(text, &at, 2);
    if (month < 1 || month > 12 || !take(text, &at, "-"))
        return false;
    day = take_digits(text, &at, 2);
    if (day < 1 || day > days_in_month(year, month) || !take(text, &at, "Tt "))
        return false;
    hour = take_digits(text, &at, 2);
    if (hour < 0 || hour > 23 || !take(text, &at, ":"))
        return false;
    minute = take_digits(text, &at, 2);
    if (minute < 0 || minute > 59 || !take(text, &at, ":"))
        return false;
    second = take_digits(text, &at, 2);
    if (second < 0 || second > 60)
        return false;
    fraction_us = take_fraction(text, &at);
    if (fraction_us < 0 || !take_offset_s(text, &at, &offset_s) || at != text.len)
        return false;
    *time_us = (days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s) * 1000000 +
               fraction_us;
    return *time_us >= 0 && *time_us < YEAR_10000_S * 1000000;
}
