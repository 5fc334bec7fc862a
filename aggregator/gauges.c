/* What belongs to no process, for Prometheus: how far each group has come, what the log has counted, dead letters. Each
 * aggregator says all of it, and all say the same: take the max over them, not the sum.
 *
 * Groups that people made for themselves are not named, so that nobody's names fill the registry: the one that is
 * furthest behind speaks for them. */
#include "aggregator/gauges.sql.h"
#include "aggregator/view.h"
#include "common/arena.h"
#include "common/backlog.h"
#include "common/bounds.h"
#include "common/loop.h"
#include "common/metrics.h"

#define OTHERS "(others)"

static struct {
    struct sources *sources;
    struct arena *arena;
    struct loop_timer *timer;
} state;

static void show_group(const char *stream, const char *group, const struct backlog_group *is)
{
    metrics_set(metrics_gauge("karcis_group_lag", "Entries that the group has not read.", "stream", stream, "group",
                              group, NULL),
                (double)is->lag);
    metrics_set(metrics_gauge("karcis_group_pending", "Entries read and not acknowledged.", "stream", stream, "group",
                              group, NULL),
                (double)is->pending);
    metrics_set(metrics_gauge("karcis_group_oldest_unread_seconds", "How long the oldest unread entry has waited.",
                              "stream", stream, "group", group, NULL),
                (double)is->oldest_unread_ms / 1000);
    metrics_set(metrics_gauge("karcis_group_oldest_pending_seconds", "How old the oldest pending entry is.", "stream",
                              stream, "group", group, NULL),
                (double)is->oldest_pending_ms / 1000);
    metrics_set(
        metrics_gauge("karcis_group_consumers", "Consumers, living or not.", "stream", stream, "group", group, NULL),
        (double)is->consumers);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_other(struct backlog_group *others, const struct backlog_group *group)
{
    others->lag = larger(others->lag, group->lag);
    others->pending = larger(others->pending, group->pending);
    others->oldest_unread_ms = larger(others->oldest_unread_ms, group->oldest_unread_ms);
    others->oldest_pending_ms = larger(others->oldest_pending_ms, group->oldest_pending_ms);
    others->consumers += group->consumers;
}

static void on_backlog(const struct backlog *backlog, void *context)
{
    (void)context;
    for (int i = 0; i < STREAM_COUNT && backlog->is_known; i++) {
        const char *stream = text_terminated(state.arena, stream_key((enum stream)i));
        struct backlog_group others = {0};

        for (size_t g = 0; g < backlog->streams[i].group_count; g++) {
            const struct backlog_group *group = &backlog->streams[i].groups[g];

            if (stream_has_reader((enum stream)i, group->name))
                show_group(stream, text_terminated(state.arena, group->name), group);
            else
                add_other(&others, group);
        }
        show_group(stream, OTHERS, &others);
    }
    loop_timer_set(state.timer, GAUGES_EVERY_MS);
}

static void on_counters(const struct rows *rows, void *context)
{
    static const char *const outcomes[] = {"unique", "duplicate", "conflict", "rejected"};

    (void)context;
    for (int i = 0; i < 4; i++)
        metrics_counter("karcis_events_total",
                        "Entries that the log has counted; a conflict is a duplicate with another payload.", "outcome",
                        outcomes[i], NULL)
            ->value = (uint64_t)rows_int(rows, 0, i);
}

static void on_dead_letters(const struct rows *rows, void *context)
{
    (void)context;
    metrics_set(metrics_gauge("karcis_dead_letters", "Dead letters that nobody has replayed.", NULL),
                (double)rows_int(rows, 0, 0));
}

static void look(void *context)
{
    struct store *store = state.sources->store;

    (void)context;
    arena_reset(state.arena);
    if (store_is_up(store)) {
        store_send(store, SQL(gauges_counters), NULL, on_counters, NULL);
        store_send(store, SQL(gauges_dead_letters), NULL, on_dead_letters, NULL);
        store_sync(store, NULL, NULL);
    }
    backlog_collect(state.sources->redis, state.arena, BACKLOG_ALL, on_backlog, NULL);
}

static void start(struct sources *sources)
{
    state.sources = sources;
    state.arena = arena_new();
    state.timer = loop_timer_new(sources->loop, look, NULL);
    loop_timer_set(state.timer, STATS_EVERY_MS);
}

static void stop(void)
{
    loop_timer_free(state.timer);
    arena_free(state.arena);
}

static const struct route routes[] = {{0}};

static const struct statement *const statements[] = {SQL(gauges_counters), SQL(gauges_dead_letters), NULL};

const struct view gauges = {.routes = routes, .statements = statements, .start = start, .stop = stop};
