/* Percentiles of the latencies that record counts in buckets (latency.h). */
#ifndef KARCIS_PERCENTILE_H
#define KARCIS_PERCENTILE_H

#include <stdint.h>
#include "aggregator/latency.h"

/* The latency, in ms, that `share` (0..1) of all counted stay below, taken as evenly spread within a bucket. NAN: none
 * counted. */
double percentile_ms(const int64_t counts[LATENCY_BUCKETS], double share);

#endif
