/* Logging in: look the user up, check the password off the loop, store the session, set the cookie. */
#include "publisher/sessions.h"

#include <strings.h>

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/json.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/store.h"
#include "publisher/password.h"
#include "publisher/sessions.sql.h"
#include "publisher/users.h"

struct login {
    struct sessions_sources *sources;
    struct request *request;
    struct text name, password; /* password: ptr NULL: none was given */
    bool is_known;
    struct text hash; /* of the user's password; ptr NULL: there is none */
    struct text token;
    int64_t expires_us;
    bool is_begun;
};

/* ---- the cookie ---- */

struct text sessions_cookie(struct arena *arena, const char *base_url, struct text token, int max_age_s)
{
    const bool is_secure = strncasecmp(base_url, "https://", 8) == 0; /* RFC 3986 section 3.1: in any case */

    return text_format(arena, SESSION_COOKIE "=%.*s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", (int)token.len,
                       token.ptr, max_age_s, is_secure ? "; Secure" : "");
}

static void set_cookie(struct request *request, struct text token, int max_age_s)
{
    answer_header(request, "Set-Cookie", sessions_cookie(request->arena, config()->base_url, token, max_age_s));
}

static struct text token_of(const struct request *request)
{
    return access_cookie(request_header(request, "Cookie"), SESSION_COOKIE);
}

/* ---- logging in ---- */

static void refuse_login(struct login *login)
{
    log_info("login refused", LOG_TEXT("address", login->request->peer), LOG_TEXT("request", login->request->id));
    answer_problem(login->request, 401, "wrong_login", "the name or the password is wrong");
}

static void on_begun_row(const struct rows *rows, void *context)
{
    struct login *login = context;

    login->is_begun = rows_count(rows) == 1;
    if (login->is_begun)
        login->expires_us = rows_time(rows, 0, 0);
}

static void on_begun(struct store *store, const struct store_failure *failure, void *context)
{
    struct login *login = context;
    struct request *request = login->request;
    struct json json = json_in(request->arena);

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
        return;
    }
    if (!login->is_begun) {
        refuse_login(login);
        return;
    }
    log_info("session begun", LOG_TEXT("user", login->name), LOG_TEXT("request", request->id));
    json_begin_object(&json);
    json_key(&json, "role");
    json_text(&json, TEXT("user"));
    json_key(&json, "name");
    json_text(&json, login->name);
    json_key(&json, "expires_at");
    json_time(&json, login->expires_us);
    json_end_object(&json);
    set_cookie(request, login->token, SESSION_S);
    answer_json(request, 201, &json);
}

static void begin_session(struct login *login)
{
    struct arena *arena = login->request->arena;
    struct store *store = login->sources->store;
    struct params *params = params_new(arena);

    if (!store_is_up(store)) {
        answer_store_failure(login->request, NULL);
        return;
    }
    login->token = secret_new(arena, "");
    if (!login->is_known) {
        params_text(params, login->name);
        store_send(store, SQL(sessions_add_guest), params, NULL, NULL);
        params = params_new(arena);
    }
    params_text(params, login->name);
    params_text(params, secret_hash_text(arena, secret_hash(login->token)));
    params_int64(params, SESSION_S);
    params_text(params, login->hash);
    params_int64(params, SESSIONS_PER_USER_MAX - 1);
    store_send(store, SQL(sessions_add), params, on_begun_row, login);
    store_sync(store, on_begun, login);
}

static void on_checked(struct request *request, bool is_right, void *context)
{
    struct login *login = context;

    if (!is_right) {
        refuse_login(login);
        return;
    }
    access_was_right(login->sources->access, request, login->name);
    begin_session(login);
}

/* A name alone will do for who has no password, if guests are welcome. */
static bool may_come_as_guest(const struct login *login)
{
    return config()->guest_sessions && !login->hash.ptr &&
           (login->is_known || strcmp(config()->unknown_users, "create") == 0);
}

static void on_user(const struct rows *rows, void *context)
{
    struct login *login = context;

    login->is_known = rows_count(rows) == 1;
    if (login->is_known && !rows_is_null(rows, 0, 1))
        login->hash = text_copy(login->request->arena, rows_text(rows, 0, 1));
}

static void on_looked_up(struct store *store, const struct store_failure *failure, void *context)
{
    struct login *login = context;

    (void)store;
    if (failure)
        answer_store_failure(login->request, failure);
    else if (login->password.ptr)
        password_check(login->request, login->password, login->hash, on_checked, login);
    else if (may_come_as_guest(login))
        begin_session(login);
    else
        refuse_login(login);
}

static bool read_login(const struct json_t *document, struct login *login)
{
    struct problems problems = {.arena = login->request->arena};
    const struct body body = body_open(document, &problems);

    users_require_name(&body);
    login->name = users_read_name(&body);
    login->password = body_line(&body, "password", PASSWORD_BYTES_MAX);
    if (problems.count)
        answer_invalid(login->request, &problems);
    return problems.count == 0;
}

static void log_in(struct request *request, void *context)
{
    struct login *login = ARENA_NEW(request->arena, struct login);
    const struct json_t *document;
    struct params *params;

    *login = (struct login){.sources = context, .request = request};
    if (access_comes_from_elsewhere(request)) {
        answer_problem(request, 403, "cross_origin", "a page from elsewhere cannot log in here");
        return;
    }
    document = request_json(request);
    if (!document || !read_login(document, login))
        return;
    if (login->password.ptr && !access_may_try(login->sources->access, request, login->name))
        return;
    if (!store_is_up(login->sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    params = params_new(request->arena);
    params_text(params, login->name);
    store_send(login->sources->store, SQL(sessions_look_up), params, on_user, login);
    store_sync(login->sources->store, on_looked_up, login);
}

/* ---- who am I ---- */

static void show_caller(struct request *request, void *context)
{
    static const char *const roles[] = {[USER] = "user", [GATE] = "gate", [CLIENT] = "client", [ADMIN] = "admin"};
    struct json json = json_in(request->arena);

    (void)context;
    if (request->caller.role == ANYONE) {
        access_refuse(request);
        return;
    }
    json_begin_object(&json);
    json_key(&json, "role");
    json_text(&json, text_of(roles[request->caller.role]));
    json_key(&json, "name");
    json_text(&json, request->caller.name);
    json_end_object(&json);
    answer_json(request, 200, &json);
}

/* ---- logging out ---- */

static void on_ended(struct store *store, const struct store_failure *failure, void *context)
{
    struct login *login = context;
    struct request *request = login->request;

    (void)store;
    if (failure) {
        answer_store_failure(request, failure);
        return;
    }
    access_forget_session(login->sources->access, secret_hash(login->token));
    log_info("session ended", LOG_TEXT("user", request->caller.name), LOG_TEXT("request", request->id));
    set_cookie(request, TEXT(""), 0);
    answer_empty(request, 204);
}

/* Ending what has ended, or never was, is the same as ending it. */
static void log_out(struct request *request, void *context)
{
    struct login *login = ARENA_NEW(request->arena, struct login);
    struct params *params;

    *login = (struct login){.sources = context, .request = request, .token = token_of(request)};
    if (!login->token.len) {
        answer_empty(request, 204);
        return;
    }
    if (!store_is_up(login->sources->store)) {
        answer_store_failure(request, NULL);
        return;
    }
    params = params_new(request->arena);
    params_text(params, secret_hash_text(request->arena, secret_hash(login->token)));
    store_send(login->sources->store, SQL(sessions_end), params, NULL, NULL);
    store_sync(login->sources->store, on_ended, login);
}

const struct route sessions_routes[] = {
    {"POST", "/sessions", ANYONE, log_in},
    {"GET", "/sessions", ANYONE, show_caller},
    {"DELETE", "/sessions", ANYONE, log_out},
    {0},
};

const struct statement *const sessions_statements[] = {SQL(sessions_look_up), SQL(sessions_add_guest),
                                                       SQL(sessions_add), SQL(sessions_end), NULL};
