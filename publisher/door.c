/* Looking at what waits, and refusing. */
#include "publisher/door.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/backlog.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/redis.h"

static const struct {
    const char *why, *detail; /* for the operator, for the client */
} reasons[] = {
    [DOOR_OPEN] = {"", ""},
    [DOOR_BACKLOG] = {"BACKLOG_MAX", "too many requests wait to be worked off; try again later"},
    [DOOR_MEMORY] = {"memory", "there is little room left for what waits; try again later"},
};

static struct {
    struct redis *redis;
    struct loop_timer *timer;
    struct arena *arena; /* of the look under way */
    enum door door;
    struct metrics_gauge *waiting, *memory, *is_open;
    struct metrics_counter *refused;
} state;

enum door door_next(enum door now, int64_t waiting, int64_t backlog_max, int memory_percent)
{
    const int64_t waiting_most =
        now == DOOR_BACKLOG ? (int64_t)((double)backlog_max / 100 * DOOR_BACKLOG_OPEN_BELOW) : backlog_max;
    const int memory_full = now == DOOR_MEMORY ? DOOR_MEMORY_OPEN_BELOW : DOOR_MEMORY_CLOSED_FROM;

    if (memory_percent >= memory_full)
        return DOOR_MEMORY;
    return waiting > waiting_most ? DOOR_BACKLOG : DOOR_OPEN;
}

static void turn(enum door next, int64_t waiting, int memory_percent)
{
    char number[24], percent[24];

    if (next == state.door)
        return;
    state.door = next;
    if (next == DOOR_OPEN)
        log_info("requests are taken again", LOG_TEXT("waiting", log_number(waiting, number)),
                 LOG_TEXT("memory_percent", log_number(memory_percent, percent)));
    else
        log_warn("requests are refused", LOG_STRING("why", reasons[next].why),
                 LOG_TEXT("waiting", log_number(waiting, number)),
                 LOG_TEXT("memory_percent", log_number(memory_percent, percent)));
    log_flush();
}

/* While Redis cannot be asked the door stays as it is: no request can be taken then anyway. */
static void on_backlog(const struct backlog *backlog, void *context)
{
    const int64_t waiting = backlog_waiting(backlog);
    const int percent = backlog_memory_percent(backlog);

    (void)context;
    loop_timer_set(state.timer, DOOR_LOOK_MS);
    if (!backlog->is_known)
        return;
    metrics_set(state.waiting, (double)waiting);
    metrics_set(state.memory, percent / 100.0);
    turn(door_next(state.door, waiting, config()->backlog_max, percent), waiting, percent);
    metrics_set(state.is_open, state.door == DOOR_OPEN);
}

static void look(void *context)
{
    (void)context;
    arena_reset(state.arena);
    backlog_collect(state.redis, state.arena, BACKLOG_FLOW, on_backlog, NULL);
}

bool door_refuses(struct request *request)
{
    if (state.door == DOOR_OPEN)
        return false;
    metrics_count(state.refused, 1);
    answer_overloaded(request, reasons[state.door].detail);
    return true;
}

void door_start(struct loop *loop)
{
    state.waiting = metrics_gauge("karcis_waiting_entries", "Entries that the flow has not finished with.", NULL);
    state.memory = metrics_gauge("karcis_redis_memory_share", "Used by Redis, of what it may use.", NULL);
    state.is_open = metrics_gauge("karcis_door_open", "1 while new requests are taken.", NULL);
    state.refused =
        metrics_counter("karcis_door_refused_total", "Requests refused because too much waits inside.", NULL);
    metrics_set(state.is_open, 1);
    state.arena = arena_new();
    state.redis = redis_open(
        loop,
        &(struct redis_options){.url = config()->redis_url, .name = "publisher-door", .command_ms = REDIS_COMMAND_MS});
    state.timer = loop_timer_new(loop, look, NULL);
    loop_timer_set(state.timer, 0);
}

void door_stop(void)
{
    redis_close(state.redis); /* ends a look under way, which sets the timer */
    loop_timer_free(state.timer);
    arena_free(state.arena);
}
