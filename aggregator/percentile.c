/* Percentiles from bucket counts. */
#include "aggregator/percentile.h"

#include <math.h>

double percentile_ms(const int64_t counts[LATENCY_BUCKETS], double share)
{
    int64_t total = 0, below = 0;
    int bucket = 0;
    double wanted, begin;

    for (int i = 0; i < LATENCY_BUCKETS; i++)
        total += counts[i];
    if (total == 0)
        return NAN;
    wanted = share * (double)total;
    while (bucket < LATENCY_BUCKETS - 1 && (double)(below + counts[bucket]) < wanted)
        below += counts[bucket++];
    begin = bucket ? latency_bound_ms(bucket - 1) : 0;
    if (counts[bucket] == 0)
        return begin;
    return begin + (latency_bound_ms(bucket) - begin) * (wanted - (double)below) / (double)counts[bucket];
}
