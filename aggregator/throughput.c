/* A ring of samples; the newest against the oldest. */
#include "aggregator/throughput.h"

#define SAMPLES (THROUGHPUT_SECONDS + 1)

void throughput_add(struct throughput *throughput, int64_t at_us, int64_t total)
{
    const size_t at = throughput->count++ % SAMPLES;

    throughput->samples[at].at_us = at_us;
    throughput->samples[at].total = total;
}

double throughput_per_second(const struct throughput *throughput)
{
    const size_t newest = throughput->count ? (throughput->count - 1) % SAMPLES : 0;
    const size_t oldest = throughput->count > SAMPLES ? throughput->count % SAMPLES : 0;
    const int64_t took_us = throughput->samples[newest].at_us - throughput->samples[oldest].at_us;

    if (took_us <= 0)
        return 0;
    return (double)(throughput->samples[newest].total - throughput->samples[oldest].total) * 1e6 / (double)took_us;
}
