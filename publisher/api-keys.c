/* Making, listing and revoking keys. */
#include "publisher/api-keys.h"

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/page.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/api-keys.sql.h"

static const char *const roles[] = {"admin", "client", "gate"};
#define ROLES "admin|client|gate"

struct making {
    struct api_keys_sources *sources;
    struct request *request;
    struct uuid id;
    struct text role, name, secret;
    int64_t created_us;
    bool is_made;
};

struct listing {
    struct request *request;
    struct page page;
    struct json json;
};

struct revoking {
    struct api_keys_sources *sources;
    struct request *request;
    struct text name; /* ptr NULL: there was no such key */
};

static void write_text(struct json *json, const char *key, struct text text)
{
    json_key(json, key);
    json_text(json, text);
}

/* Not its end: the caller may have more to write. */
static void begin_key(struct json *json, struct uuid id, struct text role, struct text name, int64_t created_us)
{
    json_begin_object(json);
    write_text(json, "id", uuid_text(json->buffer.arena, id));
    write_text(json, "role", role);
    write_text(json, "name", name);
    json_key(json, "created_at");
    json_time(json, created_us);
}

/* ---- POST ---- */

static void on_made_row(const struct rows *rows, void *context)
{
    struct making *making = context;

    making->is_made = rows_count(rows) == 1;
    if (making->is_made)
        making->created_us = rows_time(rows, 0, 0);
}

static void on_made(struct store *store, const struct store_failure *failure, void *context)
{
    struct making *making = context;
    struct request *request = making->request;
    const struct text id = uuid_text(request->arena, making->id);
    struct json json = json_in(request->arena);

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
        return;
    }
    if (!making->is_made) {
        answer_problem(request, 409, "key_exists",
                       "there is a key of this name, or there are too many; revoke one first");
        return;
    }
    access_refresh(making->sources->access);
    log_info("key made", LOG_TEXT("key", making->name), LOG_TEXT("role", making->role),
             LOG_TEXT("by", request->caller.name), LOG_TEXT("request", request->id));
    begin_key(&json, making->id, making->role, making->name, making->created_us);
    write_text(&json, "key", making->secret);
    json_end_object(&json);
    answer_header(request, "Location", text_format(request->arena, "/api-keys/%.*s", UUID_TEXT_BYTES, id.ptr));
    answer_json(request, 201, &json);
}

static bool read_key(const struct json_t *document, struct problems *problems, struct making *making)
{
    const struct body body = body_open(document, problems);
    int role;

    body_require(&body, "role");
    body_require(&body, "name");
    role = body_choice(&body, "role", ROLES);
    making->role = role < 0 ? TEXT_NONE : text_of(roles[role]);
    making->name = body_line(&body, "name", KEY_NAME_CHARACTERS_MAX);
    return problems->count == 0;
}

static void make_key(struct request *request, void *context)
{
    struct api_keys_sources *sources = context;
    const struct json_t *document = request_json(request);
    struct problems problems = {.arena = request->arena};
    struct making *making;
    struct params *params;

    if (!document)
        return;
    making = ARENA_NEW(request->arena, struct making);
    *making = (struct making){.sources = sources, .request = request, .id = uuid_now(clock_now_ms())};
    if (!read_key(document, &problems, making)) {
        answer_invalid(request, &problems);
        return;
    }
    if (!store_is_up(sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    making->secret = secret_new(request->arena, text_format(request->arena, "krc_%s_", making->role.ptr).ptr);
    params = params_new(request->arena);
    params_uuid(params, making->id);
    params_text(params, making->role);
    params_text(params, making->name);
    params_text(params, secret_hash_text(request->arena, secret_hash(making->secret)));
    params_int64(params, KEYS_MAX);
    store_send(sources->store, SQL(api_keys_add), params, on_made_row, making);
    store_sync(sources->store, on_made, making);
}

/* ---- GET ---- */

static void on_key_rows(const struct rows *rows, void *context)
{
    struct listing *listing = context;
    struct json *json = &listing->json;
    struct page_writer writer = page_begin(json, &listing->page);

    for (size_t row = 0; row < rows_count(rows); row++) {
        const struct uuid id = rows_uuid(rows, row, 0);

        if (!page_add(&writer, uuid_text(listing->request->arena, id)))
            break;
        begin_key(json, id, rows_text(rows, row, 1), rows_text(rows, row, 2), rows_time(rows, row, 3));
        json_key(json, "revoked_at");
        if (rows_is_null(rows, row, 4))
            json_none(json);
        else
            json_time(json, rows_time(rows, row, 4));
        json_end_object(json);
    }
    page_end(&writer);
}

static void on_listed(struct store *store, const struct store_failure *failure, void *context)
{
    struct listing *listing = context;

    (void)store;
    if (failure)
        answer_store_failure(listing->request, failure);
    else
        answer_json(listing->request, 200, &listing->json);
}

static void list_keys(struct request *request, void *context)
{
    const struct api_keys_sources *sources = context;
    struct listing *listing = ARENA_NEW(request->arena, struct listing);
    struct params *params = params_new(request->arena);
    struct uuid after;

    *listing = (struct listing){.request = request, .json = json_in(request->arena)};
    if (!page_read(request, &listing->page))
        return;
    if (listing->page.after.ptr && !uuid_parse(listing->page.after, &after)) {
        page_refuse_cursor(request);
        return;
    }
    if (!store_is_up(sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    if (listing->page.after.ptr)
        params_uuid(params, after);
    else
        params_text(params, TEXT_NONE);
    params_int64(params, listing->page.limit + 1);
    store_send(sources->store, SQL(api_keys_list), params, on_key_rows, listing);
    store_sync(sources->store, on_listed, listing);
}

/* ---- DELETE ---- */

static void on_revoked_row(const struct rows *rows, void *context)
{
    struct revoking *revoking = context;

    if (rows_count(rows))
        revoking->name = text_copy(revoking->request->arena, rows_text(rows, 0, 0));
}

static void on_revoked(struct store *store, const struct store_failure *failure, void *context)
{
    const struct revoking *revoking = context;
    struct request *request = revoking->request;

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
        return;
    }
    if (!revoking->name.ptr) {
        answer_not_found(request, "there is no such key, or it is revoked already");
        return;
    }
    access_refresh(revoking->sources->access);
    log_info("key revoked", LOG_TEXT("key", revoking->name), LOG_TEXT("by", request->caller.name),
             LOG_TEXT("request", request->id));
    answer_empty(request, 204);
}

static void revoke_key(struct request *request, void *context)
{
    struct api_keys_sources *sources = context;
    struct revoking *revoking = ARENA_NEW(request->arena, struct revoking);
    struct params *params = params_new(request->arena);
    struct uuid id;

    *revoking = (struct revoking){.sources = sources, .request = request};
    if (!uuid_parse(request_path_value(request, "id"), &id)) {
        answer_not_found(request, "there is no such key");
        return;
    }
    if (!store_is_up(sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    params_uuid(params, id);
    store_send(sources->store, SQL(api_keys_revoke), params, on_revoked_row, revoking);
    store_sync(sources->store, on_revoked, revoking);
}

const struct route api_keys_routes[] = {
    {"POST", "/api-keys", ADMIN, make_key},
    {"GET", "/api-keys", ADMIN, list_keys},
    {"DELETE", "/api-keys/{id}", ADMIN, revoke_key},
    {0},
};

const struct statement *const api_keys_statements[] = {SQL(api_keys_add), SQL(api_keys_list), SQL(api_keys_revoke),
                                                       NULL};
