/* GET /dead-letters, newest first, all or those with ?replayed=no|yes, and GET /dead-letters/{id}: entries that a step
 * could not take. publisher replays them. */
#include "aggregator/dead-letters.sql.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/problem.h"
#include "common/request.h"

#define NO_LETTER "there is no such dead letter"

static void write_dead_letter(const struct request *request, struct json *json, const struct rows *rows, size_t row)
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
    json_raw(json, access_without_tokens(request, rows_text(rows, row, 7)));
    view_column_time(json, "at", rows, row, 8);
    view_column_time(json, "replayed_at", rows, row, 9);
    json_key(json, "is_exact");
    json_bool(json, rows_bool(rows, row, 10));
    view_column_text(json, "dead_entry_id", rows, row, 11);
    json_end_object(json);
}

static void on_dead_letters(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (!page_add(&writer, text_of_int64(query->request->arena, rows_int(rows, row, 0))))
            break;
        write_dead_letter(query->request, &query->json, rows, row);
    }
    page_end(&writer);
}

/* False: it is neither, and the request has been answered. */
static bool read_replayed(struct request *request, struct params *params)
{
    const struct text replayed = request_query_value(request, "replayed");
    struct problems problems = {.arena = request->arena};

    if (!replayed.ptr) {
        params_text(params, TEXT_NONE); /* NULL has no type */
    } else if (text_is(replayed, "yes") || text_is(replayed, "no")) {
        params_bool(params, text_is(replayed, "yes"));
    } else {
        problems_add(&problems, TEXT("/replayed"), "must be no or yes");
        answer_invalid(request, &problems);
        return false;
    }
    return true;
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
    if (read_replayed(request, params))
        view_query(context, request, SQL(dead_letters_list), params, on_dead_letters, page);
}

static void on_dead_letter(const struct rows *rows, struct query *query)
{
    if (rows_count(rows) == 0)
        query->not_found = NO_LETTER;
    else
        write_dead_letter(query->request, &query->json, rows, 0);
}

static void show_dead_letter(struct request *request, void *context)
{
    struct params *params = params_new(request->arena);
    int64_t id;

    if (!text_to_int64(request_path_value(request, "id"), 1, INT64_MAX, &id)) {
        answer_not_found(request, NO_LETTER);
        return;
    }
    params_int64(params, id);
    view_query(context, request, SQL(dead_letters_one), params, on_dead_letter, NULL);
}

static const struct route routes[] = {
    {"GET", "/dead-letters", ANYONE, list_dead_letters},
    {"GET", "/dead-letters/{id}", ANYONE, show_dead_letter},
    {0},
};

static const struct statement *const statements[] = {SQL(dead_letters_list), SQL(dead_letters_one), NULL};

const struct view dead_letters = {.routes = routes, .statements = statements};
