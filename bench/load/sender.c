/* See sender.h.
 *
 * The idea to hold in mind: a request that is due stands in the line until a connection is free; an answer frees its
 * connection, a lost answer puts its request into the line again. Only the schedule and the line decide what is sent.
 */
#include "bench/load/sender.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <jansson.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"

#define RECONNECT_US      100000 /* a connection that was lost is not used again before */
#define BODY_ARENA_BYTES  (1u << 20)
#define LINE_LENGTH_FIRST 1024 /* grows */

struct due {
    uint64_t first, count; /* items */
    int64_t due_us;
    int64_t lost_us; /* when its answer was lost for the first time; 0: it was not */
};

struct lane { /* one connection */
    struct sender *sender;
    struct client *client;
    struct due due; /* under way; count 0: nothing is */
    struct event *rest;
};

struct sender {
    struct event_base *base;
    const struct sender_options *options;
    const struct workload *workload;
    struct journal *journal;
    void (*on_end)(void *context);
    void *context;
    struct schedule schedule;
    struct event *clock, *end;
    struct arena *arena;
    struct buffer body;
    struct due *line; /* a ring */
    size_t line_first, line_count, line_capacity;
    struct lane *lanes, **free_lanes;
    size_t free_count;
    uint64_t under_way;
    struct outcome_counts counts;
};

static void *needed(void *memory)
{
    if (!memory)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return memory;
}

/* ---- the line ---- */

static void line_grow(struct sender *sender)
{
    const size_t capacity = sender->line_capacity ? 2 * sender->line_capacity : LINE_LENGTH_FIRST;
    struct due *line = needed(calloc(capacity, sizeof *line));

    for (size_t i = 0; i < sender->line_count; i++)
        line[i] = sender->line[(sender->line_first + i) % sender->line_capacity];
    free(sender->line);
    sender->line = line;
    sender->line_first = 0;
    sender->line_capacity = capacity;
}

static void line_up(struct sender *sender, struct due due)
{
    if (sender->line_count == sender->line_capacity)
        line_grow(sender);
    sender->line[(sender->line_first + sender->line_count++) % sender->line_capacity] = due;
}

static struct due line_take(struct sender *sender)
{
    const struct due due = sender->line[sender->line_first];

    sender->line_first = (sender->line_first + 1) % sender->line_capacity;
    sender->line_count--;
    return due;
}

/* ---- sending ---- */

static bool is_last_due(const struct sender *sender, int64_t now_us)
{
    const struct sender_options *options = sender->options;

    return options->items ? sender->counts.sent_items >= options->items
                          : now_us >= sender->counts.begun_us + options->duration_us;
}

/* The next request of the plan. */
static struct due next_due(struct sender *sender, int64_t due_us)
{
    const uint64_t first = sender->counts.sent_items, left = sender->options->items - first;
    const uint64_t batch = sender->workload->batch;
    const uint64_t count = sender->options->items && left < batch ? left : batch;

    sender->counts.sent_items += count;
    sender->counts.sent++;
    return (struct due){.first = first, .count = count, .due_us = due_us};
}

static void send_on(struct lane *lane, struct due due, int64_t now_us)
{
    struct sender *sender = lane->sender;

    lane->due = due;
    sender->under_way++;
    if (!due.lost_us)
        histogram_add(&sender->counts.waited, now_us - due.due_us);
    workload_write(sender->workload, due.first, due.count, &sender->body);
    client_post(lane->client, sender->workload->is_bookings ? "/bookings" : "/publish", buffer_take(&sender->body));
    if (arena_bytes(sender->arena) > BODY_ARENA_BYTES) {
        arena_reset(sender->arena);
        sender->body = buffer_in(sender->arena);
    }
}

static void arm_clock(struct sender *sender, int64_t now_us)
{
    const int64_t wait_us = schedule_next_us(&sender->schedule) - now_us;
    const struct timeval wait = {wait_us > 0 ? wait_us / 1000000 : 0, wait_us > 0 ? wait_us % 1000000 : 0};

    evtimer_add(sender->clock, &wait);
}

static void advance(struct sender *sender)
{
    const struct timeval at_once = {0};
    const bool is_open = sender->options->rate_per_s > 0;
    const int64_t now_us = clock_monotonic_us();

    while (is_open && !is_last_due(sender, schedule_next_us(&sender->schedule)) &&
           schedule_next_us(&sender->schedule) <= now_us) {
        line_up(sender, next_due(sender, schedule_next_us(&sender->schedule)));
        schedule_advance(&sender->schedule);
    }
    while (sender->free_count > 0 && sender->line_count > 0)
        send_on(sender->free_lanes[--sender->free_count], line_take(sender), now_us);
    while (!is_open && sender->free_count > 0 && !is_last_due(sender, now_us))
        send_on(sender->free_lanes[--sender->free_count], next_due(sender, now_us), now_us);
    if (!is_last_due(sender, is_open ? schedule_next_us(&sender->schedule) : now_us)) {
        if (is_open)
            arm_clock(sender, now_us);
    } else if (sender->under_way + sender->line_count == 0 && !sender->counts.ended_us) {
        sender->counts.ended_us = now_us;
        evtimer_add(sender->end, &at_once);
    }
}

static void on_clock(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    advance(context);
}

static void on_ended(evutil_socket_t fd, short events, void *context)
{
    const struct sender *sender = context;

    (void)fd;
    (void)events;
    sender->on_end(sender->context);
}

/* ---- answers ---- */

static void read_code(struct text body, char code[REFUSAL_CODE_BYTES])
{
    json_t *problem = json_loadb(body.ptr, body.len, 0, NULL);
    const char *said = json_string_value(json_object_get(problem, "code"));

    snprintf(code, REFUSAL_CODE_BYTES, "%s", said ? said : "");
    json_decref(problem);
}

static void count_refusal(struct outcome_counts *counts, const struct answer *answer)
{
    char code[REFUSAL_CODE_BYTES];
    size_t i = 0;

    read_code(answer->body, code);
    while (i < counts->refusal_kinds &&
           (counts->refusals[i].status != answer->status || strcmp(counts->refusals[i].code, code) != 0))
        i++;
    if (i == counts->refusal_kinds) {
        if (counts->refusal_kinds == REFUSAL_KINDS)
            i = REFUSAL_KINDS - 1;
        else
            counts->refusals[counts->refusal_kinds++].status = answer->status;
        snprintf(counts->refusals[i].code, REFUSAL_CODE_BYTES, "%s", code);
    }
    counts->refusals[i].requests++;
    counts->refused++;
}

/* Sent again as soon as it can be: the same items, so that what was taken already is dropped as repeated. */
static void try_again(struct sender *sender, struct due due, const struct answer *answer, int64_t now_us)
{
    if (answer->was_sent) {
        sender->counts.lost++;
        journal_perhaps(sender->journal, due.first, due.count);
    }
    if (!due.lost_us)
        due.lost_us = now_us;
    if (now_us - due.lost_us < sender->options->patience_ms * 1000)
        line_up(sender, due);
    else
        sender->counts.unresolved++;
}

static void settle(struct sender *sender, const struct due *due, const struct answer *answer, int64_t now_us)
{
    struct outcome_counts *counts = &sender->counts;

    histogram_add(&counts->latency, now_us - due->due_us);
    if (answer->status / 100 == 2) {
        counts->accepted++;
        counts->accepted_items += due->count;
        journal_accepted(sender->journal, due->first, due->count);
        return;
    }
    count_refusal(counts, answer);
    if (answer->status >= 500)
        journal_perhaps(sender->journal, due->first, due->count);
}

static void give_lane(struct lane *lane)
{
    lane->sender->free_lanes[lane->sender->free_count++] = lane;
    advance(lane->sender);
}

static void on_rested(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    give_lane(context);
}

static void on_answer(struct client *client, const struct answer *answer, void *context)
{
    static const struct timeval rest = {0, RECONNECT_US};
    struct lane *lane = context;
    const struct due due = lane->due;
    const int64_t now_us = clock_monotonic_us();

    (void)client;
    lane->due.count = 0;
    lane->sender->under_way--;
    if (answer->status) {
        settle(lane->sender, &due, answer, now_us);
        give_lane(lane);
        return;
    }
    try_again(lane->sender, due, answer, now_us);
    evtimer_add(lane->rest, &rest);
    advance(lane->sender);
}

/* ---- life ---- */

static void add_lanes(struct sender *sender)
{
    const struct sender_options *options = sender->options;

    sender->lanes = needed(calloc(options->connections, sizeof *sender->lanes));
    sender->free_lanes = needed(calloc(options->connections, sizeof(struct lane *)));
    for (size_t i = 0; i < options->connections; i++) {
        struct lane *lane = &sender->lanes[i];

        lane->sender = sender;
        lane->client = client_new(sender->base, options->server, options->key, options->timeout_ms, on_answer, lane);
        lane->rest = needed(evtimer_new(sender->base, on_rested, lane));
        sender->free_lanes[sender->free_count++] = lane;
    }
}

struct sender *sender_start(struct event_base *base, const struct sender_options *options,
                            const struct workload *workload, struct journal *journal, void (*on_end)(void *context),
                            void *context)
{
    struct sender *sender = needed(calloc(1, sizeof *sender));

    sender->base = base;
    sender->options = options;
    sender->workload = workload;
    sender->journal = journal;
    sender->on_end = on_end;
    sender->context = context;
    sender->arena = arena_new();
    sender->body = buffer_in(sender->arena);
    sender->clock = needed(evtimer_new(base, on_clock, sender));
    sender->end = needed(evtimer_new(base, on_ended, sender));
    sender->counts.begun_us = clock_monotonic_us();
    sender->schedule =
        schedule_begin(options->rate_per_s, options->is_uniform, workload->seed, sender->counts.begun_us);
    add_lanes(sender);
    advance(sender);
    return sender;
}

void sender_free(struct sender *sender)
{
    if (!sender)
        return;
    for (size_t i = 0; i < sender->options->connections; i++) {
        client_free(sender->lanes[i].client);
        event_free(sender->lanes[i].rest);
    }
    event_free(sender->clock);
    event_free(sender->end);
    arena_free(sender->arena);
    free(sender->lanes);
    free(sender->free_lanes);
    free(sender->line);
    free(sender);
}

const struct outcome_counts *sender_counts(const struct sender *sender)
{
    return &sender->counts;
}
