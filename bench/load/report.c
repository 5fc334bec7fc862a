/* See report.h. */
#include "bench/load/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"

#define BAR_CHARACTERS 30
#define PLAIN_US       5000000 /* between two lines where nothing can change a line */
#define LINE_BYTES     300

static const struct {
    const char *name;
    double share;
} told[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

#define TOLD (sizeof told / sizeof *told)

/* ---- while it runs ---- */

static void show_line(const char *line)
{
    static int64_t shown_us;
    const int64_t now_us = clock_monotonic_us();

    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K%s", line);
    } else if (now_us - shown_us >= PLAIN_US) {
        fprintf(stderr, "%s\n", line);
        shown_us = now_us;
    }
}

void report_clear(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static double share_done(const struct options *options, const struct outcome_counts *outcome, double seconds)
{
    const double share = options->items ? (double)outcome->sent_items / (double)options->items
                                        : seconds * 1e6 / (double)options->duration_us;

    return share < 1 ? share : 1;
}

void report_sending(const struct options *options, const struct outcome_counts *outcome)
{
    const double seconds = (double)(clock_monotonic_us() - outcome->begun_us) / 1e6;
    const double share = share_done(options, outcome, seconds);
    char bar[BAR_CHARACTERS + 1], line[LINE_BYTES];

    memset(bar, ' ', BAR_CHARACTERS);
    memset(bar, '=', (size_t)(share * BAR_CHARACTERS));
    bar[BAR_CHARACTERS] = '\0';
    snprintf(line, sizeof line, "[%s] %3.0f %%  %llu accepted, %.0f/s, p99 %.1f ms, %llu refused, %llu lost", bar,
             share * 100, (unsigned long long)outcome->accepted_items,
             seconds > 0 ? (double)outcome->accepted_items / seconds : 0,
             (double)histogram_percentile_us(&outcome->latency, 0.99) / 1e3, (unsigned long long)outcome->refused,
             (unsigned long long)outcome->lost);
    show_line(line);
}

void report_waiting(const char *for_what, const struct counts *counts)
{
    char line[LINE_BYTES];

    snprintf(line, sizeof line, "%s: %llu received, %llu still under way", for_what,
             (unsigned long long)counts->received, (unsigned long long)counts->unread);
    show_line(line);
}

/* ---- the verdict ---- */

struct growth {
    uint64_t received, unique, duplicates, rejected, bookings;
};

static struct growth growth_of(const struct verdict *verdict)
{
    const struct counts *before = verdict->before, *after = verdict->after;

    return (struct growth){after->received - before->received, after->unique - before->unique,
                           after->duplicates - before->duplicates, after->rejected - before->rejected,
                           after->bookings - before->bookings};
}

bool verdict_agrees(const struct options *options, const struct verdict *verdict)
{
    const struct expectation *expected = &verdict->expected;
    struct growth found;

    if (!options->compares)
        return true;
    if (!verdict->before || !verdict->after)
        return false;
    found = growth_of(verdict);
    if (options->is_bookings) /* their repeats are entries like others; a booking is there once */
        return found.bookings >= expected->unique_least && found.bookings <= expected->unique_most &&
               found.rejected == 0;
    return expectation_fits(expected, found.received, found.unique) && found.rejected == 0 &&
           found.received == found.unique + found.duplicates;
}

/* ---- at the end ---- */

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void print_range(const char *name, uint64_t least, uint64_t most, uint64_t found)
{
    char range[LINE_BYTES];

    snprintf(range, sizeof range, least == most ? "%llu" : "%llu to %llu", (unsigned long long)least,
             (unsigned long long)most);
    printf("  %-18s %20s %12llu   %s\n", name, range, (unsigned long long)found,
           found >= least && found <= most ? "agrees" : "DIFFERS");
}

static void print_verdict(const struct options *options, const struct verdict *verdict)
{
    const struct expectation *expected = &verdict->expected;
    const bool is_exact = expectation_is_exact(expected);
    struct growth found;

    if (!verdict->before || !verdict->after) {
        printf("\nThe system did not come to rest, so its counts cannot be compared.\n");
        return;
    }
    found = growth_of(verdict);
    printf("\n  %-18s %20s %12s\n", "/stats", "expected", "counted");
    if (options->is_bookings) {
        print_range("bookings", expected->unique_least, expected->unique_most, found.bookings);
    } else {
        print_range("received", expected->received_least, expected->received_most, found.received);
        print_range("unique_processed", expected->unique_least, expected->unique_most, found.unique);
        print_range("duplicate_dropped", expected->received_least - expected->unique_least,
                    expected->received_most - expected->unique_least, found.duplicates);
    }
    print_range("rejected", 0, 0, found.rejected);
    if (!verdict_agrees(options, verdict))
        printf("They do NOT agree.\n");
    else
        printf(is_exact ? "They agree exactly.\n"
                        : "They agree, as far as lost answers (and those of 500 and above) leave it known.\n");
}

static void print_latency(const char *what, const struct histogram *histogram)
{
    printf("%s, ms:", what);
    for (size_t i = 0; i < TOLD; i++)
        printf(" %s %.2f,", told[i].name, (double)histogram_percentile_us(histogram, told[i].share) / 1e3);
    printf(" max %.2f\n", (double)histogram->max_us / 1e3);
}

static void print_text(const struct options *options, const char *run, const struct outcome_counts *outcome)
{
    const double seconds = (double)(outcome->ended_us - outcome->begun_us) / 1e6;
    const char *things = options->is_bookings ? "bookings" : "events";

    printf("Run %s, seed %lld: %llu %s in %llu requests over %lld connections in %.3f s.\n", run,
           (long long)options->seed_number, (unsigned long long)outcome->sent_items, things,
           (unsigned long long)outcome->sent, (long long)options->connection_count, seconds);
    printf("Accepted: %llu requests (%.0f/s), %llu %s (%.0f/s).\n", (unsigned long long)outcome->accepted,
           (double)outcome->accepted / seconds, (unsigned long long)outcome->accepted_items, things,
           (double)outcome->accepted_items / seconds);
    for (size_t i = 0; i < outcome->refusal_kinds; i++)
        printf("Refused: %llu requests with %d %s.\n", (unsigned long long)outcome->refusals[i].requests,
               outcome->refusals[i].status, outcome->refusals[i].code);
    if (outcome->lost)
        printf("Lost: %llu answers; their requests were sent again.\n", (unsigned long long)outcome->lost);
    if (outcome->unresolved)
        printf("Given up: %llu requests, tried again for %s s.\n", (unsigned long long)outcome->unresolved,
               options->patience);
    if (options->rate_per_s > 0) {
        print_latency("Latency since a request was due (open loop)", &outcome->latency);
        print_latency("  of which it waited for a connection", &outcome->waited);
    } else {
        print_latency("Latency since a request was sent (closed loop: slow answers slow the sending down)",
                      &outcome->latency);
    }
}

static void print_json(const struct options *options, const char *run, const struct outcome_counts *outcome,
                       const struct verdict *verdict)
{
    const struct expectation *expected = &verdict->expected;

    printf("{\"run\":\"%s\",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"requests\":%llu,\"accepted\":%llu,"
           "\"accepted_items\":%llu,\"lost\":%llu,\"given_up\":%llu,\"refused\":[",
           run, (double)(outcome->ended_us - outcome->begun_us) / 1e6, cpu_s(), (unsigned long long)outcome->sent,
           (unsigned long long)outcome->accepted, (unsigned long long)outcome->accepted_items,
           (unsigned long long)outcome->lost, (unsigned long long)outcome->unresolved);
    for (size_t i = 0; i < outcome->refusal_kinds; i++)
        printf("%s{\"status\":%d,\"code\":\"%s\",\"requests\":%llu}", i ? "," : "", outcome->refusals[i].status,
               outcome->refusals[i].code, (unsigned long long)outcome->refusals[i].requests);
    printf("],\"latency_ms\":{\"is_open_loop\":%s", options->rate_per_s > 0 ? "true" : "false");
    for (size_t i = 0; i < TOLD; i++)
        printf(",\"%s\":%.3f", told[i].name, (double)histogram_percentile_us(&outcome->latency, told[i].share) / 1e3);
    printf(",\"max\":%.3f},\"expected\":{\"received\":[%llu,%llu],\"unique\":[%llu,%llu]},",
           (double)outcome->latency.max_us / 1e3, (unsigned long long)expected->received_least,
           (unsigned long long)expected->received_most, (unsigned long long)expected->unique_least,
           (unsigned long long)expected->unique_most);
    if (verdict->before && verdict->after) {
        const struct growth found = growth_of(verdict);

        printf(
            "\"counted\":{\"received\":%llu,\"unique\":%llu,\"duplicates\":%llu,\"rejected\":%llu,\"bookings\":%llu},",
            (unsigned long long)found.received, (unsigned long long)found.unique, (unsigned long long)found.duplicates,
            (unsigned long long)found.rejected, (unsigned long long)found.bookings);
    }
    printf("\"is_exact\":%s,\"agrees\":%s}\n", expectation_is_exact(expected) ? "true" : "false",
           verdict_agrees(options, verdict) ? "true" : "false");
}

void report_end(const struct options *options, const char *run, const struct outcome_counts *outcome,
                const struct verdict *verdict)
{
    if (options->is_json) {
        print_json(options, run, outcome, verdict);
        return;
    }
    print_text(options, run, outcome);
    if (options->compares)
        print_verdict(options, verdict);
}
