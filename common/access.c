/* Admission: who asks, how often, from where, and may they? In this order, so that whoever is refused has been counted.
 */
#include "common/access.h"

#include <stdlib.h>
#include <strings.h>

#include "common/access_store.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/peer.h"
#include "common/request.h"

struct access {
    struct access_store *store;
    struct limits *limits;
    struct networks trusted_proxies;
    struct metrics_counter *limited;
};

/* One request on its way in. */
struct admission {
    struct access *access;
    struct request *request;
    enum route_who who;
    access_proceed_fn *proceed;
    bool has_cookie; /* asks by a session */
};

/* ---- how often ---- */

static bool is_reading(const struct request *request)
{
    return strcmp(request->method, "GET") == 0;
}

/* False: too often; answered. */
static bool take(struct access *access, struct request *request, const char *lane, struct text who, struct limit limit)
{
    const int64_t wait_s = limits_take(access->limits, lane, who, limit, clock_monotonic_us());

    if (wait_s == 0)
        return true;
    metrics_count(access->limited, 1);
    answer_too_often(request, wait_s);
    return false;
}

/* The address that is counted: the client's own, if a trusted proxy says it. */
static struct text counted_address(const struct access *access, struct request *request)
{
    struct address address;

    if (!peer_address(&access->trusted_proxies, request->peer, &request->head, &address))
        return TEXT("unknown");
    return address_text(request->arena, address);
}

static struct limit limit_of(int64_t per_s)
{
    return (struct limit){(double)per_s, (double)per_s * RATE_LIMIT_BURST_S};
}

static bool has_key(const struct request *request)
{
    return request->caller.role != ANYONE && request->caller.role != USER;
}

/* A key's name and a user's are different people's. */
static const char *lane_of_caller(const struct request *request)
{
    if (has_key(request))
        return is_reading(request) ? "key reads" : "key writes";
    return is_reading(request) ? "user reads" : "user writes";
}

/* A key is counted alone, whatever addresses use it; a session as its user and as its address. */
static bool is_in_time(struct access *access, struct request *request)
{
    const int64_t per_key = config()->rate_limit_per_key, per_address = config()->rate_limit_per_address;

    if (per_key && request->caller.role != ANYONE &&
        !take(access, request, lane_of_caller(request), request->caller.name, limit_of(per_key)))
        return false;
    return !per_address || has_key(request) ||
           take(access, request, is_reading(request) ? "address reads" : "address writes",
                counted_address(access, request), limit_of(per_address));
}

static struct limit tries_by_name(void)
{
    return (struct limit){1.0 / LOGIN_NAME_S, LOGIN_NAME_BURST};
}

static struct limit tries_by_address(void)
{
    return (struct limit){LOGIN_ADDRESS_PER_S, LOGIN_ADDRESS_BURST};
}

bool access_may_try(struct access *access, struct request *request, struct text user)
{
    return take(access, request, "tries of address", counted_address(access, request), tries_by_address()) &&
           take(access, request, "tries of name", user, tries_by_name());
}

void access_was_right(struct access *access, struct request *request, struct text user)
{
    const int64_t now_us = clock_monotonic_us();

    limits_give_back(access->limits, "tries of name", user, tries_by_name(), now_us);
    limits_give_back(access->limits, "tries of address", counted_address(access, request), tries_by_address(), now_us);
}

/* ---- admission ---- */

static void refuse_route(struct request *request, enum route_who who)
{
    static const char *const needed[] = {
        [ANYONE] = "",
        [USER] = "this needs a user, or a client's or the admin key",
        [GATE] = "this needs a gate's or the admin key",
        [CLIENT] = "this needs a client's or the admin key",
        [ADMIN] = "this needs the admin key",
    };

    if (request->caller.role == ANYONE)
        access_refuse(request);
    else
        answer_problem(request, 403, "forbidden", needed[who]);
}

static void admit(struct admission *admission)
{
    struct request *request = admission->request;

    if (admission->access && !is_in_time(admission->access, request))
        return;
    if (admission->has_cookie && !is_reading(request) && access_comes_from_elsewhere(request))
        answer_problem(request, 403, "cross_origin", "a page from elsewhere cannot use a session of ours");
    else if (!access_allows(request->caller.role, admission->who))
        refuse_route(request, admission->who);
    else
        admission->proceed(request);
}

/* A wrong key is counted by its address: nobody may try many. */
static void on_key(enum access_found found, enum route_who role, struct text name, void *context)
{
    struct admission *admission = context;
    struct request *request = admission->request;

    if (found == ACCESS_KNOWN) {
        request->caller = (struct caller){role, text_copy(request->arena, name)};
        admit(admission);
    } else if (is_in_time(admission->access, request)) {
        if (found == ACCESS_UNSURE)
            answer_unavailable(request, "store_away", "this key is new here, and the database cannot be asked now");
        else
            access_refuse(request);
    }
}

/* While the store is away a session is as good as none; so whoever must be known is told to come again, not to log in.
 */
static void on_session(enum access_found found, enum route_who role, struct text name, void *context)
{
    struct admission *admission = context;
    struct request *request = admission->request;

    admission->has_cookie = found == ACCESS_KNOWN;
    if (found == ACCESS_KNOWN)
        request->caller = (struct caller){role, text_copy(request->arena, name)};
    if (found == ACCESS_UNSURE && admission->who != ANYONE)
        answer_unavailable(request, "store_away", "the database cannot be asked for your session now");
    else
        admit(admission);
}

/* The key of "Bearer KEY"; of another scheme or none: empty, which is nobody's. */
static struct text bearer(struct text authorization)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof scheme - 1;

    if (authorization.len <= len || strncasecmp(authorization.ptr, scheme, len) != 0)
        return TEXT("");
    return (struct text){authorization.ptr + len, authorization.len - len};
}

void access_admit(struct access *access, struct request *request, enum route_who who, access_proceed_fn *proceed)
{
    const struct text authorization = request_header(request, "Authorization");
    const struct text token = access_cookie(request_header(request, "Cookie"), SESSION_COOKIE);
    struct admission *admission = ARENA_NEW(request->arena, struct admission);

    *admission = (struct admission){.access = access, .request = request, .who = who, .proceed = proceed};
    request->caller = (struct caller){.role = ANYONE};
    if (access && authorization.ptr && bearer(authorization).len)
        access_store_find_key(access->store, request->arena, secret_hash(bearer(authorization)), on_key, admission);
    else if (access && authorization.ptr)
        on_key(ACCESS_UNKNOWN, ANYONE, TEXT_NONE, admission);
    else if (access && token.len)
        access_store_find_session(access->store, request->arena, secret_hash(token), on_session, admission);
    else
        admit(admission);
}

/* ---- its life ---- */

struct access *access_open(struct loop *loop, const char *name)
{
    struct access *access = calloc(1, sizeof *access);

    if (!access)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    if (!networks_read(text_of(config()->trusted_proxies), &access->trusted_proxies))
        log_fatal(EXIT_CONFIGURATION, "TRUSTED_PROXIES is not a list of networks", config()->trusted_proxies);
    access->limited =
        metrics_counter("karcis_http_limited_total", "Requests refused because they came too often.", NULL);
    access->limits = limits_new();
    access->store = access_store_open(loop, name);
    return access;
}

void access_close(struct access *access)
{
    if (!access)
        return;
    access_store_close(access->store);
    limits_free(access->limits);
    free(access);
}

bool access_was_tried(const struct access *access)
{
    return access_store_was_tried(access->store);
}

void access_refresh(struct access *access)
{
    access_store_refresh(access->store);
}

void access_forget_session(struct access *access, struct secret_hash token)
{
    access_store_forget_session(access->store, token);
}

void access_forget_user(struct access *access, struct text user)
{
    access_store_forget_user(access->store, user);
}
