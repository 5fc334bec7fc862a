/* See chance.h. The hash is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
#include "bench/load/chance.h"

#include <math.h>
#include <stdlib.h>

#include "common/log.h"

struct crowd {
    size_t count;
    double up_to[]; /* the share of all wishes that goes to this one and those before it; the last is 1 */
};

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

uint64_t chance_at(uint64_t seed, uint64_t place)
{
    return mix(mix(seed) ^ place);
}

double chance_share(uint64_t drawn)
{
    return (double)(drawn >> 11) * 0x1p-53;
}

struct crowd *crowd_new(size_t count, double skew)
{
    struct crowd *crowd = calloc(1, sizeof *crowd + count * sizeof *crowd->up_to);
    double sum = 0;

    if (!crowd)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    crowd->count = count;
    for (size_t i = 0; i < count; i++)
        crowd->up_to[i] = sum += pow((double)(i + 1), -skew);
    for (size_t i = 0; i < count; i++)
        crowd->up_to[i] /= sum;
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    free(crowd);
}

size_t crowd_pick(const struct crowd *crowd, uint64_t drawn)
{
    const double share = chance_share(drawn);
    size_t low = 0, high = crowd->count - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (crowd->up_to[middle] > share)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
