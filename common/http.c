/* The server: from evhttp's request to ours, to its route, and back. */
#include "common/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/connections.h"
#include "common/dispatch.h"
#include "common/id.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/problem.h"
#include "common/request.h"

#define SPARE_ARENAS 64 /* kept for the requests to come */

struct http {
    struct loop *loop;
    struct evhttp *evhttp;
    struct connections *connections;
    struct dispatch *dispatch;
    struct request *requests; /* not yet answered */
    size_t spare_count;
    struct arena *spare[SPARE_ARENAS];
    bool is_stopping;
    struct loop_timer *stop_timer;
    void (*stopped)(void *context);
    void *context;
};

/* ---- a request's life ---- */

static struct request *request_new(struct http *http, struct evhttp_request *evhttp)
{
    struct arena *arena = http->spare_count ? http->spare[--http->spare_count] : arena_new();
    struct request *request = ARENA_NEW(arena, struct request);

    request->arena = arena;
    request->http = http;
    request->evhttp = evhttp;
    request->started_us = clock_monotonic_us();
    request->link = &http->requests;
    request->next = http->requests;
    if (request->next)
        request->next->link = &request->next;
    http->requests = request;
    return request;
}

static void request_free(struct request *request)
{
    struct http *http = request->http;
    struct arena *arena = request->arena;

    json_decref(request->document);
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    if (http->spare_count < SPARE_ARENAS) {
        arena_reset(arena);
        http->spare[http->spare_count++] = arena;
    } else {
        arena_free(arena);
    }
}

static const char *method_name(const struct evhttp_request *evhttp)
{
    switch (evhttp->type) {
    case EVHTTP_REQ_GET:
    case EVHTTP_REQ_HEAD:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    default:
        return "OPTIONS";
    }
}

/* At most one header more than may be, so that too many are noticed. */
static void read_head(struct request *request)
{
    struct header *headers = ARENA_ARRAY(request->arena, struct header, HTTP_HEADERS_MAX + 1);
    const struct evkeyval *from;
    size_t count = 0;

    TAILQ_FOREACH(from, request->evhttp->input_headers, next)
    {
        if (count <= HTTP_HEADERS_MAX)
            headers[count++] = (struct header){text_of(from->key), text_of(from->value)};
    }
    request->head = (struct head){
        .header_count = count,
        .headers = headers,
        .minor_version = request->evhttp->minor,
        .may_have_body = request->evhttp->type & (EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH),
    };
}

static void read_request(struct request *request)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request->evhttp);
    struct text id;
    char *peer;
    ev_uint16_t port;

    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request->evhttp);

    read_head(request);
    request->target_path = text_of(evhttp_uri_get_path(uri));
    request->target_query = text_of(evhttp_uri_get_query(uri));
    request->method = method_name(request->evhttp);
    evhttp_connection_get_peer(evhttp_request_get_connection(request->evhttp), &peer, &port);
    request->peer = text_of(peer);
    request->body.len = evbuffer_get_length(input);
    request->body.ptr = (const char *)evbuffer_pullup(input, -1);
    id = request_header(request, "X-Request-Id");
    if (!text_is_identifier(id, IDENTIFIER_BYTES_MAX))
        id = uuid_text(request->arena, uuid_now(clock_now_ms()));
    request->id = id;
}

static void on_request(struct evhttp_request *evhttp, void *context)
{
    struct http *http = context;
    struct request *request = request_new(http, evhttp);
    const char *refused;

    connections_request_complete(http->connections,
                                 evhttp_connection_get_bufferevent(evhttp_request_get_connection(evhttp)));
    read_request(request);
    refused =
        request->head.header_count > HTTP_HEADERS_MAX ? "there are too many headers" : strict_refuse(&request->head);
    if (refused) {
        answer_header(request, "Connection", TEXT("close"));
        answer_problem(request, 400, "bad_request", refused);
    } else if (request->body.len > HTTP_BODY_BYTES_MAX) {
        answer_problem(request, 413, "too_large", "the body is larger than 1 MiB");
    } else {
        dispatch_request(http->dispatch, request);
    }
}

/* ---- the answer ---- */

void http_set_header(struct request *request, const char *name, struct text value)
{
    evhttp_add_header(request->evhttp->output_headers, name, text_terminated(request->arena, value));
}

void http_send(struct request *request, int status, const char *content_type, struct text body)
{
    struct evbuffer *output = evbuffer_new();

    if (!output)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    if (content_type)
        http_set_header(request, "Content-Type", text_of(content_type));
    http_set_header(request, "X-Request-Id", request->id);
    http_set_header(request, "Access-Control-Allow-Origin", TEXT("*"));
    http_set_header(request, "Access-Control-Expose-Headers", TEXT("Location, ETag, Retry-After, X-Request-Id"));
    http_set_header(request, "X-Content-Type-Options", TEXT("nosniff"));
    if (request->http->is_stopping)
        http_set_header(request, "Connection", TEXT("close"));
    if (request->evhttp->type == EVHTTP_REQ_HEAD)
        http_set_header(request, "Content-Length", text_of_int64(request->arena, (int64_t)body.len));
    else
        evbuffer_add(output, body.ptr, body.len);
    dispatch_note_answer(request, status);
    evhttp_send_reply(request->evhttp, status, problem_title(status), output);
    evbuffer_free(output);
    request_free(request);
}

/* ---- the server's life ---- */

struct http *http_open(struct loop *loop, const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http || !(http->evhttp = evhttp_new(loop->base)))
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    http->loop = loop;
    http->dispatch = dispatch_new(options->access);
    evhttp_set_timeout(http->evhttp, HTTP_IDLE_MS / 1000);
    evhttp_set_max_headers_size(http->evhttp, HTTP_HEADER_BYTES_MAX);
    evhttp_set_max_body_size(http->evhttp, HTTP_BODY_BYTES_READ_MAX);
    evhttp_set_default_content_type(http->evhttp, NULL);
    evhttp_set_allowed_methods(http->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                 EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS);
    evhttp_set_gencb(http->evhttp, on_request, http);
    http->connections = connections_open(loop, http->evhttp, options->listen);
    return http;
}

void http_add_routes(struct http *http, const struct route *routes, void *context)
{
    dispatch_add_routes(http->dispatch, routes, context);
}

static void end_stop(void *context)
{
    struct http *http = context;

    loop_timer_clear(http->stop_timer);
    http->stopped(http->context);
}

void http_stop(struct http *http, void (*done)(void *context), void *context)
{
    http->is_stopping = true;
    http->stopped = done;
    http->context = context;
    http->stop_timer = loop_timer_new(http->loop, end_stop, http);
    loop_timer_set(http->stop_timer, HTTP_STOP_MS);
    connections_drain(http->connections, end_stop, http);
}

void http_close(struct http *http)
{
    if (!http)
        return;
    while (http->requests) {
        /* The client has gone: evhttp has let go of the request, nobody else will free it. */
        if (!evhttp_request_get_connection(http->requests->evhttp))
            evhttp_request_free(http->requests->evhttp);
        request_free(http->requests);
    }
    evhttp_free(http->evhttp);
    connections_close(http->connections);
    dispatch_free(http->dispatch);
    while (http->spare_count)
        arena_free(http->spare[--http->spare_count]);
    loop_timer_free(http->stop_timer);
    free(http);
}
