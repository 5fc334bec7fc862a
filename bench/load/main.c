/* karcis-load: sends events or bookings as many clients would, and checks that the system counts what was sent.
 *
 * One thing after the other, each begun by the end of the one before: the show's seats (bookings only), rest and the
 * counts before, sending, rest and the counts after, the report. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <event2/event.h>
#include <sodium.h>

#include "bench/load/chance.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/rest.h"
#include "bench/load/seats.h"
#include "bench/load/sender.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"

#define PROGRESS_US 100000

static struct {
    struct options options;
    struct server publisher, aggregator;
    struct event_base *base;
    struct event *progress;
    struct arena *arena;
    struct client *asking; /* for the show */
    struct seats seats;
    struct workload workload;
    struct journal *journal;
    struct sender_options sending;
    struct sender *sender;
    struct rest *rest;
    struct counts before, after;
    bool is_before, is_after; /* … are known */
} run;

static _Noreturn void give_up(const char *why, const char *what)
{
    report_clear();
    fprintf(stderr, "karcis-load: %s: %s\n", why, what);
    exit(EXIT_TEMPORARY);
}

/* ---- after ---- */

static void end_rest(void)
{
    rest_free(run.rest);
    run.rest = NULL;
}

static void on_rest_after(const struct counts *counts, void *context)
{
    (void)context;
    run.is_after = counts != NULL;
    if (counts)
        run.after = *counts;
    else
        fprintf(stderr, "karcis-load: no rest: %s\n", rest_counts(run.rest)->unrest);
    event_base_loopbreak(run.base);
}

static void on_sent(void *context)
{
    (void)context;
    if (!run.options.compares) {
        event_base_loopbreak(run.base);
        return;
    }
    run.rest =
        rest_wait(run.base, &run.aggregator, run.options.timeout_ms, run.options.patience_ms, on_rest_after, NULL);
}

/* ---- before ---- */

static void start_sending(void)
{
    run.sender = sender_start(run.base, &run.sending, &run.workload, run.journal, on_sent, NULL);
}

static void on_rest_before(const struct counts *counts, void *context)
{
    (void)context;
    if (!counts)
        give_up("the system is not at rest, so what it counts cannot be told from what others send",
                rest_counts(run.rest)->unrest[0] ? rest_counts(run.rest)->unrest : "/stats gives no answer");
    run.before = *counts;
    run.is_before = true;
    end_rest();
    start_sending();
}

static void begin(void)
{
    if (!run.options.compares) {
        start_sending();
        return;
    }
    run.rest =
        rest_wait(run.base, &run.aggregator, run.options.timeout_ms, run.options.patience_ms, on_rest_before, NULL);
}

static void on_show(struct client *client, const struct answer *answer, void *context)
{
    (void)client;
    (void)context;
    if (answer->status != 200 || !seats_read(run.arena, answer->body, &run.seats))
        give_up("the show cannot be seen", run.options.show);
    run.workload.seats = run.seats.labels;
    run.workload.crowd = run.seats.count ? crowd_new(run.seats.count, run.options.skew_exponent) : NULL;
    begin();
}

static void ask_for_show(void)
{
    run.asking = client_new(run.base, &run.aggregator, NULL, run.options.timeout_ms, on_show, NULL);
    client_get(run.asking, text_format(run.arena, "/shows/%s", run.options.show).ptr);
}

/* ---- meanwhile ---- */

static void on_progress(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    if (run.rest)
        report_waiting(run.is_before ? "until everything is counted" : "until the system is at rest",
                       rest_counts(run.rest));
    else if (run.sender)
        report_sending(&run.options, sender_counts(run.sender));
}

/* ---- life ---- */

static void plan(void)
{
    const struct options *options = &run.options;
    const int64_t now_ms = clock_now_ms();

    run.workload = (struct workload){
        .is_bookings = options->is_bookings,
        .batch = (uint64_t)options->batch_items,
        .repeats_ppm = (uint64_t)options->duplicates_ppm,
        .seed = (uint64_t)options->seed_number,
        .run =
            options->run ? text_of(options->run) : text_format(run.arena, "%llx", (unsigned long long)clock_now_us()),
        .topic = text_of(options->topic),
        .begun_ms = now_ms,
        .begun = time_text(run.arena, now_ms),
        .show = text_of(options->show),
        .users = (uint64_t)options->user_count,
    };
    run.sending = (struct sender_options){
        .server = &run.publisher,
        .key = options->key,
        .connections = (size_t)options->connection_count,
        .rate_per_s = options->rate_per_s,
        .is_uniform = options->is_uniform,
        .items = (uint64_t)options->items,
        .duration_us = options->duration_us,
        .timeout_ms = options->timeout_ms,
        .patience_ms = options->patience_ms,
    };
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER); /* what is due in 0.1 ms is not due in 1 ms */
    base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        give_up("cannot begin", "no event base");
    return base;
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static bool tell(void)
{
    const struct verdict verdict = {
        .expected = journal_expectation(run.journal),
        .before = run.is_before ? &run.before : NULL,
        .after = run.is_after ? &run.after : NULL,
    };

    report_clear();
    report_end(&run.options, run.workload.run.ptr, sender_counts(run.sender), &verdict);
    return verdict_agrees(&run.options, &verdict);
}

static void clean_up(void)
{
    end_rest();
    client_free(run.asking);
    sender_free(run.sender);
    journal_free(run.journal);
    crowd_free(run.workload.crowd);
    event_free(run.progress);
    event_base_free(run.base);
    arena_free(run.arena);
}

int main(int argc, char **argv)
{
    static const struct timeval progress = {0, PROGRESS_US};
    bool agrees;

    options_read(&run.options, argc, argv);
    if (!server_read(run.options.publisher, &run.publisher) || !server_read(run.options.aggregator, &run.aggregator))
        give_up("URLs look like http://127.0.0.1:8081", run.options.publisher);
    if (sodium_init() < 0)
        give_up("cannot begin", "libsodium");
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    run.arena = arena_new();
    run.base = base_new();
    run.progress = event_new(run.base, -1, EV_PERSIST, on_progress, NULL);
    event_add(run.progress, &progress);
    plan();
    run.journal = journal_new(&run.workload);
    if (run.options.is_bookings)
        ask_for_show();
    else
        begin();
    event_base_dispatch(run.base);
    agrees = tell();
    clean_up();
    return agrees ? 0 : 1;
}
