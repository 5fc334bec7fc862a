/* What karcis-load can be asked. */
#ifndef KARCIS_BENCH_OPTIONS_H
#define KARCIS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    bool is_bookings;
    const char *count, *seconds, *rate, *arrivals, *connections, *batch, *duplicates, *show, *skew, *users, *topic,
        *seed, *run, *key, *publisher, *aggregator, *timeout, *patience, *compare, *json; /* as they were given */
    /* what they mean */
    int64_t items, duration_us; /* one of them is 0 */
    double rate_per_s;          /* 0: max */
    bool is_uniform, compares, is_json;
    int64_t connection_count, batch_items, duplicates_ppm, user_count, seed_number, timeout_ms, patience_ms;
    double skew_exponent;
};

/* Reads the command line, the environment and RUN_DIR/env. What cannot be understood ends the program with
 * EXIT_CONFIGURATION; --help with 0. */
void options_read(struct options *options, int argc, char **argv);

#endif
