/* GET /stages: shows of general admission in the words of the original shop. Its stock is what is left of a show's
 * seats, counted from their rows. */
#include "aggregator/stages.sql.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/request.h"

enum { ID, TITLE, DAY, DOORS_AT, STARTS_AT, AMOUNT, CURRENCY, CAPACITY, OPEN };

static void on_stages(const struct rows *rows, struct query *query)
{
    struct json *json = &query->json;
    struct page_writer writer = page_begin(json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (!page_add(&writer, rows_text(rows, row, ID)))
            break;
        json_begin_object(json);
        view_column_text(json, "id", rows, row, ID);
        view_column_text(json, "name", rows, row, TITLE);
        view_column_text(json, "day", rows, row, DAY);
        view_column_time(json, "open", rows, row, DOORS_AT);
        view_column_time(json, "start", rows, row, STARTS_AT);
        json_key(json, "price");
        json_money(json, rows_int(rows, row, AMOUNT), rows_text(rows, row, CURRENCY));
        view_int(json, "stock", rows_int(rows, row, OPEN));
        view_int(json, "capacity", rows_int(rows, row, CAPACITY));
        json_end_object(json);
    }
    page_end(&writer);
}

static void list_stages(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);

    if (!page_read(request, page))
        return;
    params_text(params, page->after);
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(stages_list), params, on_stages, page);
}

static const struct route routes[] = {
    {"GET", "/stages", ANYONE, list_stages},
    {0},
};

static const struct statement *const statements[] = {SQL(stages_list), NULL};

const struct view stages = {.routes = routes, .statements = statements};
