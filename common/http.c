/* The server's life, and a request's: from its first byte to its answer. */
#include "common/http.h"

#include <event2/event.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/dispatch.h"
#include "common/http_inside.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/request.h"

#define NAMES (sizeof((struct http *)0)->names / sizeof(struct uuid))

void *http_must(void *memory)
{
    if (!memory)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return memory;
}

/* ---- a request's life ---- */

struct request *http_request_new(struct connection *connection)
{
    struct http *http = connection->http;
    struct arena *arena = http->spare_count ? http->spare[--http->spare_count] : arena_new();
    struct request *request = ARENA_NEW(arena, struct request);

    request->arena = arena;
    request->http = http;
    request->connection = connection;
    request->method = "other";
    request->head_reader = http_head_begin(arena, &request->head);
    request->answer_headers = buffer_in(arena);
    LIST_INSERT_HEAD(&http->requests, request, all);
    return request;
}

void http_request_free(struct request *request)
{
    struct http *http = request->http;
    struct arena *arena = request->arena;

    json_decref(request->document);
    request_lets_go(request);
    LIST_REMOVE(request, all);
    if (http->spare_count < HTTP_SPARE_ARENAS) {
        arena_reset(arena);
        http->spare[http->spare_count++] = arena;
    } else {
        arena_free(arena);
    }
}

void http_request_lost(struct request *request)
{
    request->connection = NULL;
    if (!request->is_whole)
        http_request_free(request);
}

bool http_request_may_keep_alive(const struct request *request)
{
    return request->head.keeps_alive && !request->is_refused && !request->http->is_stopping;
}

/* The client's X-Request-Id, or a new one. */
static void give_name(struct request *request)
{
    struct http *http = request->http;
    unsigned char seed[randombytes_SEEDBYTES];

    request->id = request_header(request, "X-Request-Id");
    if (text_is_identifier(request->id, IDENTIFIER_BYTES_MAX))
        return;
    if (http->names_used == 0) {
        randombytes_buf(seed, sizeof seed);
        randombytes_buf_deterministic(http->names, sizeof http->names, seed);
    }
    request->id = uuid_text(request->arena, http->names[http->names_used]);
    http->names_used = (http->names_used + 1) % NAMES;
}

static void begin_answering(struct request *request)
{
    request->is_whole = true;
    request->started_us = clock_monotonic_us();
    request->is_head = text_is(request->head.method, "HEAD");
    request->method = request->is_head ? "GET" : text_terminated(request->arena, request->head.method);
    request->target_path = request->head.path;
    request->target_query = request->head.query;
    request->peer = text_copy(request->arena, text_of(request->connection->peer)); /* it may leave before us */
    give_name(request);
}

void http_request_complete(struct request *request)
{
    begin_answering(request);
    request->body = http_body_text(&request->body_reader);
    if (text_is(request->target_path, "*")) {
        answer_header(request, "Allow", TEXT("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        answer_empty(request, 204);
        return;
    }
    if (http_body_is_too_much(request->http, request->body.len))
        answer_overloaded(request, HTTP_TOO_MUCH_SENT); /* a tree of it would be many times as large */
    else
        dispatch_request(request->http->dispatch, request);
}

void http_refuse(struct connection *connection, const struct http_refusal *refusal)
{
    struct request *request = connection->request;

    request->is_refused = true;
    begin_answering(request);
    if (refusal->status == 503)
        answer_overloaded(request, refusal->detail);
    else
        answer_problem(request, refusal->status, refusal->code, refusal->detail);
}

/* ---- the end of the loop's turn ---- */

void http_turn_soon(struct http *http)
{
    event_active(http->turn, 0, 0);
}

/* Connections whose last answer is written wait for nothing but their clients. */
static bool is_done(const struct http *http)
{
    for (const struct connection *each = LIST_FIRST(&http->connections); each; each = LIST_NEXT(each, all))
        if (!each->has_shut_down)
            return false;
    return true;
}

static void end_stop(void *context)
{
    struct http *http = context;
    void (*stopped)(void *context) = http->stopped;

    if (!stopped)
        return;
    http->stopped = NULL;
    loop_timer_clear(http->stop_timer);
    stopped(http->context);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct http *http = context;
    struct connection *connection;

    (void)fd;
    (void)what;
    while ((connection = TAILQ_FIRST(&http->in_turn))) {
        TAILQ_REMOVE(&http->in_turn, connection, turn);
        connection->is_in_turn = false;
        connection_turn(connection);
    }
    stream_tell_gone(http);
    if (http->is_stopping && TAILQ_EMPTY(&http->in_turn) && is_done(http))
        end_stop(http);
}

/* ---- the server's life ---- */

struct http *http_open(struct loop *loop, const struct http_options *options)
{
    struct http *http = http_must(calloc(1, sizeof *http));

    body_count_trees();
    http->loop = loop;
    LIST_INIT(&http->connections);
    LIST_INIT(&http->requests);
    TAILQ_INIT(&http->in_turn);
    http->turn = http_must(event_new(loop->base, -1, 0, on_turn, http));
    http->stop_timer = loop_timer_new(loop, end_stop, http);
    http->dispatch = dispatch_new(options->access);
    http_listen(http, options->listen);
    return http;
}

void http_add_routes(struct http *http, const struct route *routes, void *context)
{
    dispatch_add_routes(http->dispatch, routes, context);
}

void http_stop(struct http *http, void (*done)(void *context), void *context)
{
    http->is_stopping = true;
    http->stopped = done;
    http->context = context;
    http_stop_listening(http);
    loop_timer_set(http->stop_timer, HTTP_STOP_MS);
    for (struct connection *each = LIST_FIRST(&http->connections); each; each = LIST_NEXT(each, all))
        connection_drain(each);
    http_turn_soon(http);
}

void http_close(struct http *http)
{
    if (!http)
        return;
    http_stop_listening(http);
    while (!LIST_EMPTY(&http->connections)) {
        struct connection *connection = LIST_FIRST(&http->connections);

        connection_flush(connection); /* what was answered last, by those who closed before */
        connection_free(connection);
    }
    while (!LIST_EMPTY(&http->requests))
        http_request_free(LIST_FIRST(&http->requests));
    stream_free_gone(http);
    dispatch_free(http->dispatch);
    while (http->spare_count)
        arena_free(http->spare[--http->spare_count]);
    loop_timer_free(http->sweep);
    loop_timer_free(http->stop_timer);
    event_free(http->turn);
    free(http);
}
