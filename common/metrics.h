/* Counters, gauges and histograms of this process, and their text for Prometheus (exposition format 0.0.4).
 *
 * The idea to hold in mind: a metric is looked up once, by name and labels, and the pointer kept; counting is then one
 * addition. One thread, no locks. Metrics live until the process ends. */
#ifndef KARCIS_METRICS_H
#define KARCIS_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

struct metrics_counter {
    uint64_t value;
};

struct metrics_gauge {
    double value;
};

enum metrics_scale {
    METRICS_SECONDS, /* 0.5 ms to 10 s */
    METRICS_COUNTS   /* 1 to 2,000: entries of a batch */
};

struct metrics_histogram {
    enum metrics_scale scale;
    double sum;
    uint64_t *counts; /* of each bucket alone; the last is for all that is larger */
};

/* Finds or makes the metric. Behind the help: label names and values, then NULL. The name and the help are literals,
 * label values are copied. The same name must always come with the same kind. */
struct metrics_counter *metrics_counter(const char *name, const char *help, ...) __attribute__((sentinel));
struct metrics_gauge *metrics_gauge(const char *name, const char *help, ...) __attribute__((sentinel));
struct metrics_histogram *metrics_histogram(const char *name, const char *help, enum metrics_scale scale, ...)
    __attribute__((sentinel));

static inline void metrics_count(struct metrics_counter *counter, uint64_t more)
{
    counter->value += more;
}

static inline void metrics_set(struct metrics_gauge *gauge, double value)
{
    gauge->value = value;
}

void metrics_observe(struct metrics_histogram *histogram, double value);

/* Called before each text is made, to set gauges that nobody keeps up to date. */
typedef void metrics_collect_fn(void *context);
void metrics_on_collect(metrics_collect_fn *fn, void *context);

/* The whole text, from the arena. */
struct text metrics_text(struct arena *arena);

#endif
