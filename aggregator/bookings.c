/* GET /bookings/{id}. A request that the step hold has not decided yet has no row: its entry on the stream is shown. */
#include "aggregator/bookings.sql.h"
#include "aggregator/requested.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/id.h"
#include "common/request.h"

#define NO_BOOKING "there is no such booking"

struct asked {
    const struct sources *sources;
    struct uuid id;
    bool is_second; /* neither the store nor the stream had it */
};

static void ask(struct request *request, const struct asked *asked);

/* What was decided between the look into the store and the look at the stream is in the store now: a booking that was
 * there does not vanish for a moment. */
static void look_again(struct query *query)
{
    struct asked *again = ARENA_NEW(query->request->arena, struct asked);

    *again = *(const struct asked *)query->context;
    again->is_second = true;
    ask(query->request, again);
}

static void look_at_stream(struct query *query)
{
    const struct asked *asked = query->context;

    query->once_more = look_again;
    requested_show(asked->sources, query, asked->id);
}

static void write_queue(struct json *json, const struct rows *rows)
{
    json_key(json, "waitlist");
    if (rows_is_null(rows, 0, 10)) {
        json_none(json);
        return;
    }
    json_begin_object(json);
    view_int(json, "position", rows_int(rows, 0, 10));
    view_int(json, "length", rows_int(rows, 0, 11));
    json_end_object(json);
}

static void on_booking(const struct rows *rows, struct query *query)
{
    struct json *json = &query->json;

    if (rows_count(rows) && access_is_anothers(query->request, rows_text(rows, 0, 0))) {
        query->not_found = NO_BOOKING;
        return;
    }
    if (rows_count(rows) == 0) {
        query->not_found = NO_BOOKING;
        query->elsewhere = ((const struct asked *)query->context)->is_second ? NULL : look_at_stream;
        return;
    }
    json_begin_object(json);
    view_text(json, "booking_id", uuid_text(query->request->arena, ((const struct asked *)query->context)->id));
    view_column_text(json, "user", rows, 0, 0);
    view_column_text(json, "show", rows, 0, 1);
    json_key(json, "seats");
    json_raw(json, rows_text(rows, 0, 2));
    view_column_text(json, "status", rows, 0, 3);
    view_column_text(json, "reason", rows, 0, 4);
    json_key(json, "amount");
    json_money(json, rows_int(rows, 0, 5), rows_text(rows, 0, 6));
    view_column_text(json, "invoice_no", rows, 0, 7);
    if (access_may_see(query->request, rows_text(rows, 0, 0)))
        view_column_text(json, "payment_url", rows, 0, 8);
    else
        view_text(json, "payment_url", TEXT_NONE);
    view_column_time(json, "hold_expires_at", rows, 0, 9);
    write_queue(json, rows);
    json_key(json, "tickets");
    json_raw(json, TEXT("[]"));
    view_column_time(json, "requested_at", rows, 0, 12);
    view_column_time(json, "closed_at", rows, 0, 13);
    json_end_object(json);
}

static void ask(struct request *request, const struct asked *asked)
{
    struct params *params = params_new(request->arena);

    params_uuid(params, asked->id);
    view_query(asked->sources, request, SQL(bookings_one), params, on_booking, asked);
}

static void show_booking(struct request *request, void *context)
{
    struct asked *asked = ARENA_NEW(request->arena, struct asked);

    asked->sources = context;
    if (!uuid_parse(request_path_value(request, "id"), &asked->id)) {
        answer_not_found(request, NO_BOOKING);
        return;
    }
    ask(request, asked);
}

static const struct route routes[] = {
    {"GET", "/bookings/{id}", ANYONE, show_booking},
    {0},
};

static const struct statement *const statements[] = {SQL(bookings_one), NULL};

const struct view bookings = {.routes = routes, .statements = statements};
