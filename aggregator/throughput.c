/* A ring of samples; what is known now against the oldest. */
#include "aggregator/throughput.h"

void throughput_add(struct throughput *throughput, int64_t at_us, int64_t total)
{
    const size_t at = throughput->count++ % THROUGHPUT_SECONDS;

    throughput->samples[at].at_us = at_us;
    throughput->samples[at].total = total;
}

double throughput_per_second(const struct throughput *throughput, int64_t now_us, int64_t total)
{
    const size_t oldest = throughput->count > THROUGHPUT_SECONDS ? throughput->count % THROUGHPUT_SECONDS : 0;
    const int64_t took_us = now_us - throughput->samples[oldest].at_us,
                  came = total - throughput->samples[oldest].total;

    if (throughput->count == 0 || came <= 0)
        return 0;
    return (double)came * 1e6 / (double)(took_us > 1000000 ? took_us : 1000000);
}
