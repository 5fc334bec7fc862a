/* aggregator's views: the numbers of /stats. */
#include "tests/unit/support.h"

#include <math.h>

#include "aggregator/percentile.h"
#include "aggregator/throughput.h"

static void a_percentile_lies_in_its_bucket(void **state)
{
    int64_t counts[LATENCY_BUCKETS] = {0};

    (void)state;
    assert_true(isnan(percentile_ms(counts, 0.5)));
    counts[8] = 100; /* up to 0.4 ms */
    assert_true(percentile_ms(counts, 0.5) > latency_bound_ms(7) && percentile_ms(counts, 0.5) < latency_bound_ms(8));
    assert_true(fabs(percentile_ms(counts, 1) - latency_bound_ms(8)) < 1e-9);
    counts[40] = 100;
    assert_true(percentile_ms(counts, 0.49) <= latency_bound_ms(8));
    assert_true(percentile_ms(counts, 0.51) >= latency_bound_ms(39));
    assert_true(percentile_ms(counts, 0.99) <= latency_bound_ms(40));
}

static void percentiles_never_fall(void **state)
{
    struct random random = support_seed("percentiles");

    (void)state;
    for (int i = 0; i < 500; i++) {
        int64_t counts[LATENCY_BUCKETS] = {0};
        double last = 0;

        for (int j = 0; j < 5; j++)
            counts[support_random_below(&random, LATENCY_BUCKETS)] += (int64_t)support_random_below(&random, 50) + 1;
        for (int share = 0; share <= 100; share++) {
            const double now = percentile_ms(counts, share / 100.0);

            assert_true(now >= last);
            last = now;
        }
    }
}

static void a_rate_is_taken_over_the_last_ten_seconds(void **state)
{
    struct throughput throughput = {0};

    (void)state;
    assert_true(throughput_per_second(&throughput, 500000, 500) == 0); /* it is not known when these came */
    throughput_add(&throughput, 1000000, 500);
    assert_true(throughput_per_second(&throughput, 1000000, 500) == 0);
    assert_true(throughput_per_second(&throughput, 1001000, 510) == 10); /* not 10,000 */
    assert_true(throughput_per_second(&throughput, 3000000, 510) == 5);
    assert_true(throughput_per_second(&throughput, 3000000, 490) ==
                0); /* asked before the sample, answered behind it */
    for (int64_t second = 2; second <= 30; second++)
        throughput_add(&throughput, second * 1000000, 510 + (second - 2) * 7);
    assert_true(throughput_per_second(&throughput, 30000000, 706) == 7); /* what was before is forgotten */
    assert_true(throughput_per_second(&throughput, 31000000, 776) == 13.3);
    for (int64_t second = 31; second <= 40; second++)
        throughput_add(&throughput, second * 1000000, 706);
    assert_true(throughput_per_second(&throughput, 40500000, 706) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_lies_in_its_bucket),
        cmocka_unit_test(percentiles_never_fall),
        cmocka_unit_test(a_rate_is_taken_over_the_last_ten_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
