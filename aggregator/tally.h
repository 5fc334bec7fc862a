/* How many bookings and payments there are in each status.
 *
 * The idea to hold in mind: counting reads every row, so its price grows with them. While it takes TALLY_QUICK_US at
 * most, whoever asks gets a count made for him. Later the last count is given at once, and another one is made
 * meanwhile: for a tenth of the time at most, on a connection of its own, where it holds up nobody. */
#ifndef KARCIS_AGGREGATOR_TALLY_H
#define KARCIS_AGGREGATOR_TALLY_H

#include <stdint.h>
#include "common/store.h"
#include "common/text.h"

struct loop;

struct tally {
    struct text bookings, payments; /* JSON objects: {"CONFIRMED":3} */
    int64_t counted_at_us;          /* since 1970: what was committed before is in it */
};

/* tally NULL: the store could not be asked; failure says why, NULL: it is away. The tally lives until the next one. */
typedef void tally_fn(const struct tally *tally, const struct store_failure *failure, void *context);

void tally_start(struct loop *loop);
void tally_stop(void); /* who waits is answered first */
bool tally_can_be_asked(void);
/* One at a time: calls fn once, perhaps at once. */
void tally_ask(tally_fn *fn, void *context);

#endif
