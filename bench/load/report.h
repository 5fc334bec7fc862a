/* What people and scripts are told: while it runs on standard error, at the end on standard output. */
#ifndef KARCIS_BENCH_REPORT_H
#define KARCIS_BENCH_REPORT_H

#include <stdbool.h>

#include "bench/load/journal.h"
#include "bench/load/options.h"
#include "bench/load/rest.h"
#include "bench/load/sender.h"

/* One line that changes on a terminal; elsewhere a line now and then. */
void report_sending(const struct options *options, const struct outcome_counts *outcome);
void report_waiting(const char *for_what, const struct counts *counts);
void report_clear(void); /* the line that changes */

/* before, after: NULL if the system never came to rest. */
struct verdict {
    struct expectation expected;
    const struct counts *before, *after;
};

bool verdict_agrees(const struct options *options, const struct verdict *verdict);
void report_end(const struct options *options, const char *run, const struct outcome_counts *outcome,
                const struct verdict *verdict);

#endif
