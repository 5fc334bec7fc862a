/* What is sent: events for POST /publish, or bookings for POST /bookings.
 *
 * The idea to hold in mind: items are numbered as they are sent, and what an item is follows from its number alone.
 * Some are repeats: of an earlier original, drawn by chance, with the same id and the same content. So any request can
 * be made again when its answer was lost, nothing that was sent has to be kept, and which ids have been sent is known.
 */
#ifndef KARCIS_BENCH_WORKLOAD_H
#define KARCIS_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

struct crowd;

#define REPEATS_SCALE 1000000 /* the share of repeats is kept in millionths, so that they can be counted exactly */

struct workload {
    bool is_bookings;
    uint64_t batch; /* events in a body; 1 for bookings */
    uint64_t repeats_ppm;
    uint64_t seed;
    struct text run, topic; /* run: begins every id, so that a run never repeats another's events */
    int64_t begun_ms;
    struct text begun; /* the same, as RFC 3339 */
    /* bookings */
    struct text show;
    uint64_t users;
    const struct text *seats; /* NULL: the show has no labels */
    struct crowd *crowd;      /* which seat */
};

/* The number of the original that item `item` is, or repeats; numbers begin at 0 and have no gaps. */
uint64_t workload_original(const struct workload *workload, uint64_t item);
/* How many of the first `items` are originals. */
uint64_t workload_originals(const struct workload *workload, uint64_t items);
/* The body of the request with these items. */
void workload_write(const struct workload *workload, uint64_t first, uint64_t count, struct buffer *body);

#endif
