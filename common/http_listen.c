/* Accepting connections, how many there may be, and their deadlines: absolute ones, looked at for all connections
 * together. A time-out that starts again with every byte lets a client that sends one byte a second stay for ever. */
#include "common/http_inside.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/bounds.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"

#define BACKLOG 1024 /* connections that wait to be accepted; the kernel's own limit holds too */

void http_listen_again(struct http *http)
{
    if (http->listener && http->connection_count < HTTP_CONNECTIONS_MAX)
        evconnlistener_enable(http->listener);
}

void http_stop_listening(struct http *http)
{
    if (http->listener)
        evconnlistener_free(http->listener);
    http->listener = NULL;
}

/* While there is no room for others, those that do nothing make room sooner. */
static bool is_overdue(const struct connection *connection, int64_t now_us, bool is_crowded)
{
    int64_t deadline_us = connection->deadline_us;

    if (connection->write_deadline_us && connection->write_deadline_us < now_us)
        return true;
    if (is_crowded && connection->state == CONNECTION_IDLE)
        deadline_us -= (HTTP_IDLE_MS - HTTP_IDLE_CROWDED_MS) * 1000LL;
    return connection->deadline_us && deadline_us < now_us;
}

static void on_sweep(void *context)
{
    struct http *http = context;
    const int64_t now_us = clock_monotonic_us();
    const bool is_crowded = http->connection_count >= HTTP_CONNECTIONS_MAX;

    for (struct connection *each = LIST_FIRST(&http->connections); each; each = LIST_NEXT(each, all))
        if (is_overdue(each, now_us, is_crowded))
            connection_overdue(each);
    http_listen_again(http);
    loop_timer_set(http->sweep, HTTP_SWEEP_MS);
}

/* Out of descriptors: trying again at once would keep the loop busy with nothing else. The next sweep listens again. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    (void)context;
    log_warn("cannot accept a connection", LOG_STRING("detail", strerror(errno)));
    evconnlistener_disable(listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int address_len,
                      void *context)
{
    struct http *http = context;

    (void)address_len;
    connection_new(http, fd, address);
    if (http->connection_count >= HTTP_CONNECTIONS_MAX)
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

void http_listen(struct http *http, const char *address)
{
    struct evutil_addrinfo *found = resolve(address);
    const int on = 1;

    http->listener = evconnlistener_new_bind(http->loop->base, on_accept, http,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
                                             found->ai_addr, (int)found->ai_addrlen);
    evutil_freeaddrinfo(found);
    if (!http->listener)
        log_fatal(EXIT_TEMPORARY, "cannot listen", address);
    /* Inherited by what is accepted: an answer is one write, so there is nothing to collect. */
    setsockopt(evconnlistener_get_fd(http->listener), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    evconnlistener_set_error_cb(http->listener, on_accept_error);
    http->gauge = metrics_gauge("karcis_http_connections", "Open connections.", NULL);
    http->held_gauge = metrics_gauge("karcis_http_held_bytes",
                                     "Of requests that come in or are answered, and of answers not yet taken.", NULL);
    http->sweep = loop_timer_new(http->loop, on_sweep, http);
    loop_timer_set(http->sweep, HTTP_SWEEP_MS);
}
