/* GET /shows/{id}/seats/{label}/history: every change of a seat, whose it was, and with ?as_of= what it was at that
 * time. */
#include "aggregator/history.h"
#include "aggregator/seat-history.sql.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/request.h"

enum { BOOKING = CHANGE_COLUMNS };

struct place { /* of the last change of the page before */
    int64_t at_us, entry_ms, entry_seq;
};

struct asked {
    struct page page;
    struct place after;
    int64_t as_of_us;
};

static bool is_behind(const struct rows *rows, size_t row, const struct place *place)
{
    const int64_t here[] = {rows_time(rows, row, CHANGE_AT), rows_int(rows, row, CHANGE_ENTRY_MS),
                            rows_int(rows, row, CHANGE_ENTRY_SEQ)};
    const int64_t there[] = {place->at_us, place->entry_ms, place->entry_seq};

    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (here[i] != there[i])
            return here[i] > there[i];
    return false;
}

/* Reserved first and then held is one change of the seat. */
static bool changes_nothing(const struct rows *rows, size_t row)
{
    return !rows_is_null(rows, row - 1, CHANGE_STATUS) &&
           text_equal(rows_text(rows, row, CHANGE_STATUS), rows_text(rows, row - 1, CHANGE_STATUS)) &&
           uuid_compare(rows_uuid(rows, row, BOOKING), rows_uuid(rows, row - 1, BOOKING)) == 0;
}

static void write_seat(struct json *json, const struct rows *rows, size_t first, size_t end, bool is_there)
{
    const bool is_changed = end > first;
    const struct text status = is_changed ? rows_text(rows, end - 1, CHANGE_STATUS)
                               : is_there ? TEXT("OPEN")
                                          : TEXT_NONE;

    view_text(json, "status", status);
    view_text(json, "booking_id",
              is_changed && !text_is(status, "OPEN") ? uuid_text(json->buffer.arena, rows_uuid(rows, end - 1, BOOKING))
                                                     : TEXT_NONE);
}

static void write_changes(struct query *query, const struct rows *rows, size_t first, size_t end)
{
    const struct asked *asked = query->context;
    struct json *json = &query->json;
    struct page_writer writer = page_begin_in(json, &asked->page);

    for (size_t row = first; row < end; row++) {
        if (!is_behind(rows, row, &asked->after) || (row > first && changes_nothing(rows, row)))
            continue;
        if (!page_add(&writer,
                      text_format(query->request->arena, "%lld.%lld.%lld", (long long)rows_time(rows, row, CHANGE_AT),
                                  (long long)rows_int(rows, row, CHANGE_ENTRY_MS),
                                  (long long)rows_int(rows, row, CHANGE_ENTRY_SEQ))))
            break;
        json_begin_object(json);
        history_write_change(json, rows, row);
        view_text(json, "booking_id", uuid_text(json->buffer.arena, rows_uuid(rows, row, BOOKING)));
        json_end_object(json);
    }
    page_end(&writer);
}

static void on_changes(const struct rows *rows, struct query *query)
{
    const struct asked *asked = query->context;
    const size_t first = rows_count(rows) > 0 && rows_is_null(rows, 0, CHANGE_STATUS);
    size_t end = first;

    if (rows_count(rows) == 0) {
        query->not_found = "there is no such seat";
        return;
    }
    while (end < rows_count(rows) && rows_time(rows, end, CHANGE_AT) <= asked->as_of_us)
        end++;
    json_begin_object(&query->json);
    view_text(&query->json, "show", request_path_value(query->request, "id"));
    view_text(&query->json, "label", request_path_value(query->request, "label"));
    history_write_as_of(&query->json, asked->as_of_us);
    write_seat(&query->json, rows, first, end, first && rows_time(rows, 0, CHANGE_AT) <= asked->as_of_us);
    write_changes(query, rows, first, end);
}

static void show_history(struct request *request, void *context)
{
    struct asked *asked = ARENA_NEW(request->arena, struct asked);
    struct params *params = params_new(request->arena);
    int64_t *const numbers[] = {&asked->after.at_us, &asked->after.entry_ms, &asked->after.entry_seq};

    if (!page_read(request, &asked->page) || !view_as_of(request, &asked->as_of_us))
        return;
    if (asked->page.after.ptr && !view_place(asked->page.after, sizeof numbers / sizeof *numbers, numbers)) {
        page_refuse_cursor(request);
        return;
    }
    params_text(params, request_path_value(request, "id"));
    params_text(params, request_path_value(request, "label"));
    view_query(context, request, SQL(seat_history_changes), params, on_changes, asked);
}

static const struct route routes[] = {
    {"GET", "/shows/{id}/seats/{label}/history", ANYONE, show_history},
    {0},
};

static const struct statement *const statements[] = {SQL(seat_history_changes), NULL};

const struct view seat_history = {.routes = routes, .statements = statements};
