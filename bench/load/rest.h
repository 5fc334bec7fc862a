/* Waiting until the system is at rest, and what it counts then.
 *
 * The idea to hold in mind: /stats is made at most once a second, and its counts and its look at the streams are not of
 * the same instant; bookings are counted less often still. So rest is believed when two answers that were made one
 * after the other, and after we began to ask, each with bookings counted anew, both show no entry unread or pending,
 * and the same counts. */
#ifndef KARCIS_BENCH_REST_H
#define KARCIS_BENCH_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load/client.h"

#define REST_UNREST_BYTES 200
#define REST_TIME_BYTES   40

struct counts { /* of /stats */
    uint64_t received, unique, duplicates, rejected, bookings;
    double uptime_s;
    char tallied_at[REST_TIME_BYTES]; /* when bookings were counted; "": it does not say */
    uint64_t unread;                  /* entries that a group has not read, or not acknowledged */
    char unrest[REST_UNREST_BYTES];   /* one such group, for people */
};

/* False if this is no answer of /stats. */
bool counts_read(struct text document, struct counts *counts);

struct rest;
/* NULL: there was no rest, nor any progress, for the whole patience. */
typedef void rest_fn(const struct counts *counts, void *context);
/* Calls fn once, later. Free it in there or afterwards. */
struct rest *rest_wait(struct event_base *base, const struct server *aggregator, int64_t timeout_ms,
                       int64_t patience_ms, rest_fn *fn, void *context);
void rest_free(struct rest *rest);                         /* accepts NULL */
const struct counts *rest_counts(const struct rest *rest); /* the latest; all 0 as long as there is none */

#endif
