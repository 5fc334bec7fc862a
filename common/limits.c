/* Buckets in sets of eight; a set is found by a keyed hash, so that nobody can choose whose buckets to push out. */
#include "common/limits.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bounds.h"
#include "common/log.h"

#define WAYS 8
#define SETS (LIMITS_BUCKETS / WAYS)

struct bucket {
    uint64_t who;
    int64_t full_at_us; /* 0: nobody's */
};

struct limits {
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct bucket sets[SETS][WAYS];
};

struct limits *limits_new(void)
{
    struct limits *limits = calloc(1, sizeof *limits);

    if (!limits)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    crypto_shorthash_keygen(limits->key);
    return limits;
}

void limits_free(struct limits *limits)
{
    free(limits);
}

static uint64_t hash_of(const struct limits *limits, const char *lane, struct text who)
{
    char name[LIMITS_NAME_BYTES_MAX];
    const int len = snprintf(name, sizeof name, "%s %.*s", lane, (int)who.len, who.ptr ? who.ptr : "");
    uint64_t hash;

    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name,
                     (size_t)len < sizeof name ? (size_t)len : sizeof name - 1, limits->key);
    return hash;
}

/* Theirs, or the one that they get. */
static struct bucket *bucket_of(struct limits *limits, uint64_t who)
{
    struct bucket *set = limits->sets[who % SETS], *first_full = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].full_at_us && set[i].who == who)
            return &set[i];
        if (set[i].full_at_us < first_full->full_at_us)
            first_full = &set[i];
    }
    *first_full = (struct bucket){.who = who};
    return first_full;
}

int64_t limits_take(struct limits *limits, const char *lane, struct text who, struct limit limit, int64_t now_us)
{
    struct bucket *bucket = bucket_of(limits, hash_of(limits, lane, who));
    const double token_us = 1e6 / limit.per_s;
    const double full_at_us = (double)(bucket->full_at_us > now_us ? bucket->full_at_us : now_us) + token_us;
    const double wait_us = full_at_us - (double)now_us - token_us * limit.burst;

    if (wait_us > 0.5) /* of a microsecond: what rounding makes */
        return (int64_t)ceil(wait_us / 1e6);
    bucket->full_at_us = (int64_t)full_at_us;
    return 0;
}

void limits_give_back(struct limits *limits, const char *lane, struct text who, struct limit limit, int64_t now_us)
{
    struct bucket *bucket = bucket_of(limits, hash_of(limits, lane, who));

    if (bucket->full_at_us > now_us)
        bucket->full_at_us -= (int64_t)(1e6 / limit.per_s);
}
