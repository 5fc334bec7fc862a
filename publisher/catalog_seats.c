/* POST /shows/{id}/seats, PUT, PATCH and DELETE /shows/{id}/seats/{label}. */
#include "common/answer.h"
#include "common/arena.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/catalog_change.h"
#include "publisher/catalog_seats.sql.h"

static void send_check(struct change *change, const struct catalog_seat *seats, size_t count)
{
    struct params *params = change_params(change);
    struct column *currencies = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < count; i++)
        if (seats[i].currency.ptr)
            column_text(currencies, seats[i].currency);
    change_send(change, SQL(catalog_check_new_seats), params);
}

/* Where the only one of them is. */
static const char *location_of(const struct change *change, struct text label)
{
    return text_format(change->request->arena, "/shows/%.*s/seats/%.*s", (int)change->show.len, change->show.ptr,
                       (int)label.len, label.ptr)
        .ptr;
}

static void add_seats(struct request *request, void *context)
{
    const struct json_t *document = request_json(request);
    struct problems problems = {.arena = request->arena};
    struct catalog_seat *seats;
    struct change *change;
    bool is_array;
    size_t count;

    if (!document)
        return;
    if (!catalog_read_seats(document, &problems, &is_array, &seats, &count)) {
        answer_invalid(request, &problems);
        return;
    }
    change = change_begin(request, context, "seats added", 201);
    if (!change)
        return;
    change->is_list = is_array;
    change->location = is_array ? NULL : location_of(change, seats[0].label);
    send_check(change, seats, count);
    change_add_seats(change, seats, count, true);
    change_send(change, SQL(catalog_more_seats), change_params(change));
    change_show_seats(change, seats, count);
    change_end(change);
}

/* ---- changing one ---- */

static struct params *seat_params(const struct change *change)
{
    struct params *params = change_params(change);

    params_text(params, change->seat);
    return params;
}

static void send_lock(struct change *change, struct text currency)
{
    struct params *params = seat_params(change);

    params_etags(params, &change->if_match);
    params_text(params, currency);
    change_send_to_seat(change, SQL(catalog_lock_seat), params);
}

static void send_price(struct change *change, const struct catalog_seat *seat)
{
    struct params *params = seat_params(change);

    if (seat->has_price)
        params_int64(params, seat->amount);
    else
        params_text(params, TEXT_NONE); /* NULL has no type */
    change_send(change, SQL(catalog_price_seat), params);
}

static void change_seat(struct request *request, struct store *store, enum catalog_how how)
{
    const struct json_t *document = request_json(request);
    struct problems problems = {.arena = request->arena};
    struct catalog_seat seat;
    struct change *change;

    if (!document)
        return;
    if (!catalog_read_seat(document, how, request_path_value(request, "label"), &problems, &seat)) {
        answer_invalid(request, &problems);
        return;
    }
    change = change_begin(request, store, "seat changed", 200);
    if (!change)
        return;
    send_lock(change, seat.currency);
    if (seat.is_price_given)
        send_price(change, &seat);
    change_show_seats(change, &seat, 1);
    change_end(change);
}

static void put_seat(struct request *request, void *context)
{
    change_seat(request, context, CATALOG_WHOLE);
}

static void patch_seat(struct request *request, void *context)
{
    change_seat(request, context, CATALOG_PART);
}

static void delete_seat(struct request *request, void *context)
{
    struct change *change = change_begin(request, context, "seat removed", 204);
    struct params *params;

    if (!change)
        return;
    change_stop_waiting(change);
    params = seat_params(change);
    params_etags(params, &change->if_match);
    change_send_to_seat(change, SQL(catalog_remove_seat), params);
    change_end(change);
}

const struct route catalog_seat_routes[] = {
    {"POST", "/shows/{id}/seats", ADMIN, add_seats},
    {"PUT", "/shows/{id}/seats/{label}", ADMIN, put_seat},
    {"PATCH", "/shows/{id}/seats/{label}", ADMIN, patch_seat},
    {"DELETE", "/shows/{id}/seats/{label}", ADMIN, delete_seat},
    {0},
};

const struct statement *const catalog_seat_statements[] = {SQL(catalog_check_new_seats), SQL(catalog_more_seats),
                                                           SQL(catalog_lock_seat),       SQL(catalog_price_seat),
                                                           SQL(catalog_remove_seat),     NULL};
