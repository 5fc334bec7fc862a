/* GET /shows, /shows/{id}, /shows/{id}/seats. */
#include "aggregator/shows.sql.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/id.h"
#include "common/page.h"
#include "common/problem.h"
#include "common/request.h"

static void write_show(struct json *json, const struct rows *rows, size_t row)
{
    const int64_t open = rows_int(rows, row, 11), on_going = rows_int(rows, row, 12), booked = rows_int(rows, row, 13);

    json_begin_object(json);
    view_column_text(json, "id", rows, row, 0);
    view_column_text(json, "title", rows, row, 1);
    view_column_text(json, "venue", rows, row, 2);
    view_column_time(json, "starts_at", rows, row, 3);
    view_column_time(json, "doors_at", rows, row, 4);
    view_column_text(json, "time_zone", rows, row, 5);
    json_key(json, "price");
    json_money(json, rows_int(rows, row, 6), rows_text(rows, row, 7));
    if (rows_bool(rows, row, 8)) {
        view_int(json, "capacity", open + on_going + booked);
    } else {
        json_key(json, "seats");
        json_raw(json, rows_is_null(rows, row, 10) ? TEXT("[]") : rows_text(rows, row, 10));
    }
    view_column_text(json, "organizer_url", rows, row, 9);
    view_int(json, "open", open);
    view_int(json, "on_going", on_going);
    view_int(json, "booked", booked);
    json_end_object(json);
}

static void on_shows(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (!page_add(&writer, rows_text(rows, row, 0)))
            break;
        write_show(&query->json, rows, row);
    }
    page_end(&writer);
}

static void list_shows(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);

    if (!page_read(request, page))
        return;
    params_text(params, TEXT_NONE);
    params_text(params, page->after);
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(shows_list), params, on_shows, page);
}

static void on_show(const struct rows *rows, struct query *query)
{
    if (rows_count(rows) == 0)
        query->not_found = "there is no such show";
    else
        write_show(&query->json, rows, 0);
}

static void show_one(struct request *request, void *context)
{
    struct params *params = params_new(request->arena);

    params_text(params, request_path_value(request, "id"));
    params_text(params, TEXT_NONE);
    params_int64(params, 1);
    view_query(context, request, SQL(shows_list), params, on_show, NULL);
}

/* ---- seats ---- */

static void write_seat(struct json *json, const struct rows *rows, size_t row)
{
    json_begin_object(json);
    view_column_text(json, "label", rows, row, 0);
    view_column_text(json, "status", rows, row, 1);
    json_key(json, "price");
    json_money(json, rows_int(rows, row, 2), rows_text(rows, row, 3));
    view_text(json, "booking_id",
              rows_is_null(rows, row, 4) ? TEXT_NONE : uuid_text(json->buffer.arena, rows_uuid(rows, row, 4)));
    json_end_object(json);
}

static void on_seats(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    if (rows_count(rows) == 0) {
        query->not_found = "there is no such show";
        return;
    }
    for (size_t row = 0; row < rows_count(rows) && !rows_is_null(rows, row, 0); row++) {
        if (!page_add(&writer, rows_text(rows, row, 0)))
            break;
        write_seat(&query->json, rows, row);
    }
    page_end(&writer);
}

/* ptr NULL: any status. False: it is none, and the request has been answered. */
static bool read_status(struct request *request, struct text *status)
{
    struct problems problems = {.arena = request->arena};

    *status = request_query_value(request, "status");
    if (!status->ptr || text_is(*status, "OPEN") || text_is(*status, "ON_GOING") || text_is(*status, "BOOKED"))
        return true;
    if (text_is(*status, "ON GOING")) { /* as it is shown to people */
        *status = TEXT("ON_GOING");
        return true;
    }
    problems_add(&problems, TEXT("/status"), "must be OPEN, ON_GOING or BOOKED");
    answer_invalid(request, &problems);
    return false;
}

static void list_seats(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);
    struct text status;

    if (!page_read(request, page) || !read_status(request, &status))
        return;
    params_text(params, request_path_value(request, "id"));
    params_text(params, page->after);
    params_text(params, status);
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(shows_seats), params, on_seats, page);
}

static const struct route routes[] = {
    {"GET", "/shows", ANYONE, list_shows},
    {"GET", "/shows/{id}", ANYONE, show_one},
    {"GET", "/shows/{id}/seats", ANYONE, list_seats},
    {0},
};

static const struct statement *const statements[] = {SQL(shows_list), SQL(shows_seats), NULL};

const struct view shows = {.routes = routes, .statements = statements};
