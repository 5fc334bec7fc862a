/* See rest.h. */
#include "bench/load/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <jansson.h>

#include "common/clock.h"
#include "common/log.h"

#define LOOK_US 200000 /* answers are made once a second: one is never much older than this */

struct rest {
    struct client *client;
    struct event *look;
    int64_t patience_us, moved_us;
    rest_fn *fn;
    void *context;
    struct counts latest;
    unsigned answers;    /* that were made at different times */
    unsigned calm_count; /* of those in a row */
    bool is_over, is_at_rest;
};

/* ---- reading ---- */

static uint64_t number(const json_t *object, const char *name)
{
    const json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

static void read_groups(struct counts *counts, const char *stream, json_t *groups)
{
    for (void *at = json_object_iter(groups); at; at = json_object_iter_next(groups, at)) {
        const json_t *group = json_object_iter_value(at);
        const uint64_t unread = number(group, "lag") + number(group, "pending");

        counts->unread += unread;
        if (unread)
            snprintf(counts->unrest, sizeof counts->unrest, "%s has %llu entries of %s before it",
                     json_object_iter_key(at), (unsigned long long)unread, stream);
    }
}

bool counts_read(struct text document, struct counts *counts)
{
    json_t *parsed = json_loadb(document.ptr, document.len, 0, NULL);
    json_t *bookings = json_object_get(parsed, "bookings"), *streams = json_object_get(parsed, "streams");
    const char *tallied_at = json_string_value(json_object_get(parsed, "bookings_counted_at"));
    const bool is_known = json_is_integer(json_object_get(parsed, "received")) && json_object_size(streams) > 0;

    *counts = (struct counts){.received = number(parsed, "received"),
                              .unique = number(parsed, "unique_processed"),
                              .duplicates = number(parsed, "duplicate_dropped"),
                              .rejected = number(parsed, "rejected"),
                              .uptime_s = json_number_value(json_object_get(parsed, "uptime_seconds"))};
    snprintf(counts->tallied_at, sizeof counts->tallied_at, "%s", tallied_at ? tallied_at : "");
    for (void *at = json_object_iter(bookings); at; at = json_object_iter_next(bookings, at))
        counts->bookings += (uint64_t)json_integer_value(json_object_iter_value(at));
    for (void *at = json_object_iter(streams); at; at = json_object_iter_next(streams, at))
        read_groups(counts, json_object_iter_key(at), json_object_get(json_object_iter_value(at), "groups"));
    json_decref(parsed);
    return is_known;
}

/* ---- waiting ---- */

static bool is_same(const struct counts *a, const struct counts *b)
{
    return a->received == b->received && a->unique == b->unique && a->duplicates == b->duplicates &&
           a->rejected == b->rejected && a->bookings == b->bookings && a->unread == b->unread;
}

/* Bookings may be counted less often than the rest: an answer with those of the one before says nothing new of them. */
static bool is_news(const struct counts *counts, const struct counts *latest)
{
    return counts->uptime_s != latest->uptime_s &&
           (!counts->tallied_at[0] || strcmp(counts->tallied_at, latest->tallied_at) != 0);
}

/* Is there rest now? The first answer may have been made before we asked. */
static bool take(struct rest *rest, const struct counts *counts, int64_t now_us)
{
    const bool is_calm = counts->unread == 0 && is_same(counts, &rest->latest);

    if (rest->answers > 0 && !is_news(counts, &rest->latest))
        return false;
    if (rest->answers == 0 || !is_same(counts, &rest->latest))
        rest->moved_us = now_us;
    rest->answers++;
    rest->calm_count = rest->answers > 2 && is_calm ? rest->calm_count + 1 : 0;
    rest->latest = *counts;
    return rest->calm_count > 0;
}

static void on_answer(struct client *client, const struct answer *answer, void *context)
{
    static const struct timeval look = {0, LOOK_US}, at_once = {0};
    struct rest *rest = context;
    const int64_t now_us = clock_monotonic_us();
    struct counts counts;

    (void)client;
    if (answer->status == 200 && counts_read(answer->body, &counts))
        rest->is_at_rest = take(rest, &counts, now_us);
    rest->is_over = rest->is_at_rest || now_us - rest->moved_us > rest->patience_us;
    evtimer_add(rest->look, rest->is_over ? &at_once : &look);
}

static void on_look(evutil_socket_t fd, short events, void *context)
{
    const struct rest *rest = context;

    (void)fd;
    (void)events;
    if (rest->is_over)
        rest->fn(rest->is_at_rest ? &rest->latest : NULL, rest->context);
    else
        client_get(rest->client, "/stats");
}

struct rest *rest_wait(struct event_base *base, const struct server *aggregator, int64_t timeout_ms,
                       int64_t patience_ms, rest_fn *fn, void *context)
{
    static const struct timeval at_once = {0};
    struct rest *rest = calloc(1, sizeof *rest);

    if (!rest)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    rest->patience_us = patience_ms * 1000;
    rest->moved_us = clock_monotonic_us();
    rest->fn = fn;
    rest->context = context;
    rest->client = client_new(base, aggregator, NULL, timeout_ms, on_answer, rest);
    rest->look = evtimer_new(base, on_look, rest);
    evtimer_add(rest->look, &at_once);
    return rest;
}

void rest_free(struct rest *rest)
{
    if (!rest)
        return;
    client_free(rest->client);
    event_free(rest->look);
    free(rest);
}

const struct counts *rest_counts(const struct rest *rest)
{
    return &rest->latest;
}
