/* See schedule.h. */
#include "bench/load/schedule.h"

#include <math.h>

#include "bench/load/chance.h"

struct schedule schedule_begin(double rate_per_s, bool is_uniform, uint64_t seed, int64_t now_us)
{
    return (struct schedule){.rate_per_s = rate_per_s, .is_uniform = is_uniform, .seed = seed, .begun_us = now_us};
}

int64_t schedule_next_us(const struct schedule *schedule)
{
    return schedule->begun_us + (int64_t)schedule->position_us;
}

void schedule_advance(struct schedule *schedule)
{
    const double gap_us = 1e6 / schedule->rate_per_s;

    schedule->drawn++;
    if (schedule->is_uniform) /* not a sum: that would drift */
        schedule->position_us = (double)schedule->drawn * gap_us;
    else
        schedule->position_us -= log(1 - chance_share(chance_at(schedule->seed, schedule->drawn))) * gap_us;
}
