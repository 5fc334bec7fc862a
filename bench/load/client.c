/* See client.h. */
#include "bench/load/client.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "bench/load/response.h"
#include "common/log.h"

struct client {
    struct event_base *base;
    const struct server *server;
    const char *key; /* NULL: none */
    struct timeval timeout;
    client_fn *fn;
    void *context;
    struct bufferevent *connection; /* NULL: not connected */
    bool is_connected, is_asking;
};

static char *copy(const char *from, size_t len)
{
    char *to = strndup(from, len);

    if (!to)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return to;
}

bool server_read(const char *url, struct server *server)
{
    static const struct text scheme = {"http://", 7};
    struct text rest = text_of(url);
    const char *colon;
    int64_t port;

    if (rest.len < scheme.len || memcmp(rest.ptr, scheme.ptr, scheme.len) != 0)
        return false;
    rest = (struct text){rest.ptr + scheme.len, rest.len - scheme.len};
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '/')
        rest.len--;
    colon = rest.len ? memrchr(rest.ptr, ':', rest.len) : NULL;
    if (!colon || colon == rest.ptr ||
        !text_to_int64((struct text){colon + 1, rest.len - (size_t)(colon + 1 - rest.ptr)}, 1, UINT16_MAX, &port))
        return false;
    server->host_and_port = (struct text){copy(rest.ptr, rest.len), rest.len};
    server->host = rest.ptr[0] == '[' ? copy(rest.ptr + 1, (size_t)(colon - rest.ptr) - 2)
                                      : copy(rest.ptr, (size_t)(colon - rest.ptr));
    server->port = (uint16_t)port;
    return true;
}

static void disconnect(struct client *client)
{
    if (client->connection)
        bufferevent_free(client->connection);
    client->connection = NULL;
    client->is_connected = false;
}

static void give(struct client *client, const struct answer *answer)
{
    client->is_asking = false;
    client->fn(client, answer, client->context);
}

static void lose(struct client *client)
{
    const bool was_asking = client->is_asking;
    const struct answer lost = {.was_sent = client->is_connected};

    disconnect(client);
    if (was_asking)
        give(client, &lost);
}

static void on_bytes(struct bufferevent *connection, void *context)
{
    struct client *client = context;
    struct evbuffer *input = bufferevent_get_input(connection);
    const size_t len = evbuffer_get_length(input);
    const struct text bytes = {(const char *)evbuffer_pullup(input, -1), len};
    struct response response;
    struct answer answer;
    char *kept;

    switch (client->is_asking ? response_read(bytes, &response) : RESPONSE_WRONG) {
    case RESPONSE_PART:
        return;
    case RESPONSE_WRONG:
        lose(client);
        return;
    case RESPONSE_WHOLE:
        break;
    }
    /* The body lives in the input: that is drained after the body was seen. */
    answer = (struct answer){.status = response.status, .was_sent = true, .body = response.body};
    if (response.closes || response.len != len) {
        kept = copy(response.body.ptr, response.body.len);
        answer.body.ptr = kept;
        disconnect(client);
        give(client, &answer);
        free(kept);
        return;
    }
    give(client, &answer);
    if (client->connection == connection)
        evbuffer_drain(input, len);
}

static void on_event(struct bufferevent *connection, short events, void *context)
{
    struct client *client = context;

    if (events & BEV_EVENT_CONNECTED) {
        const int yes = 1;

        client->is_connected = true;
        setsockopt(bufferevent_getfd(connection), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        lose(client);
}

static void connect_to(struct client *client)
{
    client->connection = bufferevent_socket_new(client->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!client->connection)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    bufferevent_setcb(client->connection, on_bytes, NULL, on_event, client);
    bufferevent_enable(client->connection, EV_READ | EV_WRITE);
    /* A failure comes as an event, later. */
    bufferevent_socket_connect_hostname(client->connection, NULL, AF_UNSPEC, client->server->host,
                                        client->server->port);
}

struct client *client_new(struct event_base *base, const struct server *server, const char *key, int64_t timeout_ms,
                          client_fn *fn, void *context)
{
    struct client *client = calloc(1, sizeof *client);

    if (!client)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    *client = (struct client){.base = base,
                              .server = server,
                              .key = key,
                              .timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000},
                              .fn = fn,
                              .context = context};
    return client;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    disconnect(client);
    free(client);
}

/* The time-out begins with the question: an idle connection has none. */
static struct evbuffer *begin(struct client *client)
{
    assert(!client->is_asking);
    if (!client->connection)
        connect_to(client);
    client->is_asking = true;
    bufferevent_set_timeouts(client->connection, &client->timeout, &client->timeout);
    return bufferevent_get_output(client->connection);
}

static void add_head(const struct client *client, struct evbuffer *output, const char *method, const char *path)
{
    evbuffer_add_printf(output, "%s %s HTTP/1.1\r\nHost: %.*s\r\n", method, path,
                        (int)client->server->host_and_port.len, client->server->host_and_port.ptr);
    if (client->key)
        evbuffer_add_printf(output, "Authorization: Bearer %s\r\n", client->key);
}

void client_get(struct client *client, const char *path)
{
    struct evbuffer *output = begin(client);

    add_head(client, output, "GET", path);
    evbuffer_add(output, "\r\n", 2);
}

void client_post(struct client *client, const char *path, struct text body)
{
    struct evbuffer *output = begin(client);

    add_head(client, output, "POST", path);
    evbuffer_add_printf(output, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body.len);
    evbuffer_add(output, body.ptr, body.len);
}
