/* What all views do alike. */
#include "aggregator/view.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/etag.h"
#include "common/problem.h"
#include "common/request.h"

struct pending_query {
    struct query query;
    view_rows_fn *on_rows;
};

static void on_rows(const struct rows *rows, void *context)
{
    struct pending_query *pending = context;

    pending->on_rows(rows, &pending->query);
}

static void on_done(struct store *store, const struct store_failure *failure, void *context)
{
    struct pending_query *pending = context;
    struct query *query = &pending->query;

    (void)store;
    if (failure)
        answer_store_failure(query->request, failure);
    else if (query->elsewhere)
        query->elsewhere(query);
    else if (query->not_found)
        answer_not_found(query->request, query->not_found);
    else if (query->tag.ptr)
        etag_answer_json(query->request, 200, &query->json, query->tag);
    else if (query->is_tagged)
        etag_answer_document(query->request, 200, &query->json);
    else
        answer_json(query->request, 200, &query->json);
}

void view_query(const struct sources *sources, struct request *request, const struct statement *statement,
                struct params *params, view_rows_fn *fn, const void *context)
{
    struct pending_query *pending;

    if (!store_is_up(sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    pending = ARENA_NEW(request->arena, struct pending_query);
    *pending = (struct pending_query){
        .query = {.request = request, .json = json_in(request->arena), .context = context},
        .on_rows = fn,
    };
    store_send(sources->store, statement, params, on_rows, pending);
    store_sync(sources->store, on_done, pending);
}

bool view_place(struct text cursor, size_t count, int64_t *const *numbers)
{
    struct text number;

    for (size_t i = 0; i < count; i++)
        if (!text_next(&cursor, '.', &number) || !text_to_int64(number, 0, INT64_MAX / 2, numbers[i]))
            return false;
    return !cursor.ptr;
}

bool view_as_of(struct request *request, int64_t *as_of_us)
{
    const struct text given = request_query_value(request, "as_of");
    struct problems problems = {.arena = request->arena};

    *as_of_us = INT64_MAX;
    if (!given.ptr || time_parse(given, as_of_us))
        return true;
    problems_add(&problems, TEXT("/as_of"), "must be a time like 2026-11-21T10:00:00Z");
    answer_invalid(request, &problems);
    return false;
}

void view_text(struct json *json, const char *key, struct text text)
{
    json_key(json, key);
    json_text(json, text);
}

void view_int(struct json *json, const char *key, int64_t number)
{
    json_key(json, key);
    json_int(json, number);
}

void view_column_text(struct json *json, const char *key, const struct rows *rows, size_t row, int field)
{
    view_text(json, key, rows_is_null(rows, row, field) ? TEXT_NONE : rows_text(rows, row, field));
}

void view_column_time(struct json *json, const char *key, const struct rows *rows, size_t row, int field)
{
    json_key(json, key);
    if (rows_is_null(rows, row, field))
        json_none(json);
    else
        json_time(json, rows_time(rows, row, field));
}
