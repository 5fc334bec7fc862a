/* From bytes to requests. What comes in is fed to the readers of the head and the body straight from the server's one
 * piece of memory; only what comes while an answer is being made is kept, so an idle connection holds next to none. */
#include "common/http_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bounds.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/request.h"

static int64_t state_ms(enum connection_state state)
{
    switch (state) {
    case CONNECTION_IDLE:
        return HTTP_IDLE_MS;
    case CONNECTION_HEAD:
        return HTTP_REQUEST_MS;
    case CONNECTION_BODY: /* what the head has left */
    case CONNECTION_ANSWERING:
    case CONNECTION_CLOSING: /* HTTP_LINGER_MS from when all is written */
    case CONNECTION_STREAMING:
    case CONNECTION_DEAD:
        break;
    }
    return 0;
}

void connection_enter(struct connection *connection, enum connection_state state)
{
    const int64_t may_take_ms = state_ms(state);

    if (connection->state == CONNECTION_DEAD)
        return;
    connection->state = state;
    if (state != CONNECTION_BODY)
        connection->deadline_us = may_take_ms ? clock_monotonic_us() + may_take_ms * 1000 : 0;
}

void connection_turn_soon(struct connection *connection)
{
    if (connection->is_in_turn)
        return;
    connection->is_in_turn = true;
    TAILQ_INSERT_TAIL(&connection->http->in_turn, connection, turn);
    http_turn_soon(connection->http);
}

/* ---- reading requests ---- */

static const struct http_refusal too_much = {503, "overloaded", HTTP_TOO_MUCH_SENT};

/* What has room already is taken, and so is what is small. */
static bool needs_too_much(const struct http *http, const struct http_body_reader *body, struct text input)
{
    return body->len + input.len > body->capacity && http_body_is_too_much(http, body->len + input.len);
}

static void read_body(struct connection *connection, struct text *input)
{
    struct request *request = connection->request;

    if (needs_too_much(connection->http, &request->body_reader, *input)) {
        http_refuse(connection, &too_much);
        return;
    }
    switch (http_body_feed(&request->body_reader, input)) {
    case HTTP_WANTS_MORE:
        break;
    case HTTP_IS_REFUSED:
        http_refuse(connection, &request->body_reader.refusal);
        break;
    case HTTP_IS_COMPLETE:
        connection_enter(connection, CONNECTION_ANSWERING);
        http_request_complete(request);
        break;
    }
}

static void begin_body(struct connection *connection, struct text *input)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct request *request = connection->request;

    connection_enter(connection, CONNECTION_BODY);
    request->body_reader = http_body_begin(request->arena, &request->head);
    if (request->head.has_length && http_body_is_too_much(connection->http, request->head.content_length)) {
        http_refuse(connection, &too_much);
        return;
    }
    if (request->head.expects_continue && input->len == 0 &&
        (request->head.is_chunked || request->head.content_length > 0)) {
        evbuffer_add(connection->output, go_on, sizeof go_on - 1);
        connection_turn_soon(connection);
    }
    read_body(connection, input);
}

static void read_head(struct connection *connection, struct text *input)
{
    struct request *request = connection->request;

    switch (http_head_feed(&request->head_reader, input)) {
    case HTTP_WANTS_MORE:
        break;
    case HTTP_IS_REFUSED:
        http_refuse(connection, &request->head_reader.refusal);
        break;
    case HTTP_IS_COMPLETE:
        begin_body(connection, input);
        break;
    }
}

/* A client that does not read its answers gets no more of them. */
static bool may_read_request(const struct connection *connection)
{
    const size_t waiting = evbuffer_get_length(connection->output);

    return connection->state <= CONNECTION_BODY &&
           (waiting == 0 || (waiting < HTTP_OUTPUT_WAITING_MAX && !http_is_full(connection->http)));
}

static bool may_keep_input(const struct connection *connection)
{
    const size_t waiting = evbuffer_get_length(connection->input);

    return waiting == 0 || (waiting < HTTP_INPUT_WAITING_MAX && !http_is_full(connection->http));
}

static void take_in(struct connection *connection, struct text *input)
{
    while (input->len && may_read_request(connection)) {
        if (connection->state == CONNECTION_IDLE) {
            connection_enter(connection, CONNECTION_HEAD);
            connection->request = http_request_new(connection);
        }
        if (connection->state == CONNECTION_HEAD)
            read_head(connection, input);
        else
            read_body(connection, input);
    }
}

static void take_in_waiting(struct connection *connection)
{
    struct evbuffer *input = connection->input;

    while (evbuffer_get_length(input) && may_read_request(connection)) {
        const size_t len = evbuffer_get_contiguous_space(input);
        struct text piece = {(const char *)evbuffer_pullup(input, (ev_ssize_t)len), len};

        take_in(connection, &piece);
        evbuffer_drain(input, len - piece.len);
    }
    if (connection->state >= CONNECTION_CLOSING)
        evbuffer_drain(input, evbuffer_get_length(input));
}

/* ---- from the loop ---- */

static void set_reading(struct connection *connection, bool is_on)
{
    if (connection->is_reading == is_on)
        return;
    connection->is_reading = is_on;
    if (is_on)
        event_add(connection->readable, NULL);
    else
        event_del(connection->readable);
}

static void throw_away(struct connection *connection, size_t len)
{
    connection->thrown_away += len;
    if (connection->thrown_away > HTTP_LINGER_BYTES_MAX)
        connection_enter(connection, CONNECTION_DEAD);
    connection_turn_soon(connection);
}

static void on_input(struct connection *connection, struct text input)
{
    if (connection->state == CONNECTION_CLOSING) {
        throw_away(connection, input.len);
        return;
    }
    if (evbuffer_get_length(connection->input) == 0)
        take_in(connection, &input);
    if (input.len == 0 || connection->state >= CONNECTION_CLOSING)
        return;
    evbuffer_add(connection->input, input.ptr, input.len);
    if (!may_keep_input(connection))
        set_reading(connection, false);
    connection_turn_soon(connection);
}

static void on_end(struct connection *connection)
{
    connection->has_ended = true;
    set_reading(connection, false);
    connection_turn_soon(connection);
}

/* False: there is nothing more to read now. */
static bool receive(struct connection *connection)
{
    char *received = connection->http->received;
    const ssize_t len = recv(connection->fd, received, HTTP_READ_BYTES, 0);

    if (len > 0) {
        on_input(connection, (struct text){received, (size_t)len});
        connection_weigh(connection);
        return true;
    }
    if (len == 0) {
        on_end(connection);
    } else if (errno != EAGAIN && errno != EINTR) {
        connection_enter(connection, CONNECTION_DEAD);
        connection_turn_soon(connection);
    }
    return false;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    receive(context);
}

/* The client will send no more, and all that it sent has been looked at. */
static void turn_at_end(struct connection *connection)
{
    static const struct http_refusal cut_short = {400, "bad_request", "the request ends in the middle"};

    if (connection->state == CONNECTION_IDLE)
        connection_enter(connection, CONNECTION_CLOSING);
    else if (connection->state == CONNECTION_HEAD || connection->state == CONNECTION_BODY)
        http_refuse(connection, &cut_short);
    else if (connection->state == CONNECTION_STREAMING)
        connection_enter(connection, CONNECTION_DEAD); /* a listener that went away */
}

void connection_turn(struct connection *connection)
{
    take_in_waiting(connection);
    if (connection->has_ended) {
        if (evbuffer_get_length(connection->input) == 0)
            turn_at_end(connection);
    } else if (may_keep_input(connection)) {
        set_reading(connection, true);
    }
    connection_flush(connection);
    connection_weigh(connection);
    if (connection->state == CONNECTION_DEAD)
        connection_free(connection);
    else if (evbuffer_get_length(connection->input) && may_read_request(connection))
        connection_turn_soon(connection); /* there was no room for the next answer, and now there is */
}

void connection_overdue(struct connection *connection)
{
    static const struct http_refusal too_slow = {408, "request_timeout", "the request did not come in within 10 s"};

    if ((connection->state == CONNECTION_HEAD || connection->state == CONNECTION_BODY) &&
        !connection->write_deadline_us)
        http_refuse(connection, &too_slow);
    else
        connection_enter(connection, CONNECTION_DEAD);
    connection_turn_soon(connection);
}

void connection_drain(struct connection *connection)
{
    if (connection->state == CONNECTION_IDLE && !connection->has_ended)
        receive(connection);
    if (connection->stream)
        stream_drain(connection->stream);
    if (connection->state == CONNECTION_IDLE && evbuffer_get_length(connection->input) == 0)
        connection_enter(connection, CONNECTION_CLOSING);
    connection_turn_soon(connection);
}

/* ---- its life ---- */

static void note_peer(struct connection *connection, const struct sockaddr *address)
{
    const void *number = address->sa_family == AF_INET6
                             ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;

    inet_ntop(address->sa_family, number, connection->peer, sizeof connection->peer);
}

void connection_new(struct http *http, int fd, const struct sockaddr *peer)
{
    struct connection *connection = http_must(calloc(1, sizeof *connection));
    struct event_base *base = http->loop->base;

    connection->http = http;
    connection->fd = fd;
    note_peer(connection, peer);
    connection->input = http_must(evbuffer_new());
    connection->output = http_must(evbuffer_new());
    connection->readable = http_must(event_new(base, fd, EV_READ | EV_PERSIST, on_readable, connection));
    connection->writable = http_must(event_new(base, fd, EV_WRITE, connection_on_writable, connection));
    LIST_INSERT_HEAD(&http->connections, connection, all);
    metrics_set(http->gauge, (double)++http->connection_count);
    connection_enter(connection, CONNECTION_IDLE);
    set_reading(connection, true);
}

void connection_free(struct connection *connection)
{
    struct http *http = connection->http;

    if (connection->stream)
        stream_gone(connection->stream);
    if (connection->request)
        http_request_lost(connection->request);
    if (connection->is_in_turn)
        TAILQ_REMOVE(&http->in_turn, connection, turn);
    connection_lets_go(connection);
    LIST_REMOVE(connection, all);
    event_free(connection->readable);
    event_free(connection->writable);
    evbuffer_free(connection->input);
    evbuffer_free(connection->output);
    close(connection->fd);
    free(connection);
    metrics_set(http->gauge, (double)--http->connection_count);
    http_listen_again(http);
}
