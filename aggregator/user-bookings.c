/* GET /users/{name}/bookings: newest first, those that failed too. */
#include "aggregator/booking.h"
#include "aggregator/user-bookings.sql.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/request.h"

enum { ENTRY_MS = BOOKING_COLUMNS, ENTRY_SEQ };

static void on_bookings(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    if (rows_count(rows) == 0) {
        query->not_found = "there is no such user";
        return;
    }
    for (size_t row = 0; row < rows_count(rows) && !rows_is_null(rows, row, BOOKING_ID); row++) {
        if (!page_add(&writer, text_format(query->request->arena, "%lld.%lld", (long long)rows_int(rows, row, ENTRY_MS),
                                           (long long)rows_int(rows, row, ENTRY_SEQ))))
            break;
        booking_write(query, rows, row);
    }
    page_end(&writer);
}

static void list_bookings(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);
    int64_t ms, seq;

    if (!page_read(request, page))
        return;
    if (!access_may_see(request, request_path_value(request, "name"))) {
        access_refuse(request);
        return;
    }
    params_text(params, request_path_value(request, "name"));
    if (!page->after.ptr) {
        params_text(params, TEXT_NONE);
        params_text(params, TEXT_NONE);
    } else if (view_place(page->after, 2, (int64_t *const[]){&ms, &seq})) {
        params_int64(params, ms);
        params_int64(params, seq);
    } else {
        page_refuse_cursor(request);
        return;
    }
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(user_bookings_list), params, on_bookings, page);
}

static const struct route routes[] = {
    {"GET", "/users/{name}/bookings", ANYONE, list_bookings},
    {0},
};

static const struct statement *const statements[] = {SQL(user_bookings_list), NULL};

const struct view user_bookings = {.routes = routes, .statements = statements};
