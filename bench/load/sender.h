/* Sends all requests when they are due, and notes what became of each. */
#ifndef KARCIS_BENCH_SENDER_H
#define KARCIS_BENCH_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load/client.h"
#include "bench/load/histogram.h"
#include "bench/load/journal.h"
#include "bench/load/schedule.h"
#include "bench/load/workload.h"

#define REFUSAL_CODE_BYTES 48
#define REFUSAL_KINDS      32 /* more are counted as the last */

struct refusal_count {
    int status;
    char code[REFUSAL_CODE_BYTES]; /* of the problem+json */
    uint64_t requests;
};

struct sender_options {
    const struct server *server;
    const char *key;
    size_t connections;
    double rate_per_s; /* 0: closed loop */
    bool is_uniform;
    uint64_t items; /* 0: until duration_us has passed */
    int64_t duration_us;
    int64_t timeout_ms, patience_ms;
};

/* All that the report tells; requests unless it says items. */
struct outcome_counts {
    uint64_t sent_items, sent, accepted_items, accepted, refused, lost, unresolved;
    struct refusal_count refusals[REFUSAL_KINDS];
    size_t refusal_kinds;
    struct histogram latency; /* of what was accepted or refused, since it was due */
    struct histogram waited;  /* for a free connection, since it was due */
    int64_t begun_us, ended_us;
};

struct sender;

/* Calls on_end, later, when every request has been answered or given up. */
struct sender *sender_start(struct event_base *base, const struct sender_options *options,
                            const struct workload *workload, struct journal *journal, void (*on_end)(void *context),
                            void *context);
void sender_free(struct sender *sender); /* accepts NULL */
const struct outcome_counts *sender_counts(const struct sender *sender);

#endif
