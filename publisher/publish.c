/* Accepting events. */
#include "publisher/publish.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/json.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/problem.h"
#include "common/redis.h"
#include "common/request.h"
#include "publisher/door.h"
#include "publisher/enqueue.h"
#include "publisher/publish_read.h"
#include "publisher/traceparent.h"

struct lane {
    struct redis *redis;
    size_t bytes; /* sent and not answered */
};

static struct {
    struct lane lanes[PUBLISH_LANES];
    size_t bytes;        /* of all lanes */
    struct arena *arena; /* of the body being read: nothing of it is needed once it is sent or refused */
    struct metrics_counter *events;
    struct metrics_gauge *under_way;
} state;

struct publication {
    struct request *request;
    struct lane *lane;
    size_t count, bytes;
};

static void sent(struct lane *lane, size_t bytes)
{
    lane->bytes += bytes;
    state.bytes += bytes;
    metrics_set(state.under_way, (double)state.bytes);
}

static void answered(struct lane *lane, size_t bytes)
{
    lane->bytes -= bytes;
    state.bytes -= bytes;
    metrics_set(state.under_way, (double)state.bytes);
}

/* The first that Redis reads empty in one turn all the same, so that few small events travel together; when all have
 * more, the one with the least. NULL: none is up. */
static struct lane *choose_lane(size_t bytes)
{
    struct lane *least = NULL;

    for (size_t i = 0; i < PUBLISH_LANES; i++) {
        struct lane *lane = &state.lanes[i];

        if (!redis_is_up(lane->redis))
            continue;
        if (lane->bytes + bytes <= REDIS_TURN_BYTES)
            return lane;
        if (!least || lane->bytes < least->bytes)
            least = lane;
    }
    return least;
}

static void on_added(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct publication *publication = context;
    struct request *request = publication->request;
    struct json json = json_in(request->arena);

    (void)redis;
    answered(publication->lane, publication->bytes);
    if (!enqueue_succeeded(request, reply,
                           "it is not known which of the events were taken; send all of them again, those that were "
                           "are not stored twice"))
        return;
    metrics_count(state.events, publication->count);
    json_begin_object(&json);
    json_key(&json, "status");
    json_text(&json, TEXT("accepted"));
    json_key(&json, "count");
    json_int(&json, (int64_t)publication->count);
    json_end_object(&json);
    answer_json(request, 202, &json);
}

static void send(struct request *request, const struct publish_batch *batch)
{
    struct publication *publication = ARENA_NEW(request->arena, struct publication);
    struct lane *lane = choose_lane(batch->commands.len);

    if (!lane) {
        enqueue_answer_away(request);
        return;
    }
    if (state.bytes + batch->commands.len > PUBLISH_UNDER_WAY_BYTES_MAX) {
        answer_overloaded(request, "too much is on its way to the broker; try again later");
        return;
    }
    *publication = (struct publication){request, lane, batch->count, batch->commands.len};
    if (redis_send_many(lane->redis, on_added, publication, batch->count, batch->commands))
        sent(lane, publication->bytes);
    else
        enqueue_answer_away(request);
}

static enum publish_form form_of(struct request *request)
{
    struct text type = request_header(request, "Content-Type");

    if (request_type_is(type, "application/cloudevents+json"))
        return PUBLISH_CLOUD_EVENT;
    return request_type_is(type, "application/cloudevents-batch+json") ? PUBLISH_CLOUD_EVENTS : PUBLISH_EVENTS;
}

static void publish(struct request *request, void *context)
{
    const struct text trace = request_header(request, "traceparent");
    struct problems problems = {.arena = state.arena};
    struct publish_body body = {.bytes = request->body, .form = form_of(request), .now_ms = clock_now_ms()};
    struct publish_batch batch;

    (void)context;
    arena_reset(state.arena);
    if (door_refuses(request) || !request_says_json(request))
        return;
    if (trace.ptr && traceparent_is_valid(trace))
        body.traceparent = trace;
    switch (publish_read(&body, &problems, &batch)) {
    case PUBLISH_TAKEN:
        send(request, &batch);
        break;
    case PUBLISH_NOT_JSON:
        answer_problem(request, 400, "not_json", batch.why.ptr);
        break;
    case PUBLISH_EMPTY:
        answer_problem(request, 400, "empty", "there is no event in it");
        break;
    case PUBLISH_TOO_MANY:
        answer_problem(request, 413, "too_large",
                       text_format(request->arena, "there are more than %d events in it", PUBLISH_EVENTS_MAX).ptr);
        break;
    case PUBLISH_INVALID:
        answer_invalid(request, &problems);
        break;
    }
}

void publish_start(struct loop *loop)
{
    state.arena = arena_new();
    for (size_t i = 0; i < PUBLISH_LANES; i++)
        state.lanes[i].redis = redis_open(loop, &(struct redis_options){.url = config()->redis_url,
                                                                        .name = "publisher-events",
                                                                        .command_ms = REDIS_COMMAND_MS});
    state.events = metrics_counter("karcis_published_events_total", "Events that the broker has taken.", NULL);
    state.under_way = metrics_gauge("karcis_publish_under_way_bytes", "Sent to the broker and not yet answered.", NULL);
}

void publish_stop(void)
{
    for (size_t i = 0; i < PUBLISH_LANES; i++)
        redis_close(state.lanes[i].redis);
    arena_free(state.arena);
}

const struct route publish_routes[] = {
    {"POST", "/publish", CLIENT, publish},
    {0},
};
