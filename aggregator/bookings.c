/* GET /bookings/{id}. A request that the step hold has not decided yet has no row: its entry on the stream is shown. */
#include "aggregator/booking.h"
#include "aggregator/bookings.sql.h"
#include "aggregator/requested.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/id.h"
#include "common/request.h"

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
    requested_show(asked->sources, query, asked->id, requested_write);
}

static void on_booking(const struct rows *rows, struct query *query)
{
    if (rows_count(rows) == 0) {
        query->not_found = NO_BOOKING;
        query->elsewhere = ((const struct asked *)query->context)->is_second ? NULL : look_at_stream;
        return;
    }
    if (access_is_anothers(query->request, rows_text(rows, 0, BOOKING_USER))) {
        query->not_found = NO_BOOKING;
        return;
    }
    booking_write(query, rows, 0);
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
