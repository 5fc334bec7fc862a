/* GET /events: what happened, as it was recorded. */
#include "aggregator/events.sql.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/page.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/stream.h"

/* Where an event stands in the list; a cursor holds these numbers, separated by dots. */
struct place {
    bool is_given;
    int64_t at_us, entry_ms, entry_seq, stream;
};

static bool read_place(struct text cursor, struct place *place)
{
    int64_t *const numbers[] = {&place->at_us, &place->entry_ms, &place->entry_seq, &place->stream};

    place->is_given = cursor.ptr != NULL;
    return !place->is_given || view_place(cursor, sizeof numbers / sizeof *numbers, numbers);
}

static void write_event(const struct request *request, struct json *json, const struct rows *rows, size_t row)
{
    const struct entry_id entry = {(uint64_t)rows_int(rows, row, 5), (uint64_t)rows_int(rows, row, 6)};

    json_begin_object(json);
    view_column_text(json, "topic", rows, row, 0);
    view_column_text(json, "event_id", rows, row, 1);
    view_column_time(json, "timestamp", rows, row, 2);
    view_column_text(json, "source", rows, row, 3);
    json_key(json, "payload");
    json_raw(json, access_without_tokens(request, rows_text(rows, row, 8)));
    if (!rows_is_null(rows, row, 9)) {
        json_key(json, "extra");
        json_raw(json, access_without_tokens(request, rows_text(rows, row, 9)));
    }
    view_text(json, "stream", stream_key((enum stream)rows_int(rows, row, 4)));
    view_text(json, "entry_id", entry_id_text(json->buffer.arena, entry));
    view_column_time(json, "received_at", rows, row, 7);
    json_end_object(json);
}

static struct text place_of_row(struct arena *arena, const struct rows *rows, size_t row)
{
    return text_format(arena, "%lld.%lld.%lld.%lld", (long long)rows_time(rows, row, 2),
                       (long long)rows_int(rows, row, 5), (long long)rows_int(rows, row, 6),
                       (long long)rows_int(rows, row, 4));
}

static void on_events(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (rows_is_null(rows, row, 8)) /* left out: the next page begins with it */
            page_cut(&writer);
        if (!page_add(&writer, place_of_row(query->request->arena, rows, row)))
            break;
        write_event(query->request, &query->json, rows, row);
    }
    page_end(&writer);
}

/* False: the order is none, and the request has been answered. */
static bool read_order(struct request *request, bool *is_newest_first)
{
    const struct text order = request_query_value(request, "order");
    struct problems problems = {.arena = request->arena};

    *is_newest_first = order.ptr && text_is(order, "desc");
    if (!order.ptr || *is_newest_first || text_is(order, "asc"))
        return true;
    problems_add(&problems, TEXT("/order"), "must be asc or desc");
    answer_invalid(request, &problems);
    return false;
}

static struct params *params_of(struct request *request, const struct place *place, const struct page *page)
{
    struct params *params = params_new(request->arena);

    params_text(params, request_query_value(request, "topic"));
    if (place->is_given) {
        params_time(params, place->at_us);
        params_int64(params, place->entry_ms);
        params_int64(params, place->entry_seq);
        params_int64(params, place->stream);
    } else {
        for (int i = 0; i < 4; i++)
            params_text(params, TEXT_NONE);
    }
    params_int64(params, page->limit + 1);
    params_int64(params, HTTP_REPLY_BYTES_MAX);
    return params;
}

static void list_events(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct place place = {0};
    bool is_newest_first;

    if (!page_read(request, page) || !read_order(request, &is_newest_first))
        return;
    if (!read_place(page->after, &place)) {
        page_refuse_cursor(request);
        return;
    }
    view_query(context, request, is_newest_first ? SQL(events_newest_first) : SQL(events_oldest_first),
               params_of(request, &place, page), on_events, page);
}

static const struct route routes[] = {
    {"GET", "/events", ANYONE, list_events},
    {0},
};

static const struct statement *const statements[] = {SQL(events_oldest_first), SQL(events_newest_first), NULL};

const struct view events = {.routes = routes, .statements = statements};
