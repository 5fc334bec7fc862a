/* Latencies as the store keeps them: how often one fell into a bucket. */
#ifndef KARCIS_AGGREGATOR_LATENCY_H
#define KARCIS_AGGREGATOR_LATENCY_H

#include <stdint.h>

/* Bucket b holds latencies up to 0.1 ms * 2^(b/4): steps of 19 %, from 0.1 ms to five hours. */
#define LATENCY_BUCKETS 112

int latency_bucket(int64_t us);      /* negative counts as 0 */
double latency_bound_ms(int bucket); /* the largest latency in it */

#endif
