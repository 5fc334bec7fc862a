/* floor-redis PORT BOOKINGS BATCH: the same entries as the system says for its bookings, read by the same groups and
 * acknowledged, in batches of the same size, and nothing else: no PostgreSQL, nothing decided, no scripts. What Redis
 * needs for this the system cannot go below. The requests themselves come from `publish`.
 *
 * Each group is a process that reads, adds what follows and acknowledges, with plain blocking hiredis. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/sample.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/stream.h"

struct group {
    const char *name;
    enum stream reads[SAMPLE_STREAMS];
    size_t reads_count;
    enum stream says; /* DEAD: nothing */
};

static const struct group groups[] = {
    {"hold", {BOOKING_REQUESTED}, 1, SEAT_HELD},
    {"invoice", {SEAT_HELD}, 1, INVOICE_CREATED},
    {"bill", {INVOICE_CREATED}, 1, DEAD},
    {"charge", {INVOICE_CREATED}, 1, PAYMENT_DONE},
    {"settle", {PAYMENT_DONE}, 1, BOOKING_CLOSED},
    {"record", {BOOKING_REQUESTED, SEAT_HELD, INVOICE_CREATED, PAYMENT_DONE, BOOKING_CLOSED}, SAMPLE_STREAMS, DEAD},
};
#define GROUPS (sizeof groups / sizeof *groups)

static redisContext *redis;

static redisReply *answer(void)
{
    redisReply *reply = NULL;

    if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
        log_fatal(EXIT_TEMPORARY, "Redis is away", redis->errstr);
    return reply;
}

static void connect_to(int port)
{
    redis = redisConnect("127.0.0.1", port);
    if (!redis || redis->err)
        log_fatal(EXIT_TEMPORARY, "Redis is away", redis ? redis->errstr : "");
}

static void append(struct arena *arena, const struct text *words, size_t count)
{
    const char **pointers = ARENA_ARRAY(arena, const char *, count);
    size_t *lengths = ARENA_ARRAY(arena, size_t, count);

    for (size_t i = 0; i < count; i++) {
        pointers[i] = words[i].ptr;
        lengths[i] = words[i].len;
    }
    redisAppendCommandArgv(redis, (int)count, pointers, lengths);
}

static void append_event(struct arena *arena, const struct group *group, int64_t number)
{
    const struct sample sample = sample_make(arena, TEXT("load"), number, 1800000000000 + number / 500);
    const struct fact *event = sample_event(arena, &sample, group->says);
    struct text *words = ARENA_ARRAY(arena, struct text, 3 + event->word_count);

    words[0] = TEXT("XADD");
    words[1] = stream_key(group->says);
    words[2] = TEXT("*");
    for (size_t i = 0; i < event->word_count; i++)
        words[3 + i] = event->words[i];
    append(arena, words, 3 + event->word_count);
}

/* What follows and the acknowledgement travel together. How many entries it was. */
static size_t pass_on(struct arena *arena, const struct group *group, const redisReply *stream, int64_t number)
{
    const redisReply *entries = stream->element[1];
    struct text *words = ARENA_ARRAY(arena, struct text, 3 + entries->elements);
    size_t answers = 1;

    for (size_t i = 0; i < entries->elements && group->says != DEAD; i++, answers++)
        append_event(arena, group, number + (int64_t)i);
    words[0] = TEXT("XACK");
    words[1] = text_of(stream->element[0]->str);
    words[2] = text_of(group->name);
    for (size_t i = 0; i < entries->elements; i++)
        words[3 + i] = text_of(entries->element[i]->element[0]->str);
    append(arena, words, 3 + entries->elements);
    while (answers-- > 0)
        freeReplyObject(answer());
    return entries->elements;
}

static redisReply *next_batch(struct arena *arena, const struct group *group, const char *batch)
{
    struct text words[9 + 2 * SAMPLE_STREAMS] = {TEXT("XREADGROUP"), TEXT("GROUP"), text_of(group->name),
                                                 TEXT("one"),        TEXT("COUNT"), text_of(batch),
                                                 TEXT("BLOCK"),      TEXT("10000"), TEXT("STREAMS")};
    size_t count = 9;

    for (size_t i = 0; i < group->reads_count; i++)
        words[count++] = stream_key(group->reads[i]);
    for (size_t i = 0; i < group->reads_count; i++)
        words[count++] = TEXT(">");
    append(arena, words, count);
    return answer();
}

static _Noreturn void serve(const struct group *group, int port, int64_t bookings, const char *batch)
{
    struct arena *arena = arena_new();
    int64_t left = bookings * (int64_t)group->reads_count;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    connect_to(port);
    while (left > 0) {
        redisReply *reply = next_batch(arena, group, batch);

        if (reply->type != REDIS_REPLY_ARRAY)
            log_fatal(EXIT_TEMPORARY, "nothing came", group->name);
        for (size_t i = 0; i < reply->elements; i++)
            left -= (int64_t)pass_on(arena, group, reply->element[i], left);
        freeReplyObject(reply);
        arena_reset(arena);
    }
    exit(0);
}

static void make_groups(const struct group *group)
{
    for (size_t i = 0; i < group->reads_count; i++)
        freeReplyObject(
            redisCommand(redis, "XGROUP CREATE %s %s 0 MKSTREAM", stream_key(group->reads[i]).ptr, group->name));
}

int main(int argc, char **argv)
{
    int64_t port, bookings, begun_us;
    int status = 0, ended;

    log_open("floor-redis", LOG_WARN);
    if (argc != 4 || !text_to_int64(text_of(argv[1]), 1, 65535, &port) ||
        !text_to_int64(text_of(argv[2]), 1, 10000000, &bookings))
        log_fatal(EXIT_CONFIGURATION, "usage: floor-redis PORT BOOKINGS BATCH", NULL);
    connect_to((int)port);
    for (size_t i = 0; i < GROUPS; i++)
        make_groups(&groups[i]);
    begun_us = clock_monotonic_us();
    for (size_t i = 0; i < GROUPS; i++)
        if (fork() == 0)
            serve(&groups[i], (int)port, bookings, argv[3]);
    while (wait(&ended) > 0)
        status |= ended;
    printf("{\"seconds\": %.6f}\n", (double)(clock_monotonic_us() - begun_us) / 1e6);
    return status != 0;
}
