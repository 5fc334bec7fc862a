/* When requests ought to be sent.
 *
 * The idea to hold in mind: in an open loop that does not depend on how fast anything is answered, as it does not for
 * real clients. Latency counts from these times, also while a request waits for a connection: whoever measures from
 * when he got round to sending leaves out just the slow ones ("coordinated omission"). */
#ifndef KARCIS_BENCH_SCHEDULE_H
#define KARCIS_BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    double rate_per_s; /* 0: a closed loop, as fast as answers come */
    bool is_uniform;   /* else Poisson: the gaps are independent, as those of many clients are */
    uint64_t seed;
    int64_t begun_us;
    uint64_t drawn;     /* how many gaps */
    double position_us; /* of the next request, after begun_us */
};

struct schedule schedule_begin(double rate_per_s, bool is_uniform, uint64_t seed, int64_t now_us);
int64_t schedule_next_us(const struct schedule *schedule); /* when the next request ought to be sent */
void schedule_advance(struct schedule *schedule);          /* to the one after it */

#endif
