/* GET /shows, /shows/{id}, /shows/{id}/seats, /shows/{id}/seats/{label}. */
#include "aggregator/shows.sql.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/page.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/shown.h"

static void on_shows(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (!page_add(&writer, rows_text(rows, row, 0)))
            break;
        shown_show(&query->json, rows, row);
    }
    page_end(&writer);
}

static bool refuse_pages(struct request *request)
{
    answer_problem(
        request, 400, "bad_page",
        "page and pageSize are whole numbers from 1 up, pageSize at most 1000, and go without limit and after");
    return false;
}

/* ?page and ?pageSize, as other shops number their pages. False: they cannot be, and the request has been answered. */
static bool read_numbered_page(struct request *request, struct page *page, int64_t *skip)
{
    const struct text number = request_query_value(request, "page"), size = request_query_value(request, "pageSize");
    int64_t n = 1;

    *skip = 0;
    if (!number.ptr && !size.ptr)
        return true;
    if (request_query_value(request, "limit").ptr || page->after.ptr ||
        (size.ptr && !text_to_int64(size, 1, LIST_LIMIT_MAX, &page->limit)) ||
        (number.ptr && !text_to_int64(number, 1, PAGE_NUMBER_MAX, &n)))
        return refuse_pages(request);
    *skip = (n - 1) * page->limit;
    return true;
}

static void list_shows(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);
    int64_t skip;

    if (!page_read(request, page) || !read_numbered_page(request, page, &skip))
        return;
    params_text(params, TEXT_NONE);
    params_text(params, page->after);
    params_int64(params, page->limit + 1);
    params_text(params, request_query_value(request, "title"));
    params_int64(params, skip);
    view_query(context, request, SQL(shows_list), params, on_shows, page);
}

static void on_show(const struct rows *rows, struct query *query)
{
    if (rows_count(rows) == 0) {
        query->not_found = "there is no such show";
        return;
    }
    shown_show(&query->json, rows, 0);
    query->tag = shown_show_tag(query->request->arena, rows, 0);
}

static void show_one(struct request *request, void *context)
{
    struct params *params = params_new(request->arena);

    params_text(params, request_path_value(request, "id"));
    params_text(params, TEXT_NONE);
    params_int64(params, 1);
    params_text(params, TEXT_NONE);
    params_int64(params, 0);
    view_query(context, request, SQL(shows_list), params, on_show, NULL);
}

/* ---- seats ---- */

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
        shown_seat(&query->json, rows, row);
    }
    page_end(&writer);
    query->is_tagged = true; /* whoever looks at a seat map again and again is spared what has not changed */
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

static void on_seat(const struct rows *rows, struct query *query)
{
    if (rows_count(rows) == 0) {
        query->not_found = "there is no such seat";
        return;
    }
    shown_seat(&query->json, rows, 0);
    query->tag = text_copy(query->request->arena, rows_text(rows, 0, SHOWN_SEAT_TAG));
}

static void show_seat(struct request *request, void *context)
{
    struct params *params = params_new(request->arena);

    params_text(params, request_path_value(request, "id"));
    params_text(params, request_path_value(request, "label"));
    view_query(context, request, SQL(shows_seat), params, on_seat, NULL);
}

static const struct route routes[] = {
    {"GET", "/shows", ANYONE, list_shows},
    {"GET", "/shows/{id}", ANYONE, show_one},
    {"GET", "/shows/{id}/seats", ANYONE, list_seats},
    {"GET", "/shows/{id}/seats/{label}", ANYONE, show_seat},
    {0},
};

static const struct statement *const statements[] = {SQL(shows_list), SQL(shows_seats), SQL(shows_seat), NULL};

const struct view shows = {.routes = routes, .statements = statements};
