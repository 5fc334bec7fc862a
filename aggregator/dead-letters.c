/* GET /dead-letters: entries that a step could not take, newest first. */
#include "aggregator/dead-letters.sql.h"
#include "aggregator/view.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/request.h"

static void write_dead_letter(struct json *json, const struct rows *rows, size_t row)
{
    json_begin_object(json);
    view_int(json, "id", rows_int(rows, row, 0));
    view_column_text(json, "stream", rows, row, 1);
    view_column_text(json, "entry_id", rows, row, 2);
    view_column_text(json, "step", rows, row, 3);
    view_column_text(json, "reason", rows, row, 4);
    view_column_text(json, "detail", rows, row, 5);
    view_int(json, "deliveries", rows_int(rows, row, 6));
    json_key(json, "fields");
    json_raw(json, rows_text(rows, row, 7));
    view_column_time(json, "at", rows, row, 8);
    view_column_time(json, "replayed_at", rows, row, 9);
    json_end_object(json);
}

static void on_dead_letters(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (!page_add(&writer, text_of_int64(query->request->arena, rows_int(rows, row, 0))))
            break;
        write_dead_letter(&query->json, rows, row);
    }
    page_end(&writer);
}

static void list_dead_letters(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);
    int64_t after;

    if (!page_read(request, page))
        return;
    if (!page->after.ptr) {
        params_text(params, TEXT_NONE);
    } else if (text_to_int64(page->after, 1, INT64_MAX, &after)) {
        params_int64(params, after);
    } else {
        page_refuse_cursor(request);
        return;
    }
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(dead_letters_list), params, on_dead_letters, page);
}

static const struct route routes[] = {
    {"GET", "/dead-letters", ANYONE, list_dead_letters},
    {0},
};

static const struct statement *const statements[] = {SQL(dead_letters_list), NULL};

const struct view dead_letters = {.routes = routes, .statements = statements};
