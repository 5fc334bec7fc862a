/* GET /shows/{id}/waitlist: who waits for seats of a show, in the order in which they will be served. */
#include "aggregator/view.h"
#include "aggregator/waitlist.sql.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/request.h"

enum { ID, OWNER, SEATS, QUANTITY, REQUESTED_AT, ENTRY_MS, ENTRY_SEQ, POSITION };

/* Everybody sees how many wait for what; who they are, only who may. */
static void write_waiting(struct query *query, const struct rows *rows, size_t row)
{
    const struct text user = rows_text(rows, row, OWNER);
    const bool may_see = access_may_see(query->request, user);
    struct json *json = &query->json;
    struct text labels = rows_text(rows, row, SEATS), label;

    json_begin_object(json);
    view_int(json, "position", rows_int(rows, row, POSITION));
    view_text(json, "booking_id", may_see ? uuid_text(json->buffer.arena, rows_uuid(rows, row, ID)) : TEXT_NONE);
    view_text(json, "user", may_see ? user : TEXT_NONE);
    json_key(json, "seats");
    json_begin_array(json);
    while (labels.len && text_next(&labels, ',', &label))
        json_text(json, label);
    json_end_array(json);
    view_int(json, "quantity", rows_int(rows, row, QUANTITY));
    view_column_time(json, "requested_at", rows, row, REQUESTED_AT);
    json_end_object(json);
}

static struct text place_of_row(struct arena *arena, const struct rows *rows, size_t row)
{
    const struct text id = uuid_text(arena, rows_uuid(rows, row, ID));

    return text_format(arena, "%.*s.%lld.%lld", (int)id.len, id.ptr, (long long)rows_int(rows, row, ENTRY_MS),
                       (long long)rows_int(rows, row, ENTRY_SEQ));
}

static void on_waiting(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    if (rows_count(rows) == 0) {
        query->not_found = "there is no such show";
        return;
    }
    for (size_t row = 0; row < rows_count(rows) && !rows_is_null(rows, row, ID); row++) {
        if (!page_add(&writer, place_of_row(query->request->arena, rows, row)))
            break;
        write_waiting(query, rows, row);
    }
    page_end(&writer);
}

/* False: it is no cursor of this list. */
static bool add_place(struct params *params, struct text cursor)
{
    struct text id;
    struct uuid booking;
    int64_t ms, seq;

    if (!cursor.ptr) {
        for (int i = 0; i < 3; i++)
            params_text(params, TEXT_NONE);
        return true;
    }
    if (!text_next(&cursor, '.', &id) || !uuid_parse(id, &booking) ||
        !view_place(cursor, 2, (int64_t *const[]){&ms, &seq}))
        return false;
    params_int64(params, ms);
    params_int64(params, seq);
    params_uuid(params, booking);
    return true;
}

static void list_waiting(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);

    if (!page_read(request, page))
        return;
    params_text(params, request_path_value(request, "id"));
    if (!add_place(params, page->after)) {
        page_refuse_cursor(request);
        return;
    }
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(waitlist_list), params, on_waiting, page);
}

static const struct route routes[] = {
    {"GET", "/shows/{id}/waitlist", ANYONE, list_waiting},
    {0},
};

static const struct statement *const statements[] = {SQL(waitlist_list), NULL};

const struct view waitlist = {.routes = routes, .statements = statements};
