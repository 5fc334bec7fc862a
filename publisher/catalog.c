/* POST /shows, PUT, PATCH and DELETE /shows/{id}. */
#include "publisher/catalog.h"

#include "common/answer.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/catalog.sql.h"
#include "publisher/catalog_change.h"

/* What was sent, or NULL: it cannot be a show, and the request has been answered. */
static struct catalog_show *read_show(struct request *request, enum catalog_how how, struct text id)
{
    const struct json_t *document = request_json(request);
    struct problems problems = {.arena = request->arena};
    struct catalog_show *show;

    if (!document)
        return NULL;
    show = ARENA_NEW(request->arena, struct catalog_show);
    if (catalog_read(document, how, id, &problems, show))
        return show;
    answer_invalid(request, &problems);
    return NULL;
}

static void add_time(struct params *params, bool is_given, int64_t time_us)
{
    if (is_given)
        params_time(params, time_us);
    else
        params_text(params, TEXT_NONE); /* NULL has no type */
}

static void add_description(struct params *params, const struct catalog_show *show)
{
    params_text(params, show->title);
    params_text(params, show->venue);
    add_time(params, show->has_starts_at, show->starts_at_us);
    add_time(params, show->has_doors_at, show->doors_at_us);
    params_text(params, show->time_zone);
    params_int64(params, show->amount);
    params_text(params, show->currency);
}

static void add_texts(struct params *params, const struct text *texts, size_t count)
{
    struct column *column = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < count; i++)
        column_text(column, texts[i]);
}

static void send_time_zone(struct change *change, const struct catalog_show *show)
{
    struct params *params = params_new(change->request->arena);

    if (!show->time_zone.ptr)
        return;
    params_text(params, show->time_zone);
    change_send(change, SQL(catalog_check_time_zone), params);
}

static void add_show(struct request *request, void *context)
{
    const struct catalog_show *show =
        read_show(request, CATALOG_NEW, uuid_text(request->arena, uuid_now(clock_now_ms())));
    struct change *change = show ? change_begin_new(request, context, "show added", show->show_id) : NULL;
    struct params *params;

    if (!change)
        return;
    send_time_zone(change, show);
    params = change_params(change);
    add_description(params, show);
    params_bool(params, show->is_general);
    params_text(params, show->organizer_url);
    add_texts(params, show->seats, show->seat_count);
    change->seat_count = show->seat_count;
    change->location = text_format(request->arena, "/shows/%.*s", (int)show->show_id.len, show->show_id.ptr).ptr;
    change_send(change, SQL(catalog_add_show), params);
    change_show_show(change);
    change_end(change);
}

/* ---- changing one ---- */

static void send_check(struct change *change, const struct catalog_show *show)
{
    struct params *params = change_params(change);

    params_text(params, show->currency);
    params_bool(params, show->seat_count > 0 && !show->is_general);
    params_bool(params, show->is_general);
    change_send(change, SQL(catalog_check_change), params);
}

static void send_description(struct change *change, const struct catalog_show *show)
{
    struct params *params = change_params(change);

    add_texts(params, show->names, show->name_count);
    add_description(params, show);
    params_text(params, show->organizer_url);
    change_send(change, SQL(catalog_change_show), params);
}

/* These labels and no others. */
static void send_seats(struct change *change, const struct catalog_show *show)
{
    struct params *params = change_params(change);
    struct catalog_seat *seats = ARENA_ARRAY(change->request->arena, struct catalog_seat, show->seat_count);

    for (size_t i = 0; i < show->seat_count; i++)
        seats[i].label = show->seats[i];
    change_stop_waiting(change);
    add_texts(params, show->seats, show->seat_count);
    change_send(change, SQL(catalog_keep_seats), params);
    change_add_seats(change, seats, show->seat_count, false);
}

static void send_capacity(struct change *change, const struct catalog_show *show)
{
    const struct statement *const steps[] = {SQL(catalog_shrink), SQL(catalog_grow)};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct params *params = change_params(change);

        params_int64(params, (int64_t)show->seat_count);
        change_send(change, steps[i], params);
    }
}

static void change_show(struct request *request, struct store *store, enum catalog_how how)
{
    const struct catalog_show *show = read_show(request, how, request_path_value(request, "id"));
    struct change *change = show ? change_begin(request, store, "show changed", 200) : NULL;

    if (!change)
        return;
    send_time_zone(change, show);
    send_check(change, show);
    send_description(change, show);
    change->seat_count = show->seat_count;
    if (show->is_general)
        send_capacity(change, show);
    else if (show->seat_count > 0)
        send_seats(change, show);
    change_show_show(change);
    change_end(change);
}

static void put_show(struct request *request, void *context)
{
    change_show(request, context, CATALOG_WHOLE);
}

static void patch_show(struct request *request, void *context)
{
    change_show(request, context, CATALOG_PART);
}

static void delete_show(struct request *request, void *context)
{
    struct change *change = change_begin(request, context, "show removed", 204);

    if (!change)
        return;
    change_stop_waiting(change);
    change_send(change, SQL(catalog_remove_show), change_params(change));
    change_end(change);
}

const struct route catalog_routes[] = {
    {"POST", "/shows", ADMIN, add_show},
    {"PUT", "/shows/{id}", ADMIN, put_show},
    {"PATCH", "/shows/{id}", ADMIN, patch_show},
    {"DELETE", "/shows/{id}", ADMIN, delete_show},
    {0},
};

const struct statement *const catalog_statements[] = {SQL(catalog_check_time_zone),
                                                      SQL(catalog_add_show),
                                                      SQL(catalog_check_change),
                                                      SQL(catalog_change_show),
                                                      SQL(catalog_keep_seats),
                                                      SQL(catalog_shrink),
                                                      SQL(catalog_grow),
                                                      SQL(catalog_remove_show),
                                                      NULL};
