/* Asking for a booking's end. */
#include "publisher/cancel.h"

#include "common/access.h"
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
#include "common/store.h"
#include "common/stream.h"
#include "publisher/cancel.sql.h"
#include "publisher/door.h"
#include "publisher/enqueue.h"
#include "publisher/traceparent.h"

#define NO_BOOKING "there is no such booking"

struct cancelling {
    const struct cancel_sources *sources;
    struct request *request;
    struct text booking_id, reason, owner;
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

static void enqueue(struct cancelling *cancelling)
{
    struct request *request = cancelling->request;
    struct text traceparent = request_header(request, "traceparent");
    struct text words[13] = {TEXT("XADD"), stream_key(CANCEL_REQUESTED), TEXT("*")};
    size_t count = 3;

    words[count++] = TEXT("booking_id");
    words[count++] = cancelling->booking_id;
    words[count++] = TEXT("by");
    words[count++] = request->caller.name;
    if (cancelling->reason.ptr) {
        words[count++] = TEXT("reason");
        words[count++] = cancelling->reason;
    }
    words[count++] = TEXT("source");
    words[count++] = TEXT("publisher");
    if (traceparent_is_valid(traceparent)) {
        words[count++] = TEXT("traceparent");
        words[count++] = traceparent;
    }
    if (!redis_send(cancelling->sources->redis, on_added, cancelling, count, words))
        enqueue_answer_away(request);
}

/* ---- whose it is ---- */

static void on_owner(const struct rows *rows, void *context)
{
    struct cancelling *cancelling = context;

    if (rows_count(rows) == 1)
        cancelling->owner = text_copy(cancelling->request->arena, rows_text(rows, 0, 0));
}

static void on_looked(struct store *store, const struct store_failure *failure, void *context)
{
    struct cancelling *cancelling = context;
    struct request *request = cancelling->request;

    (void)store;
    if (failure)
        answer_store_failure(request, failure);
    else if (!cancelling->owner.ptr || access_is_anothers(request, cancelling->owner))
        answer_not_found(request, NO_BOOKING);
    else
        enqueue(cancelling);
}

/* A session cancels only what is its user's, and what is not decided yet is nobody's. Keys may cancel for everybody,
 * and go on while PostgreSQL is away. */
static void look_whose(struct cancelling *cancelling, struct uuid id)
{
    struct store *store = cancelling->sources->store;
    struct params *params;

    if (!store_is_up(store)) {
        answer_store_failure(cancelling->request, NULL);
        return;
    }
    params = params_new(cancelling->request->arena);
    params_uuid(params, id);
    store_send(store, SQL(cancel_owner), params, on_owner, cancelling);
    store_sync(store, on_looked, cancelling);
}

static void cancel_booking(struct request *request, void *context)
{
    struct cancelling *cancelling = ARENA_NEW(request->arena, struct cancelling);
    struct uuid id;

    if (door_refuses(request))
        return;
    if (!uuid_parse(request_path_value(request, "id"), &id)) {
        answer_not_found(request, NO_BOOKING);
        return;
    }
    *cancelling = (struct cancelling){context, request, .booking_id = uuid_text(request->arena, id)};
    if (!read_reason(request, &cancelling->reason))
        return;
    if (access_is_trusted(request))
        enqueue(cancelling);
    else
        look_whose(cancelling, id);
}

const struct route cancel_routes[] = {
    {"POST", "/bookings/{id}/cancel", USER, cancel_booking},
    {0},
};

const struct statement *const cancel_statements[] = {SQL(cancel_owner), NULL};
