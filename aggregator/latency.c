/* See latency.h. */
#include "aggregator/latency.h"

#include <math.h>

int latency_bucket(int64_t us)
{
    int bucket;

    if (us <= 100)
        return 0;
    bucket = (int)ceil(4 * log2((double)us / 100));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

double latency_bound_ms(int bucket)
{
    return 0.1 * exp2(bucket / 4.0);
}
