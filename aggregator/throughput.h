/* How many events a second came in over the last ten seconds, by asking once a second how many there are. */
#ifndef KARCIS_THROUGHPUT_H
#define KARCIS_THROUGHPUT_H

#include <stddef.h>
#include <stdint.h>

#define THROUGHPUT_SECONDS 10

struct throughput {
    size_t count; /* samples ever taken */
    struct {
        int64_t at_us, total;
    } samples[THROUGHPUT_SECONDS + 1];
};

void throughput_add(struct throughput *throughput, int64_t at_us, int64_t total);
/* 0 before the second sample. */
double throughput_per_second(const struct throughput *throughput);

#endif
