/* How many events a second came in over the last ten seconds, by noting once a second how many there are. */
#ifndef KARCIS_THROUGHPUT_H
#define KARCIS_THROUGHPUT_H

#include <stddef.h>
#include <stdint.h>

#define THROUGHPUT_SECONDS 10

struct throughput {
    size_t count; /* samples ever taken */
    struct {
        int64_t at_us, total;
    } samples[THROUGHPUT_SECONDS];
};

void throughput_add(struct throughput *throughput, int64_t at_us, int64_t total);
/* Of the seconds until now, when there are `total`: what has just come counts, although no sample has it yet. Never as
 * more a second than there were; 0 before the first sample. */
double throughput_per_second(const struct throughput *throughput, int64_t now_us, int64_t total);

#endif
