/* Making, changing and removing users. A password is hashed first, off the loop; then one statement does the rest. */
#include "publisher/users.h"

#include <jansson.h>

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/etag.h"
#include "common/json.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/password.h"
#include "publisher/users.sql.h"

#define NO_USER "there is no such user"

/* One request about one user. */
struct user_task {
    struct users_sources *sources;
    struct request *request;
    struct text name, email, password;
    bool has_email; /* it is to be changed; ptr NULL then: to none */
    bool is_new;
    struct etags etags;
    struct text version; /* ptr NULL: nothing was changed */
    bool is_there;
    struct json json;
};

/* ---- what was sent ---- */

/* Something before an @ and something with a dot or a name behind it; whether mail arrives is seen when it is sent. */
static bool is_email(struct text email)
{
    const char *at = email.len ? memchr(email.ptr, '@', email.len) : NULL;

    if (!at || at == email.ptr || at == email.ptr + email.len - 1 || email.len > EMAIL_BYTES_MAX)
        return false;
    if (memchr(at + 1, '@', (size_t)(email.ptr + email.len - at - 1)))
        return false;
    for (size_t i = 0; i < email.len; i++)
        if ((unsigned char)email.ptr[i] <= ' ' || strchr("<>(),;:\\\"[]", email.ptr[i]))
            return false;
    return true;
}

static struct text read_email(const struct body *body)
{
    const struct text email = body_line(body, "email", EMAIL_BYTES_MAX);

    if (email.ptr && !is_email(email)) {
        body_refuse(body, "email", "must be an email address");
        return TEXT_NONE;
    }
    return email;
}

struct text users_read_name(const struct body *body)
{
    const struct text name = body_new_name(body, "name", IDENTIFIER_BYTES_MAX);
    const struct text username = body_new_name(body, "username", IDENTIFIER_BYTES_MAX);

    if (name.ptr && username.ptr && !text_equal(name, username))
        body_refuse(body, "username", "must be the same as name, or not be given");
    return name.ptr ? name : username;
}

void users_require_name(const struct body *body)
{
    if (!body_is_given(body, "username"))
        body_require(body, "name");
}

/* False: answered. */
static bool read_user(struct user_task *task)
{
    struct request *request = task->request;
    struct problems problems = {.arena = request->arena};
    const struct json_t *document = request_json(request);
    struct body body;
    struct text name;

    if (!document)
        return false;
    body = body_open(document, &problems);
    if (task->is_new)
        users_require_name(&body);
    name = users_read_name(&body);
    if (task->is_new)
        task->name = name;
    else if (name.ptr && !text_equal(name, task->name))
        body_refuse(&body, body_is_given(&body, "name") ? "name" : "username", "a user's name does not change");
    task->has_email = body.object && json_object_get(body.object, "email");
    task->email = read_email(&body);
    task->password = password_read(&body);
    if (problems.count)
        answer_invalid(request, &problems);
    return problems.count == 0;
}

/* ---- what is answered ---- */

static void on_row(const struct rows *rows, void *context)
{
    struct user_task *task = context;
    struct json *json = &task->json;

    task->is_there = rows_bool(rows, 0, 5);
    if (rows_is_null(rows, 0, 0))
        return;
    task->version = text_of_int64(task->request->arena, rows_int(rows, 0, 3));
    json_begin_object(json);
    json_key(json, "name");
    json_text(json, rows_text(rows, 0, 0));
    json_key(json, "email");
    json_text(json, rows_is_null(rows, 0, 1) ? TEXT_NONE : rows_text(rows, 0, 1));
    json_key(json, "is_guest");
    json_bool(json, rows_bool(rows, 0, 2));
    json_key(json, "created_at");
    json_time(json, rows_time(rows, 0, 4));
    json_end_object(json);
}

static bool is_email_taken(const struct store_failure *failure)
{
    return failure->result == STORE_CONFLICT && strcmp(failure->sqlstate, "23505") == 0;
}

static void answer_unchanged(const struct user_task *task)
{
    struct request *request = task->request;

    if (task->is_new && task->is_there)
        answer_problem(request, 409, "user_exists", "there is a user of this name already");
    else if (task->is_new)
        answer_problem(request, 409, "email_taken", "this email address is another user's");
    else if (!task->is_there)
        answer_not_found(request, NO_USER);
    else if (task->etags.are_given)
        answer_problem(request, 412, "precondition_failed", "it has changed since you read it; read it again");
    else
        access_refuse(request); /* who has no password did not prove who it is */
}

static void note(const struct user_task *task, const char *event)
{
    log_info(event, LOG_TEXT("user", task->name), LOG_TEXT("by", task->request->caller.name),
             LOG_TEXT("request", task->request->id));
}

static void on_stored(struct store *store, const struct store_failure *failure, void *context)
{
    struct user_task *task = context;
    struct request *request = task->request;

    (void)store;
    if (failure && is_email_taken(failure)) {
        answer_problem(request, 409, "email_taken", "this email address is another user's");
    } else if (failure) {
        answer_store_failure(request, failure);
    } else if (!task->version.ptr) {
        answer_unchanged(task);
    } else {
        note(task, task->is_new ? "user added" : "user changed");
        if (task->password.ptr)
            access_forget_user(task->sources->access, task->name);
        if (task->is_new)
            answer_header(request, "Location",
                          text_format(request->arena, "/users/%.*s", (int)task->name.len, task->name.ptr));
        etag_answer_json(request, task->is_new ? 201 : 200, &task->json, task->version);
    }
}

/* ---- adding and changing ---- */

static void store_user(struct request *request, struct text hash, void *context)
{
    struct user_task *task = context;
    struct params *params = params_new(request->arena);

    if (task->password.ptr && !hash.ptr) {
        answer_unavailable(request, "no_memory", "there is too little memory to hash a password now");
        return;
    }
    if (!store_is_up(task->sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    params_text(params, task->name);
    if (task->is_new) {
        params_text(params, task->email);
        params_text(params, hash);
    } else {
        params_etags(params, &task->etags);
        params_text(params, task->email);
        params_bool(params, task->has_email);
        params_text(params, hash);
        params_bool(params, access_is_trusted(request));
    }
    store_send(task->sources->store, task->is_new ? SQL(users_add) : SQL(users_change), params, on_row, task);
    store_sync(task->sources->store, on_stored, task);
}

static struct user_task *task_of(struct request *request, void *context)
{
    struct user_task *task = ARENA_NEW(request->arena, struct user_task);

    task->sources = context;
    task->request = request;
    task->json = json_in(request->arena);
    return task;
}

static void hash_and_store(struct user_task *task)
{
    if (task->password.ptr)
        password_hash(task->request, task->password, store_user, task);
    else
        store_user(task->request, TEXT_NONE, task);
}

static void add_user(struct request *request, void *context)
{
    struct user_task *task = task_of(request, context);

    task->is_new = true;
    if (read_user(task))
        hash_and_store(task);
}

static void change_user(struct request *request, void *context)
{
    struct user_task *task = task_of(request, context);

    task->name = request_path_value(request, "name");
    if (access_may_act_for(request, task->name) && etag_if_match(request, &task->etags) && read_user(task))
        hash_and_store(task);
}

/* ---- removing ---- */

static void on_removed_row(const struct rows *rows, void *context)
{
    struct user_task *task = context;

    task->version = rows_is_null(rows, 0, 0) ? TEXT_NONE : TEXT("removed");
    /* Both parts of a statement see the store as it was before: a user that is removed is still there. */
    task->is_there = rows_bool(rows, 0, 1);
}

static void on_removed(struct store *store, const struct store_failure *failure, void *context)
{
    const struct user_task *task = context;
    struct request *request = task->request;

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
    } else if (!task->version.ptr) {
        answer_unchanged(task);
    } else {
        note(task, "user removed");
        access_forget_user(task->sources->access, task->name);
        answer_empty(request, 204);
    }
}

static void remove_user(struct request *request, void *context)
{
    struct user_task *task = task_of(request, context);
    struct params *params = params_new(request->arena);

    task->name = request_path_value(request, "name");
    if (!access_may_act_for(request, task->name) || !etag_if_match(request, &task->etags))
        return;
    if (!store_is_up(task->sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    params_text(params, task->name);
    params_etags(params, &task->etags);
    params_bool(params, access_is_trusted(request));
    store_send(task->sources->store, SQL(users_remove), params, on_removed_row, task);
    store_sync(task->sources->store, on_removed, task);
}

const struct route users_routes[] = {
    {"POST", "/users", CLIENT, add_user},
    {"PATCH", "/users/{name}", USER, change_user},
    {"PUT", "/users/{name}", USER, change_user},
    {"DELETE", "/users/{name}", USER, remove_user},
    {0},
};

const struct statement *const users_statements[] = {SQL(users_add), SQL(users_change), SQL(users_remove), NULL};
