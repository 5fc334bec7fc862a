/* Listening, the cap, and the deadlines. Every connection's bufferevent is made here and referenced until evhttp has
 * let go of it, which a sweep notices: then evhttp has taken its event callback away. */
#include "common/connections.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/bounds.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"

#define BACKLOG        1024 /* connections that wait to be accepted; the kernel's own limit holds too */
#define DRAIN_SWEEP_MS 20

struct connection {
    struct connections *owner;
    struct bufferevent *bufferevent;
    int fd;                /* -1 before the first byte */
    int64_t first_byte_us; /* of the request that is coming in; 0: none is */
    struct connection *next, **link;
};

struct connections {
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* gone once draining */
    struct connection *first;
    struct connection **by_fd;
    size_t fd_count; /* of by_fd */
    size_t count;
    struct metrics_gauge *gauge; /* shows count */
    bool is_draining;
    struct loop_timer *sweep;
    void (*empty)(void *context);
    void *context;
};

static void *must(void *memory)
{
    if (!memory)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return memory;
}

static void set_listening(struct connections *connections, bool is_on)
{
    struct evconnlistener *listener;

    if (connections->is_draining)
        return;
    listener = evhttp_bound_socket_get_listener(connections->bound);
    if (is_on)
        evconnlistener_enable(listener);
    else
        evconnlistener_disable(listener);
}

static void remember_fd(struct connection *connection)
{
    struct connections *owner = connection->owner;

    connection->fd = bufferevent_getfd(connection->bufferevent);
    if (connection->fd < 0)
        return;
    if ((size_t)connection->fd >= owner->fd_count) {
        const size_t count = (size_t)connection->fd * 2 + 64;

        owner->by_fd = must(realloc(owner->by_fd, count * sizeof(struct connection *)));
        memset(owner->by_fd + owner->fd_count, 0, (count - owner->fd_count) * sizeof(struct connection *));
        owner->fd_count = count;
    }
    owner->by_fd[connection->fd] = connection;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct connection *connection = context;

    (void)input;
    if (info->n_added == 0 || connection->first_byte_us)
        return;
    connection->first_byte_us = clock_monotonic_us();
    if (connection->fd < 0)
        remember_fd(connection);
}

static struct bufferevent *make_bufferevent(struct event_base *base, void *context)
{
    struct connections *connections = context;
    struct connection *connection = must(calloc(1, sizeof *connection));
    struct bufferevent *bufferevent = must(bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE));

    /* Reading goes on while an answer is being written; what a client can feed us meanwhile is bounded here. */
    bufferevent_setwatermark(bufferevent, EV_READ, 0, HTTP_BODY_BYTES_READ_MAX + HTTP_HEADER_BYTES_MAX + 65536);
    bufferevent_incref(bufferevent);
    evbuffer_add_cb(bufferevent_get_input(bufferevent), on_input, connection);
    *connection = (struct connection){
        .owner = connections,
        .bufferevent = bufferevent,
        .fd = -1,
        .next = connections->first,
        .link = &connections->first,
    };
    if (connection->next)
        connection->next->link = &connection->next;
    connections->first = connection;
    if (++connections->count == HTTP_CONNECTIONS_MAX)
        set_listening(connections, false);
    metrics_set(connections->gauge, (double)connections->count);
    return bufferevent;
}

/* evhttp has freed it; ours is the last reference, and the descriptor is closed with it. */
static void release(struct connection *connection)
{
    struct connections *owner = connection->owner;

    if (connection->fd >= 0 && owner->by_fd[connection->fd] == connection)
        owner->by_fd[connection->fd] = NULL;
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    bufferevent_disable(connection->bufferevent, EV_READ | EV_WRITE);
    bufferevent_decref(connection->bufferevent);
    free(connection);
    metrics_set(owner->gauge, (double)--owner->count);
}

static bool is_released_by_evhttp(const struct connection *connection)
{
    bufferevent_data_cb on_read, on_write;
    bufferevent_event_cb on_event;
    void *context;

    bufferevent_getcb(connection->bufferevent, &on_read, &on_write, &on_event, &context);
    return on_event == NULL;
}

/* Waits for a request of which nothing has come yet: evhttp reads only while it waits for a request. */
static bool is_between_requests(const struct connection *connection)
{
    return !connection->first_byte_us && bufferevent_get_enabled(connection->bufferevent) & EV_READ &&
           evbuffer_get_length(bufferevent_get_output(connection->bufferevent)) == 0;
}

static bool is_over(const struct connection *connection, int64_t now_us)
{
    if (connection->first_byte_us && now_us - connection->first_byte_us > HTTP_REQUEST_MS * 1000LL)
        return true;
    return connection->owner->is_draining && is_between_requests(connection);
}

static void on_sweep(void *context)
{
    struct connections *connections = context;
    const int64_t now_us = clock_monotonic_us();

    for (struct connection *connection = connections->first, *next; connection; connection = next) {
        next = connection->next;
        if (is_released_by_evhttp(connection))
            release(connection);
        else if (is_over(connection, now_us))
            shutdown(bufferevent_getfd(connection->bufferevent), SHUT_RDWR); /* evhttp sees the end and frees it */
    }
    if (connections->is_draining && connections->count == 0) {
        connections->empty(connections->context);
        return;
    }
    if (connections->count < HTTP_CONNECTIONS_MAX)
        set_listening(connections, true);
    loop_timer_set(connections->sweep, connections->is_draining ? DRAIN_SWEEP_MS : HTTP_SWEEP_MS);
}

/* Out of descriptors: trying again at once would keep the loop busy with nothing else. The next sweep listens again. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    (void)context;
    log_warn("cannot accept a connection", LOG_STRING("detail", strerror(errno)));
    evconnlistener_disable(listener);
}

static struct evutil_addrinfo *resolve(const char *address)
{
    const struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
        .ai_flags = EVUTIL_AI_PASSIVE | EVUTIL_AI_NUMERICSERV,
    };
    struct evutil_addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    char host[256];
    size_t len = colon ? (size_t)(colon - address) : sizeof host;

    if (len >= sizeof host)
        log_fatal(EXIT_CONFIGURATION, "HTTP_LISTEN is not host:port", address);
    if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
        address++;
        len -= 2;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    if (evutil_getaddrinfo(len ? host : NULL, colon + 1, &hints, &found) != 0)
        log_fatal(EXIT_CONFIGURATION, "HTTP_LISTEN is not host:port", address);
    return found;
}

struct connections *connections_open(struct loop *loop, struct evhttp *http, const char *address)
{
    struct connections *connections = must(calloc(1, sizeof *connections));
    struct evutil_addrinfo *found = resolve(address);
    const int on = 1;
    struct evconnlistener *listener;

    listener = evconnlistener_new_bind(loop->base, NULL, NULL,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
                                       found->ai_addr, (int)found->ai_addrlen);
    evutil_freeaddrinfo(found);
    if (!listener)
        log_fatal(EXIT_TEMPORARY, "cannot listen", address);
    /* Inherited by what is accepted: an answer is one write, so there is nothing to collect. */
    setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    evconnlistener_set_error_cb(listener, on_accept_error);
    connections->gauge = metrics_gauge("karcis_http_connections", "Open connections.", NULL);
    connections->http = http;
    connections->bound = must(evhttp_bind_listener(http, listener));
    evhttp_set_bevcb(http, make_bufferevent, connections);
    connections->sweep = loop_timer_new(loop, on_sweep, connections);
    loop_timer_set(connections->sweep, HTTP_SWEEP_MS);
    return connections;
}

void connections_request_complete(struct connections *connections, struct bufferevent *bufferevent)
{
    const int fd = bufferevent_getfd(bufferevent);

    if (fd >= 0 && (size_t)fd < connections->fd_count && connections->by_fd[fd])
        connections->by_fd[fd]->first_byte_us = 0;
}

void connections_drain(struct connections *connections, void (*empty)(void *context), void *context)
{
    evhttp_del_accept_socket(connections->http, connections->bound);
    connections->is_draining = true;
    connections->empty = empty;
    connections->context = context;
    loop_timer_set(connections->sweep, 0);
}

void connections_close(struct connections *connections)
{
    if (!connections)
        return;
    for (struct connection *connection = connections->first, *next; connection; connection = next) {
        next = connection->next;
        release(connection);
    }
    loop_timer_free(connections->sweep);
    free(connections->by_fd);
    free(connections);
}
