/* How often somebody may: token buckets, as many as there are callers, in memory that does not grow.
 *
 * The idea to hold in mind: a bucket is one number, the time at which it will be full again (GCRA, as ATM's cell rate
 * algorithm is called). One whose time has passed is as good as none; so when room is needed, the bucket that is full
 * first goes, and whoever it was gains least by it. Counted in each process alone. */
#ifndef KARCIS_LIMITS_H
#define KARCIS_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

/* So many a second over time, and so many at once. */
struct limit {
    double per_s;
    double burst;
};

struct limits;
/* Room for LIMITS_BUCKETS; a million callers take no more. */
struct limits *limits_new(void);
void limits_free(struct limits *limits); /* accepts NULL */

/* Takes one token from the bucket of `who` under `lane`. 0: taken; else the seconds after which one will be there. */
int64_t limits_take(struct limits *limits, const char *lane, struct text who, struct limit limit, int64_t now_us);
/* It was no attempt after all. */
void limits_give_back(struct limits *limits, const char *lane, struct text who, struct limit limit, int64_t now_us);

#endif
