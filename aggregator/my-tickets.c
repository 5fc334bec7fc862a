/* GET /my-tickets?username=: a user's tickets, newest first, as the original shop showed them: a plain array. */
#include "aggregator/my-tickets.sql.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/bounds.h"
#include "common/request.h"
#include "common/ticket.h"

enum { ID, SEATS, SHOW, TITLE, STARTS_AT, OWNER, CLOSED_AT };

static void write_ticket(struct json *json, const struct rows *rows, size_t row, struct text seat)
{
    json_begin_object(json);
    view_text(json, "ticket_id", uuid_text(json->buffer.arena, ticket_id(rows_uuid(rows, row, ID), seat)));
    view_text(json, "booking_id", uuid_text(json->buffer.arena, rows_uuid(rows, row, ID)));
    view_column_text(json, "username", rows, row, OWNER);
    view_column_text(json, "stage_id", rows, row, SHOW);
    view_column_text(json, "stage", rows, row, TITLE);
    view_text(json, "seat", seat);
    view_column_time(json, "starts_at", rows, row, STARTS_AT);
    view_column_time(json, "timestamp", rows, row, CLOSED_AT); /* the original's name for it */
    view_column_time(json, "bought_at", rows, row, CLOSED_AT);
    json_end_object(json);
}

static void on_tickets(const struct rows *rows, struct query *query)
{
    json_begin_array(&query->json);
    for (size_t row = 0; row < rows_count(rows); row++) {
        struct text labels = rows_text(rows, row, SEATS), label;

        while (text_next(&labels, ',', &label))
            write_ticket(&query->json, rows, row, label);
    }
    json_end_array(&query->json);
}

static void refuse(struct request *request)
{
    struct json json = json_in(request->arena);

    json_begin_object(&json);
    view_text(&json, "error", TEXT("username is missing"));
    json_end_object(&json);
    answer_json(request, 400, &json);
}

static void list_tickets(struct request *request, void *context)
{
    const struct text user = request_query_value(request, "username");
    struct params *params = params_new(request->arena);

    if (!user.len) {
        refuse(request);
        return;
    }
    if (!access_may_see(request, user)) {
        access_refuse(request);
        return;
    }
    params_text(params, user);
    params_int64(params, MY_TICKETS_BOOKINGS_MAX);
    view_query(context, request, SQL(my_tickets_list), params, on_tickets, NULL);
}

static const struct route routes[] = {
    {"GET", "/my-tickets", ANYONE, list_tickets},
    {0},
};

static const struct statement *const statements[] = {SQL(my_tickets_list), NULL};

const struct view my_tickets = {.routes = routes, .statements = statements};
