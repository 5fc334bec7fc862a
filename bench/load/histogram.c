/* See histogram.h. */
#include "bench/load/histogram.h"

#include <math.h>

#define PARTS_BITS 6 /* 2^6 = HISTOGRAM_PARTS */

/* The first 64 buckets hold one value each, the next 64 also (64..127), then two each, four each, … */
static size_t bucket_of(int64_t us)
{
    unsigned shift;
    size_t bucket;

    if (us < HISTOGRAM_PARTS)
        return us < 0 ? 0 : (size_t)us;
    shift = 63u - PARTS_BITS - (unsigned)__builtin_clzll((unsigned long long)us);
    bucket = (size_t)shift * HISTOGRAM_PARTS + (size_t)(us >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static int64_t end_of(size_t bucket)
{
    const size_t shift = bucket < HISTOGRAM_PARTS ? 0 : bucket / HISTOGRAM_PARTS - 1;
    const size_t part = bucket - shift * HISTOGRAM_PARTS;

    return (((int64_t)part + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, int64_t us)
{
    histogram->buckets[bucket_of(us)]++;
    histogram->count++;
    if (us > histogram->max_us)
        histogram->max_us = us;
}

int64_t histogram_percentile_us(const struct histogram *histogram, double share)
{
    const uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;

    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS && histogram->count > 0; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= wanted && seen > 0)
            return end_of(bucket) < histogram->max_us ? end_of(bucket) : histogram->max_us;
    }
    return histogram->max_us;
}
