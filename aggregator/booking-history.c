/* GET /bookings/{id}/history: every change of its status, and with ?as_of= what it was at that time. */
#include "aggregator/booking-history.sql.h"
#include "aggregator/booking.h"
#include "aggregator/history.h"
#include "aggregator/requested.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/request.h"
#include "common/stream.h"

enum { OWNER = CHANGE_COLUMNS + 1 }; /* behind the rank of changes of one moment */

struct asked {
    const struct sources *sources;
    struct uuid id;
    int64_t as_of_us;
};

static void begin(struct json *json, struct uuid id, struct text status, int64_t as_of_us)
{
    json_begin_object(json);
    view_text(json, "booking_id", uuid_text(json->buffer.arena, id));
    history_write_as_of(json, as_of_us);
    view_text(json, "status", status);
    json_key(json, "items");
    json_begin_array(json);
}

static void end(struct json *json)
{
    json_end_array(json);
    view_text(json, "next", TEXT_NONE); /* a booking has few changes: one page holds them */
    json_end_object(json);
}

/* Not decided yet: the request is all there is. */
static void write_request(struct json *json, const struct requested *requested)
{
    begin(json, requested->booking_id, TEXT("REQUESTED"), INT64_MAX);
    json_begin_object(json);
    view_text(json, "status", TEXT("REQUESTED"));
    json_key(json, "at");
    json_time(json, requested->at_us);
    view_text(json, "reason", TEXT_NONE);
    view_text(json, "topic", stream_key(BOOKING_REQUESTED));
    view_text(json, "event_id", TEXT_NONE);
    view_text(json, "entry_id", requested->entry_id);
    json_end_object(json);
    end(json);
}

static void look_at_stream(struct query *query)
{
    const struct asked *asked = query->context;

    requested_show(asked->sources, query, asked->id, write_request);
}

static void on_changes(const struct rows *rows, struct query *query)
{
    const struct asked *asked = query->context;
    size_t count = 0;

    if (rows_count(rows) == 0) {
        query->not_found = NO_BOOKING;
        if (asked->as_of_us == INT64_MAX)
            query->elsewhere = look_at_stream;
        return;
    }
    if (access_is_anothers(query->request, rows_text(rows, 0, OWNER))) {
        query->not_found = NO_BOOKING;
        return;
    }
    while (count < rows_count(rows) && rows_time(rows, count, CHANGE_AT) <= asked->as_of_us)
        count++;
    begin(&query->json, asked->id, count ? rows_text(rows, count - 1, CHANGE_STATUS) : TEXT_NONE, asked->as_of_us);
    for (size_t row = 0; row < count; row++) {
        json_begin_object(&query->json);
        history_write_change(&query->json, rows, row);
        json_end_object(&query->json);
    }
    end(&query->json);
}

static void show_history(struct request *request, void *context)
{
    struct params *params = params_new(request->arena);
    struct asked *asked = ARENA_NEW(request->arena, struct asked);
    struct text id;

    asked->sources = context;
    if (!view_as_of(request, &asked->as_of_us))
        return;
    if (!uuid_parse(request_path_value(request, "id"), &asked->id)) {
        answer_not_found(request, NO_BOOKING);
        return;
    }
    id = uuid_text(request->arena, asked->id);
    params_uuid(params, asked->id);
    params_text(params, text_format(request->arena, "%.*s:", (int)id.len, id.ptr));
    params_text(params, text_format(request->arena, "%.*s;", (int)id.len, id.ptr));
    view_query(context, request, SQL(booking_history_changes), params, on_changes, asked);
}

static const struct route routes[] = {
    {"GET", "/bookings/{id}/history", ANYONE, show_history},
    {0},
};

static const struct statement *const statements[] = {SQL(booking_history_changes), NULL};

const struct view booking_history = {.routes = routes, .statements = statements};
