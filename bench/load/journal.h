/* What became of everything that was sent, and what the system must therefore count.
 *
 * The idea to hold in mind: an answer 202 says that the items were taken; another below 500 that they were not; a lost
 * answer, or one of 500 and above, says neither. Such a request is perhaps taken, and if it is sent again and accepted,
 * its items stand on the stream once or twice: the same ids, so the system drops them as duplicates. What it must have
 * stored is exact either way; how many duplicates it dropped is known up to what those requests held. */
#ifndef KARCIS_BENCH_JOURNAL_H
#define KARCIS_BENCH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workload;

struct expectation { /* most is least, unless something was lost */
    uint64_t received_least, received_most;
    uint64_t unique_least, unique_most;
};

struct journal;

struct journal *journal_new(const struct workload *workload);
void journal_free(struct journal *journal); /* accepts NULL */
void journal_accepted(struct journal *journal, uint64_t first, uint64_t count);
/* One try of which nobody knows whether it was taken; the same items may be tried again. */
void journal_perhaps(struct journal *journal, uint64_t first, uint64_t count);
struct expectation journal_expectation(const struct journal *journal);

/* Do these counts fit? Every item that was received was stored or dropped, so two of them say the third. */
bool expectation_fits(const struct expectation *expectation, uint64_t received, uint64_t unique);
bool expectation_is_exact(const struct expectation *expectation);

#endif
