/* Asking for a booking's end. */
#include "publisher/cancel.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/id.h"
#include "common/json.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/redis.h"
#include "common/request.h"
#include "common/stream.h"
#include "publisher/door.h"
#include "publisher/enqueue.h"
#include "publisher/traceparent.h"

struct cancelling {
    struct request *request;
    struct text booking_id;
};

static void on_added(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct cancelling *cancelling = context;
    struct request *request = cancelling->request;
    const struct text id = cancelling->booking_id;
    struct json json = json_in(request->arena);

    (void)redis;
    if (!enqueue_succeeded(request, reply, "it is not known whether the request was taken; it can be sent again"))
        return;
    log_info("cancelling requested", LOG_TEXT("booking", id), LOG_TEXT("entry", reply->text),
             LOG_TEXT("request", request->id));
    json_begin_object(&json);
    json_key(&json, "booking_id");
    json_text(&json, id);
    json_key(&json, "status");
    json_text(&json, TEXT("accepted"));
    json_end_object(&json);
    answer_header(request, "Location", text_format(request->arena, "/bookings/%.*s", (int)id.len, id.ptr));
    answer_json(request, 202, &json);
}

/* {"reason":"…"}, or nothing at all. False: answered. */
static bool read_reason(struct request *request, struct text *reason)
{
    struct problems problems = {.arena = request->arena};
    const struct json_t *document;
    struct body body;

    *reason = TEXT_NONE;
    if (request->body.len == 0)
        return true;
    document = request_json(request);
    if (!document)
        return false;
    body = body_open(document, &problems);
    *reason = body_line(&body, "reason", CANCEL_REASON_CHARACTERS_MAX);
    if (problems.count > 0)
        answer_invalid(request, &problems);
    return problems.count == 0;
}

static void cancel_booking(struct request *request, void *context)
{
    struct text traceparent = request_header(request, "traceparent"), reason;
    struct text words[13] = {TEXT("XADD"), stream_key(CANCEL_REQUESTED), TEXT("*")};
    struct cancelling *cancelling;
    size_t count = 3;
    struct uuid id;

    if (door_refuses(request))
        return;
    if (!uuid_parse(request_path_value(request, "id"), &id)) {
        answer_not_found(request, "there is no such booking");
        return;
    }
    if (!read_reason(request, &reason))
        return;
    cancelling = ARENA_NEW(request->arena, struct cancelling);
    *cancelling = (struct cancelling){request, uuid_text(request->arena, id)};
    words[count++] = TEXT("booking_id");
    words[count++] = cancelling->booking_id;
    words[count++] = TEXT("by");
    words[count++] = TEXT("client");
    if (reason.ptr) {
        words[count++] = TEXT("reason");
        words[count++] = reason;
    }
    words[count++] = TEXT("source");
    words[count++] = TEXT("publisher");
    if (traceparent_is_valid(traceparent)) {
        words[count++] = TEXT("traceparent");
        words[count++] = traceparent;
    }
    if (!redis_send(context, on_added, cancelling, count, words))
        enqueue_answer_away(request);
}

const struct route cancel_routes[] = {
    {"POST", "/bookings/{id}/cancel", CLIENT, cancel_booking},
    {0},
};
