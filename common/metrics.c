/* The registry: families in the order in which they were first asked for, each with its series. */
#include "common/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buffer.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

#define BUCKETS_MAX 14

static const struct {
    size_t count;
    double bounds[BUCKETS_MAX];
} scales[] = {
    [METRICS_SECONDS] = {14, {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}},
    [METRICS_COUNTS] = {10, {1, 2, 5, 10, 20, 50, 100, 200, 500, 2000}},
};

struct series {
    struct series *next;
    struct text labels; /* step="hold",outcome="done"; empty: none */
    union {
        struct metrics_counter counter;
        struct metrics_gauge gauge;
        struct metrics_histogram histogram;
    };
};

struct family {
    struct family *next;
    const char *name, *help;
    enum kind kind;
    struct series *series, **last_series;
};

struct collector {
    struct collector *next;
    metrics_collect_fn *fn;
    void *context;
};

static struct {
    struct arena *arena;
    struct family *families, **last_family;
    struct collector *collectors;
} state;

static struct arena *memory(void)
{
    if (!state.arena) {
        state.arena = arena_new();
        state.last_family = &state.families;
    }
    return state.arena;
}

static void add_escaped(struct buffer *buffer, struct text text, bool quotes_too)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];

        if (c == '\\' || c == '\n' || (c == '"' && quotes_too)) {
            buffer_byte(buffer, '\\');
            buffer_byte(buffer, c == '\n' ? 'n' : c);
        } else {
            buffer_byte(buffer, c);
        }
    }
}

static struct text read_labels(va_list args)
{
    struct buffer buffer = buffer_in(memory());
    const char *name;

    while ((name = va_arg(args, const char *)) != NULL) {
        if (buffer.len)
            buffer_byte(&buffer, ',');
        buffer_format(&buffer, "%s=\"", name);
        add_escaped(&buffer, text_of(va_arg(args, const char *)), true);
        buffer_byte(&buffer, '"');
    }
    return buffer_take(&buffer);
}

static struct family *find_family(const char *name, const char *help, enum kind kind)
{
    struct family *family;

    for (family = state.families; family; family = family->next)
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind);
            return family;
        }
    family = ARENA_NEW(memory(), struct family);
    *family = (struct family){.name = name, .help = help, .kind = kind, .last_series = &family->series};
    *state.last_family = family;
    state.last_family = &family->next;
    return family;
}

static struct series *find_series(const char *name, const char *help, enum kind kind, struct text labels)
{
    struct family *family = find_family(name, help, kind);
    struct series *series;

    for (series = family->series; series; series = series->next)
        if (text_equal(series->labels, labels))
            return series;
    series = ARENA_NEW(memory(), struct series);
    series->labels = labels;
    *family->last_series = series;
    family->last_series = &series->next;
    return series;
}

struct metrics_counter *metrics_counter(const char *name, const char *help, ...)
{
    va_list args;
    struct text labels;

    va_start(args, help);
    labels = read_labels(args);
    va_end(args);
    return &find_series(name, help, COUNTER, labels)->counter;
}

struct metrics_gauge *metrics_gauge(const char *name, const char *help, ...)
{
    va_list args;
    struct text labels;

    va_start(args, help);
    labels = read_labels(args);
    va_end(args);
    return &find_series(name, help, GAUGE, labels)->gauge;
}

struct metrics_histogram *metrics_histogram(const char *name, const char *help, enum metrics_scale scale, ...)
{
    va_list args;
    struct text labels;
    struct metrics_histogram *histogram;

    va_start(args, scale);
    labels = read_labels(args);
    va_end(args);
    histogram = &find_series(name, help, HISTOGRAM, labels)->histogram;
    if (!histogram->counts) {
        histogram->scale = scale;
        histogram->counts = ARENA_ARRAY(memory(), uint64_t, scales[scale].count + 1);
    }
    return histogram;
}

void metrics_observe(struct metrics_histogram *histogram, double value)
{
    const size_t count = scales[histogram->scale].count;
    size_t bucket = 0;

    while (bucket < count && value > scales[histogram->scale].bounds[bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum += value;
}

void metrics_on_collect(metrics_collect_fn *fn, void *context)
{
    struct collector *collector = ARENA_NEW(memory(), struct collector);

    *collector = (struct collector){state.collectors, fn, context};
    state.collectors = collector;
}

static void put_number(struct buffer *buffer, double number)
{
    if (isfinite(number))
        buffer_format(buffer, "%.15g", number);
    else
        buffer_add(buffer, isnan(number) ? TEXT("NaN") : number > 0 ? TEXT("+Inf") : TEXT("-Inf"));
}

/* name{labels} or name{labels,more}; braces only around something. */
static void put_name(struct buffer *buffer, const char *name, const char *suffix, struct text labels, const char *more)
{
    buffer_format(buffer, "%s%s", name, suffix);
    if (labels.len == 0 && !more)
        return;
    buffer_byte(buffer, '{');
    buffer_add(buffer, labels);
    if (labels.len && more)
        buffer_byte(buffer, ',');
    buffer_add(buffer, text_of(more));
    buffer_byte(buffer, '}');
}

static void put_histogram(struct buffer *buffer, const char *name, const struct series *series)
{
    const struct metrics_histogram *histogram = &series->histogram;
    const size_t count = scales[histogram->scale].count;
    uint64_t total = 0;
    char bound[40];

    for (size_t i = 0; i <= count; i++) {
        total += histogram->counts[i];
        if (i < count)
            snprintf(bound, sizeof bound, "le=\"%g\"", scales[histogram->scale].bounds[i]);
        else
            snprintf(bound, sizeof bound, "le=\"+Inf\"");
        put_name(buffer, name, "_bucket", series->labels, bound);
        buffer_format(buffer, " %llu\n", (unsigned long long)total);
    }
    put_name(buffer, name, "_sum", series->labels, NULL);
    buffer_byte(buffer, ' ');
    put_number(buffer, histogram->sum);
    buffer_byte(buffer, '\n');
    put_name(buffer, name, "_count", series->labels, NULL);
    buffer_format(buffer, " %llu\n", (unsigned long long)total);
}

static void put_series(struct buffer *buffer, const struct family *family, const struct series *series)
{
    if (family->kind == HISTOGRAM) {
        put_histogram(buffer, family->name, series);
        return;
    }
    put_name(buffer, family->name, "", series->labels, NULL);
    if (family->kind == COUNTER) {
        buffer_format(buffer, " %llu\n", (unsigned long long)series->counter.value);
    } else {
        buffer_byte(buffer, ' ');
        put_number(buffer, series->gauge.value);
        buffer_byte(buffer, '\n');
    }
}

struct text metrics_text(struct arena *arena)
{
    static const char *const kinds[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    struct buffer buffer = buffer_in(arena);

    for (const struct collector *collector = state.collectors; collector; collector = collector->next)
        collector->fn(collector->context);
    for (const struct family *family = state.families; family; family = family->next) {
        buffer_format(&buffer, "# HELP %s ", family->name);
        add_escaped(&buffer, text_of(family->help), false);
        buffer_format(&buffer, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
        for (const struct series *series = family->series; series; series = series->next)
            put_series(&buffer, family, series);
    }
    return buffer_take(&buffer);
}
