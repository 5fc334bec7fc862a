/* metrics: counting, and the text that Prometheus reads. */
#include "tests/unit/support.h"

#include "common/arena.h"
#include "common/metrics.h"

/* The registry is the process's: each test uses names of its own, and looks for its lines. */
static bool has_line(const char *line)
{
    struct arena *arena = arena_new();
    struct text rest = metrics_text(arena), next;
    bool found = false;

    while (text_next(&rest, '\n', &next))
        found = found || text_is(next, line);
    arena_free(arena);
    return found;
}

static void a_counter_is_found_again_by_its_name_and_labels(void **state)
{
    struct metrics_counter *hold = metrics_counter("a_total", "What.", "step", "hold", NULL);

    (void)state;
    metrics_count(hold, 2);
    metrics_count(metrics_counter("a_total", "What.", "step", "hold", NULL), 3);
    metrics_count(metrics_counter("a_total", "What.", "step", "bill", NULL), 1);
    assert_true(has_line("# HELP a_total What."));
    assert_true(has_line("# TYPE a_total counter"));
    assert_true(has_line("a_total{step=\"hold\"} 5"));
    assert_true(has_line("a_total{step=\"bill\"} 1"));
}

static void labels_are_escaped(void **state)
{
    (void)state;
    metrics_count(metrics_counter("b_total", "One\nline \\.", "path", "a\"b\\c\nd", "q", "", NULL), 1);
    assert_true(has_line("# HELP b_total One\\nline \\\\."));
    assert_true(has_line("b_total{path=\"a\\\"b\\\\c\\nd\",q=\"\"} 1"));
}

static void a_gauge_shows_what_was_set_last(void **state)
{
    struct metrics_gauge *gauge = metrics_gauge("c_bytes", "How many.", NULL);

    (void)state;
    metrics_set(gauge, 1.5);
    assert_true(has_line("c_bytes 1.5"));
    metrics_set(gauge, -1.0 / 0.0);
    assert_true(has_line("c_bytes -Inf"));
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
    struct metrics_histogram *histogram =
        metrics_histogram("d_seconds", "How long.", METRICS_SECONDS, "step", "hold", NULL);

    (void)state;
    metrics_observe(histogram, 0.0005); /* a bound belongs to its bucket */
    metrics_observe(histogram, 0.003);
    metrics_observe(histogram, 99);
    assert_true(has_line("# TYPE d_seconds histogram"));
    assert_true(has_line("d_seconds_bucket{step=\"hold\",le=\"0.0005\"} 1"));
    assert_true(has_line("d_seconds_bucket{step=\"hold\",le=\"0.0025\"} 1"));
    assert_true(has_line("d_seconds_bucket{step=\"hold\",le=\"0.005\"} 2"));
    assert_true(has_line("d_seconds_bucket{step=\"hold\",le=\"10\"} 2"));
    assert_true(has_line("d_seconds_bucket{step=\"hold\",le=\"+Inf\"} 3"));
    assert_true(has_line("d_seconds_sum{step=\"hold\"} 99.0035"));
    assert_true(has_line("d_seconds_count{step=\"hold\"} 3"));
}

static void set_to_seven(void *context)
{
    metrics_set(context, 7);
}

static void a_collector_is_asked_before_each_text(void **state)
{
    (void)state;
    metrics_on_collect(set_to_seven, metrics_gauge("e", "Kept by nobody.", NULL));
    assert_true(has_line("e 7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_is_found_again_by_its_name_and_labels),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(a_gauge_shows_what_was_set_last),
        cmocka_unit_test(a_histogram_counts_up_to_each_bound),
        cmocka_unit_test(a_collector_is_asked_before_each_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
