/* Fills the stream `events` for the measurement of ingest, past the publisher:
 *
 *   events PORT COUNT REPEATS_PPM
 *
 * so many events, so many millionths of which repeat an earlier one; the same events that karcis-load would send. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/load/workload.h"
#include "common/text.h"

#define PIPELINE 500 /* commands before their answers are read */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "events: %s\n", what);
    exit(1);
}

static uint64_t number(const char *text)
{
    int64_t value;

    if (!text_to_int64(text_of(text), 0, INT64_MAX, &value))
        die("a number is wrong");
    return (uint64_t)value;
}

static void take_answers(redisContext *redis, uint64_t count)
{
    while (count-- > 0) {
        redisReply *reply = NULL;

        if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
            die(redis->errstr);
        if (reply->type == REDIS_REPLY_ERROR)
            die(reply->str);
        freeReplyObject(reply);
    }
}

int main(int argc, char **argv)
{
    struct workload workload = {.batch = 1, .seed = 1, .users = 1000};
    redisContext *redis;
    uint64_t count, waiting = 0;

    if (argc != 4)
        die("PORT COUNT REPEATS_PPM");
    redis = redisConnect("127.0.0.1", (int)number(argv[1]));
    if (!redis || redis->err)
        die("cannot connect to Redis");
    count = number(argv[2]);
    workload.repeats_ppm = number(argv[3]);
    for (uint64_t item = 0; item < count; item++) {
        const unsigned long long original = workload_original(&workload, item);

        redisAppendCommand(redis,
                           "XADD events * topic load event_id bench-%llu timestamp 2026-11-21T09:00:00.000Z source "
                           "karcis-load payload {\"number\":%llu,\"user\":\"load-%llu\",\"amount\":125000,"
                           "\"currency\":\"IDR\",\"note\":\"a_payload_of_some_length\"}",
                           original, original, original % workload.users);
        if (++waiting == PIPELINE) {
            take_answers(redis, waiting);
            waiting = 0;
        }
    }
    take_answers(redis, waiting);
    redisFree(redis);
    return 0;
}
