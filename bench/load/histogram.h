/* How long things took, kept as counts in buckets, so that a million of them need no more room than ten.
 *
 * The idea to hold in mind: a bucket is at most 1/64 of its values wide, whatever their size; what is told of a bucket
 * is its end. So a percentile is never told too small, and at most 1.6 % too large. */
#ifndef KARCIS_BENCH_HISTOGRAM_H
#define KARCIS_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_PARTS   64 /* buckets from one power of two to the next */
#define HISTOGRAM_POWERS  42 /* up to 2^42 us, 50 days; what is longer counts as that */
#define HISTOGRAM_BUCKETS (HISTOGRAM_PARTS * (HISTOGRAM_POWERS - 5))

struct histogram {
    uint64_t count;
    int64_t max_us;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, int64_t us); /* below 0 counts as 0 */
/* The least value that a share (0..1) of all does not exceed; 0 if there is none. */
int64_t histogram_percentile_us(const struct histogram *histogram, double share);

#endif
