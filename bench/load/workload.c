/* See workload.h. */
#include "bench/load/workload.h"

#include <stdio.h>

#include "bench/load/chance.h"
#include "common/id.h"

/* What is drawn by chance, each from numbers of its own. */
enum { REPEATED = 1, SEAT = 2, USER = 3 };

static uint64_t draw(const struct workload *workload, int what, uint64_t number)
{
    return chance_at(workload->seed * 4 + (uint64_t)what, number);
}

static uint64_t repeats_before(const struct workload *workload, uint64_t item)
{
    return (uint64_t)((unsigned __int128)item * workload->repeats_ppm / REPEATS_SCALE);
}

uint64_t workload_originals(const struct workload *workload, uint64_t items)
{
    return items - repeats_before(workload, items);
}

uint64_t workload_original(const struct workload *workload, uint64_t item)
{
    const uint64_t before = workload_originals(workload, item);
    const bool is_repeat = workload_originals(workload, item + 1) == before;

    return is_repeat ? draw(workload, REPEATED, item) % before : before;
}

static void add_number(struct buffer *body, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    buffer_add(body, (struct text){digits + at, sizeof digits - at});
}

static void write_event(const struct workload *workload, uint64_t original, struct buffer *body)
{
    buffer_add(body, TEXT("{\"topic\":\""));
    buffer_add(body, workload->topic);
    buffer_add(body, TEXT("\",\"event_id\":\""));
    buffer_add(body, workload->run);
    buffer_byte(body, '-');
    add_number(body, original);
    buffer_add(body, TEXT("\",\"timestamp\":\""));
    buffer_add(body, workload->begun);
    buffer_add(body, TEXT("\",\"source\":\"karcis-load\",\"payload\":{\"number\":"));
    add_number(body, original);
    buffer_add(body, TEXT(",\"user\":\"load-"));
    add_number(body, draw(workload, USER, original) % workload->users);
    buffer_add(body, TEXT("\",\"amount\":125000,\"currency\":\"IDR\",\"note\":\"a payload of some length\"}}"));
}

static void write_booking(const struct workload *workload, uint64_t original, struct buffer *body)
{
    char number[24], id[UUID_TEXT_BYTES];
    const struct text parts[] = {
        workload->run, {number, (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)original)}};

    uuid_write(uuid_derive(workload->begun_ms, parts, 2), id);
    buffer_add(body, TEXT("{\"booking_id\":\""));
    buffer_add(body, (struct text){id, sizeof id});
    buffer_add(body, TEXT("\",\"user\":\"load-"));
    add_number(body, draw(workload, USER, original) % workload->users);
    buffer_add(body, TEXT("\",\"show\":\""));
    buffer_add(body, workload->show);
    if (workload->seats) {
        buffer_add(body, TEXT("\",\"seats\":[\""));
        buffer_add(body, workload->seats[crowd_pick(workload->crowd, draw(workload, SEAT, original))]);
        buffer_add(body, TEXT("\"]}"));
    } else {
        buffer_add(body, TEXT("\",\"quantity\":1}"));
    }
}

void workload_write(const struct workload *workload, uint64_t first, uint64_t count, struct buffer *body)
{
    if (workload->is_bookings) {
        write_booking(workload, workload_original(workload, first), body);
        return;
    }
    if (workload->batch > 1)
        buffer_byte(body, '[');
    for (uint64_t i = 0; i < count; i++) {
        if (i)
            buffer_byte(body, ',');
        write_event(workload, workload_original(workload, first + i), body);
    }
    if (workload->batch > 1)
        buffer_byte(body, ']');
}
