/* GET /users/{name} and GET /users. An email address is its owner's: see access_may_see. What proves who a user is
 * stands in another table, which aggregator cannot read. */
#include "aggregator/users.sql.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/page.h"
#include "common/request.h"

static void write_user(struct json *json, const struct rows *rows, size_t row)
{
    json_begin_object(json);
    view_column_text(json, "name", rows, row, 0);
    view_column_text(json, "email", rows, row, 1);
    json_key(json, "is_guest");
    json_bool(json, rows_bool(rows, row, 2));
    view_column_time(json, "created_at", rows, row, 3);
    json_end_object(json);
}

static void on_user(const struct rows *rows, struct query *query)
{
    struct request *request = query->request;

    if (rows_count(rows) == 0) {
        query->not_found = "there is no such user";
        return;
    }
    answer_header(request, "ETag", text_format(request->arena, "\"%lld\"", (long long)rows_int(rows, 0, 4)));
    write_user(&query->json, rows, 0);
}

static void on_users(const struct rows *rows, struct query *query)
{
    struct page_writer writer = page_begin(&query->json, query->context);

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (!page_add(&writer, text_copy(query->request->arena, rows_text(rows, row, 0))))
            break;
        write_user(&query->json, rows, row);
    }
    page_end(&writer);
}

static void show_user(struct request *request, void *context)
{
    const struct text name = request_path_value(request, "name");
    struct params *params = params_new(request->arena);

    if (!access_may_see(request, name)) {
        access_refuse(request);
        return;
    }
    params_text(params, name);
    view_query(context, request, SQL(users_one), params, on_user, NULL);
}

/* A user may see itself, not who else there is. */
static void list_users(struct request *request, void *context)
{
    struct page *page = ARENA_NEW(request->arena, struct page);
    struct params *params = params_new(request->arena);

    if (!access_may_see(request, TEXT_NONE)) {
        access_refuse(request);
        return;
    }
    if (!page_read(request, page))
        return;
    params_text(params, page->after);
    params_int64(params, page->limit + 1);
    view_query(context, request, SQL(users_list), params, on_users, page);
}

static const struct route routes[] = {
    {"GET", "/users", ANYONE, list_users},
    {"GET", "/users/{name}", ANYONE, show_user},
    {0},
};

static const struct statement *const statements[] = {SQL(users_one), SQL(users_list), NULL};

const struct view users = {.routes = routes, .statements = statements};
