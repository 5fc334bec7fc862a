/* The benchmark's load: bookings that somebody XADDs. Two commands:
 *
 *   publish load PORT SHOW FIRST COUNT USERS CONNECTIONS PIPELINE RATE
 *       one booking for each of the seats FIRST, FIRST + 1, …; PIPELINE at a time on each connection; RATE a second (0:
 * as fast as Redis takes them). Prints how long it took. publish latency PORT SHOW FIRST COUNT WARM_UP one booking at a
 * time: from sending the XADD until the booking.closed that says CONFIRMED has been read. Prints one number a line:
 * microseconds.
 *
 * Everything here is plain blocking hiredis: its own CPU time is not the system's and is reported apart. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define CONNECTIONS_MAX 64
#define CLOSED_WAIT_MS  "10000"

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "publish: %s\n", what);
    exit(1);
}

static long long now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void sleep_until_us(long long due_us)
{
    const long long left_us = due_us - now_us();
    const struct timespec left = {left_us / 1000000, left_us % 1000000 * 1000};

    if (left_us > 0)
        nanosleep(&left, NULL);
}

static long number(const char *text)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < 0)
        die("a number is wrong");
    return value;
}

static redisContext *redis_to(const char *port)
{
    redisContext *redis = redisConnect("127.0.0.1", (int)number(port));

    if (!redis || redis->err)
        die(redis ? redis->errstr : "out of memory");
    return redis;
}

/* The next answer, which must not be an error. The caller frees it. */
static redisReply *answer(redisContext *redis)
{
    redisReply *reply = NULL;

    if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
        die(redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        die(reply->str);
    return reply;
}

static void take_answers(redisContext *redis, long count)
{
    while (count-- > 0)
        freeReplyObject(answer(redis));
}

static void flush(redisContext *redis)
{
    int is_done = 0;

    while (!is_done)
        if (redisBufferWrite(redis, &is_done) != REDIS_OK)
            die(redis->errstr);
}

static void load(char **words)
{
    const char *show = words[1];
    const long first = number(words[2]), count = number(words[3]), users = number(words[4]),
               connections = number(words[5]), rate = number(words[7]);
    const long pipeline = rate && rate / 100 < number(words[6]) ? rate / 100 + 1 : number(words[6]);
    redisContext *redis[CONNECTIONS_MAX];
    long under_way[CONNECTIONS_MAX] = {0};
    struct rusage usage;
    long long begun_us, took_us;

    if (connections < 1 || connections > CONNECTIONS_MAX || pipeline < 1 || users < 1)
        die("CONNECTIONS, PIPELINE or USERS is wrong");
    for (long c = 0; c < connections; c++)
        redis[c] = redis_to(words[0]);
    begun_us = now_us();
    for (long sent = 0, c = 0; sent < count; c = (c + 1) % connections) {
        take_answers(redis[c], under_way[c]);
        under_way[c] = 0;
        if (rate)
            sleep_until_us(begun_us + sent * 1000000LL / rate);
        for (; sent < count && under_way[c] < pipeline; sent++, under_way[c]++)
            redisAppendCommand(redis[c], "XADD booking.requested * user user-%ld show %s seat %ld", sent % users, show,
                               first + sent);
        flush(redis[c]);
    }
    for (long c = 0; c < connections; c++) {
        take_answers(redis[c], under_way[c]);
        redisFree(redis[c]);
    }
    took_us = now_us() - begun_us;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", (double)took_us / 1e6,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

/* ---- one at a time ---- */

/* The id after which booking.closed is read next. */
static char last_id[64] = "0-0";

static const char *field_of(const redisReply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        if (strcmp(fields->element[i]->str, name) == 0)
            return fields->element[i + 1]->str;
    return "";
}

/* Reads what was closed since; was this booking? Any other end than CONFIRMED makes the figures meaningless. */
static int is_confirmed(const redisReply *reply, const char *booking)
{
    const redisReply *entries;
    int is_found = 0;

    if (reply->type != REDIS_REPLY_ARRAY)
        die("a booking was not closed in time");
    entries = reply->element[0]->element[1];
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *fields = entries->element[i]->element[1];

        if (strcmp(field_of(fields, "status"), "confirmed") != 0)
            die("a booking was not confirmed");
        is_found |= strcmp(field_of(fields, "booking_id"), booking) == 0;
        snprintf(last_id, sizeof last_id, "%s", entries->element[i]->element[0]->str);
    }
    return is_found;
}

static long long confirm_one(redisContext *redis, const char *show, long seat)
{
    const long long begun_us = now_us();
    char booking[37];
    int is_done = 0;

    snprintf(booking, sizeof booking, "%08x-0000-4000-8000-%012llx", (unsigned)seat,
             (unsigned long long)begun_us & 0xffffffffffffULL);
    redisAppendCommand(redis, "XADD booking.requested * user one show %s seat %ld booking_id %s", show, seat, booking);
    take_answers(redis, 1);
    while (!is_done) {
        redisReply *reply;

        redisAppendCommand(redis, "XREAD BLOCK " CLOSED_WAIT_MS " STREAMS booking.closed %s", last_id);
        reply = answer(redis);
        is_done = is_confirmed(reply, booking);
        freeReplyObject(reply);
    }
    return now_us() - begun_us;
}

static void latency(char **words)
{
    redisContext *redis = redis_to(words[0]);
    const long first = number(words[2]), count = number(words[3]), warm_up = number(words[4]);
    redisReply *newest;

    redisAppendCommand(redis, "XREVRANGE booking.closed + - COUNT 1");
    newest = answer(redis);
    if (newest->elements)
        snprintf(last_id, sizeof last_id, "%s", newest->element[0]->element[0]->str);
    freeReplyObject(newest);
    for (long i = 0; i < warm_up + count; i++) {
        const long long took_us = confirm_one(redis, words[1], first + i);

        if (i >= warm_up)
            printf("%lld\n", took_us);
    }
    redisFree(redis);
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[1], "load") == 0)
        load(argv + 2);
    else if (argc == 7 && strcmp(argv[1], "latency") == 0)
        latency(argv + 2);
    else
        die("load PORT SHOW FIRST COUNT USERS CONNECTIONS PIPELINE RATE | latency PORT SHOW FIRST COUNT WARM_UP");
    return 0;
}
