/* A Bloom filter of two halves: events are added to the younger; when that is full the older one is forgotten and they
 * change places. So it needs the same memory however many events come. */
#include "aggregator/familiar.h"

#include <sodium.h>
#include <string.h>

#include "common/bounds.h"

#define CAREFUL_BATCHES 100

#define BITS_OF_EVENT 7 /* what is best at ten bits of room for an event, FAMILIAR_BITS / FAMILIAR_EVENTS */

static struct {
    uint64_t bits[2][FAMILIAR_BITS / 64];
    size_t count; /* in the younger */
    int younger;
    uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody outside can make ids that all look familiar */
    bool has_key;
    int careful_batches; /* in which nothing looks new: so many more */
} filter;

static uint64_t hash_of(struct text topic, struct text event_id)
{
    const struct text parts[] = {topic, event_id};
    uint64_t hash = 0, part;
    uint8_t out[crypto_shorthash_BYTES];

    if (!filter.has_key)
        crypto_shorthash_keygen(filter.key);
    filter.has_key = true;
    for (size_t i = 0; i < 2; i++) {
        crypto_shorthash(out, (const uint8_t *)parts[i].ptr, parts[i].len, filter.key);
        memcpy(&part, out, sizeof part);
        hash = hash * 31 + part;
    }
    return hash;
}

/* The n-th bit of an event: two halves of one hash make as many as are wanted (Kirsch and Mitzenmacher, 2006). */
static size_t place(uint64_t hash, unsigned n)
{
    return ((hash & UINT32_MAX) + n * (hash >> 32 | 1)) % FAMILIAR_BITS;
}

static bool is_in(const uint64_t *bits, uint64_t hash)
{
    for (unsigned n = 0; n < BITS_OF_EVENT; n++) {
        const size_t bit = place(hash, n);

        if (!(bits[bit / 64] >> bit % 64 & 1))
            return false;
    }
    return true;
}

static void add(uint64_t hash)
{
    if (filter.count++ == FAMILIAR_EVENTS) {
        filter.younger = !filter.younger;
        memset(filter.bits[filter.younger], 0, sizeof filter.bits[filter.younger]);
        filter.count = 1;
    }
    for (unsigned n = 0; n < BITS_OF_EVENT; n++) {
        const size_t bit = place(hash, n);

        filter.bits[filter.younger][bit / 64] |= (uint64_t)1 << bit % 64;
    }
}

void familiar_begin(bool was_wrong)
{
    if (was_wrong)
        filter.careful_batches = CAREFUL_BATCHES;
    else if (filter.careful_batches > 0)
        filter.careful_batches--;
}

/* In careful batches, too, an event is looked at: that is how it becomes familiar. */
bool familiar_is_new(struct text topic, struct text event_id)
{
    const uint64_t hash = hash_of(topic, event_id);
    const bool is_young = is_in(filter.bits[filter.younger], hash);
    const bool is_familiar = is_young || is_in(filter.bits[!filter.younger], hash);

    if (!is_young)
        add(hash);
    return !is_familiar && filter.careful_batches == 0;
}

void familiar_forget(void)
{
    memset(filter.bits, 0, sizeof filter.bits);
    filter.count = 0;
    filter.careful_batches = 0;
}
