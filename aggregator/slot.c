/* See slot.h. */
#include "aggregator/slot.h"

#include <sodium.h>

#define COUNTER_SLOTS 64 /* two recorders with the same one wait for each other, rarely */

int16_t counter_slot(void)
{
    static int16_t chosen = -1;

    if (chosen < 0)
        chosen = (int16_t)randombytes_uniform(COUNTER_SLOTS);
    return chosen;
}
