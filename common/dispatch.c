/* Tables of routes, and the way to them. */
#include "common/dispatch.h"

#include <stdlib.h>

#include "common/access.h"
#include "common/answer.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/request.h"

/* One route of one table, and how it is used. */
struct route_use {
    struct route_use *next;
    const struct route *route;
    void *context;
    struct metrics_counter *answers[6]; /* by the status's first digit; NULL before the first */
    struct metrics_histogram *seconds;
};

struct dispatch {
    struct access *access;
    struct route_use *routes, **last_route;
};

/* What took no route: one for the process. */
static struct route_use unrouted = {.route = &(const struct route){.method = "other", .path = "other"}};

/* The route; NULL: none has this path (then `methods` is empty) or none this method. */
static struct route_use *find_route(const struct dispatch *dispatch, struct request *request,
                                    const struct route_path *path, struct buffer *methods)
{
    struct route_values values;

    for (struct route_use *use = dispatch->routes; use; use = use->next) {
        if (!route_path_fits(use->route->path, path, &values))
            continue;
        if (strcmp(use->route->method, request->method) == 0) {
            request->path = values;
            return use;
        }
        buffer_format(methods, "%s%s, ", use->route->method, strcmp(use->route->method, "GET") == 0 ? ", HEAD" : "");
    }
    return NULL;
}

static void answer_other_method(struct request *request, struct text methods)
{
    answer_header(request, "Allow", methods);
    if (strcmp(request->method, "OPTIONS") != 0) {
        answer_problem(request, 405, "method_not_allowed", "this path does not have this method; see Allow");
        return;
    }
    answer_header(request, "Access-Control-Allow-Methods", methods);
    answer_header(
        request, "Access-Control-Allow-Headers",
        TEXT(
            "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, traceparent, "
            "X-Request-Id"));
    answer_header(request, "Access-Control-Max-Age", TEXT("600"));
    answer_empty(request, 204);
}

static void handle(struct request *request)
{
    request->use->route->handler(request, request->use->context);
}

void dispatch_request(struct dispatch *dispatch, struct request *request)
{
    struct buffer methods = buffer_in(request->arena);
    struct route_path path;
    struct route_use *use;

    if (!route_path_parse(request->arena, request->target_path, &path)) {
        answer_problem(request, 400, "bad_path", "the path is not well formed");
        return;
    }
    if (!route_query_parse(request->arena, request->target_query, &request->query)) {
        answer_problem(request, 400, "bad_query", "the query is not well formed, or names something twice");
        return;
    }
    use = find_route(dispatch, request, &path, &methods);
    if (use) {
        request->use = use;
        access_admit(dispatch->access, request, use->route->who, handle);
    } else if (methods.len == 0) {
        answer_not_found(request, "there is nothing at this path");
    } else {
        buffer_add(&methods, TEXT("OPTIONS"));
        answer_other_method(request, buffer_take(&methods));
    }
}

void dispatch_note_answer(struct request *request, int status)
{
    struct route_use *use = request->use ? request->use : &unrouted;
    const struct route *route = use->route;
    const int64_t took_us = clock_monotonic_us() - request->started_us;
    const char class[] = {(char)('0' + status / 100), 'x', 'x', '\0'};

    if (!use->answers[status / 100])
        use->answers[status / 100] = metrics_counter("karcis_http_requests_total", "Requests answered.", "method",
                                                     route->method, "path", route->path, "status", class, NULL);
    if (!use->seconds)
        use->seconds = metrics_histogram("karcis_http_request_seconds", "From the whole request to its answer.",
                                         METRICS_SECONDS, "method", route->method, "path", route->path, NULL);
    metrics_count(use->answers[status / 100], 1);
    metrics_observe(use->seconds, (double)took_us / 1e6);
    log_debug("request answered", LOG_TEXT("request", request->id), LOG_STRING("method", request->method),
              LOG_STRING("path", route->path), LOG_TEXT("caller", request->caller.name), LOG_NUMBER("status", status),
              LOG_NUMBER("took_us", took_us));
}

struct dispatch *dispatch_new(struct access *access)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);

    if (!dispatch)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    dispatch->last_route = &dispatch->routes;
    dispatch->access = access;
    return dispatch;
}

void dispatch_add_routes(struct dispatch *dispatch, const struct route *routes, void *context)
{
    for (; routes->method; routes++) {
        struct route_use *use = calloc(1, sizeof *use);

        if (!use)
            log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
        use->route = routes;
        use->context = context;
        *dispatch->last_route = use;
        dispatch->last_route = &use->next;
    }
}

void dispatch_free(struct dispatch *dispatch)
{
    for (struct route_use *use = dispatch->routes, *next; use; use = next) {
        next = use->next;
        free(use);
    }
    free(dispatch);
}
