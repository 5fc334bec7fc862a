/* See journal.h. One bit for each original: was it taken, was it perhaps. */
#include "bench/load/journal.h"

#include <stdlib.h>
#include <string.h>

#include "bench/load/workload.h"
#include "common/log.h"

struct journal {
    const struct workload *workload;
    uint64_t *taken, *perhaps; /* bits */
    size_t words;
    uint64_t received, perhaps_received;
};

struct journal *journal_new(const struct workload *workload)
{
    struct journal *journal = calloc(1, sizeof *journal);

    if (!journal)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    journal->workload = workload;
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    free(journal->taken);
    free(journal->perhaps);
    free(journal);
}

static uint64_t *grown(uint64_t *bits, size_t from, size_t to)
{
    bits = realloc(bits, to * sizeof *bits);
    if (!bits)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    memset(bits + from, 0, (to - from) * sizeof *bits);
    return bits;
}

static void make_room(struct journal *journal, uint64_t originals)
{
    const size_t wanted = (size_t)(originals / 64 + 1);
    const size_t words = wanted < 2 * journal->words ? 2 * journal->words : wanted;

    if (wanted <= journal->words)
        return;
    journal->taken = grown(journal->taken, journal->words, words);
    journal->perhaps = grown(journal->perhaps, journal->words, words);
    journal->words = words;
}

static void mark(struct journal *journal, bool is_taken, uint64_t first, uint64_t count)
{
    make_room(journal, workload_originals(journal->workload, first + count));
    for (uint64_t item = first; item < first + count; item++) {
        const uint64_t original = workload_original(journal->workload, item);

        (is_taken ? journal->taken : journal->perhaps)[original / 64] |= (uint64_t)1 << original % 64;
    }
}

void journal_accepted(struct journal *journal, uint64_t first, uint64_t count)
{
    mark(journal, true, first, count);
    journal->received += count;
}

void journal_perhaps(struct journal *journal, uint64_t first, uint64_t count)
{
    mark(journal, false, first, count);
    journal->perhaps_received += count;
}

struct expectation journal_expectation(const struct journal *journal)
{
    struct expectation expectation = {.received_least = journal->received,
                                      .received_most = journal->received + journal->perhaps_received};

    for (size_t i = 0; i < journal->words; i++) {
        expectation.unique_least += (unsigned)__builtin_popcountll(journal->taken[i]);
        expectation.unique_most += (unsigned)__builtin_popcountll(journal->taken[i] | journal->perhaps[i]);
    }
    return expectation;
}

bool expectation_fits(const struct expectation *expectation, uint64_t received, uint64_t unique)
{
    return received >= expectation->received_least && received <= expectation->received_most &&
           unique >= expectation->unique_least && unique <= expectation->unique_most && unique <= received;
}

bool expectation_is_exact(const struct expectation *expectation)
{
    return expectation->received_least == expectation->received_most &&
           expectation->unique_least == expectation->unique_most;
}
