/* Chance that is the same for the same seed, on any machine: every drawn number is a hash of the seed and a place, so
 * nothing has to be remembered to draw it again. */
#ifndef KARCIS_BENCH_CHANCE_H
#define KARCIS_BENCH_CHANCE_H

#include <stddef.h>
#include <stdint.h>

uint64_t chance_at(uint64_t seed, uint64_t place);
double chance_share(uint64_t drawn); /* in [0, 1) */

/* Which of `count` things is wanted, when the n-th is wanted 1/n^skew as often as the first (Zipf); skew 0: all alike.
 */
struct crowd;
struct crowd *crowd_new(size_t count, double skew);
void crowd_free(struct crowd *crowd); /* accepts NULL */
size_t crowd_pick(const struct crowd *crowd, uint64_t drawn);

#endif
