/* From answers to bytes, and the end of a connection.
 *
 * Whoever closes while the client still sends makes its kernel throw away the answer that waits there (RFC 9112 section
 * 9.6). So closing has two steps: we say that we send no more, and read on, into nothing, until the client closes. */
#include "common/http_inside.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "common/bounds.h"
#include "common/clock.h"

static void finish(struct connection *connection)
{
    if (connection->has_ended) {
        connection_enter(connection, CONNECTION_DEAD);
    } else if (!connection->has_shut_down) {
        connection->has_shut_down = true;
        shutdown(connection->fd, SHUT_WR);
        connection->deadline_us = clock_monotonic_us() + HTTP_LINGER_MS * 1000LL;
    }
}

static void wait_for_room(struct connection *connection)
{
    if (!connection->is_writing) {
        connection->is_writing = true;
        event_add(connection->writable, NULL);
    }
    if (connection->write_deadline_us && connection->written < HTTP_WRITE_BYTES)
        return;
    connection->write_deadline_us = clock_monotonic_us() + HTTP_WRITE_MS * 1000LL;
    connection->written = 0;
}

/* Does nothing while the kernel has no room. */
void connection_flush(struct connection *connection)
{
    struct evbuffer *output = connection->output;
    int written;

    if (connection->is_writing || connection->state == CONNECTION_DEAD)
        return;
    while (evbuffer_get_length(output)) {
        written = evbuffer_write(output, connection->fd);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EAGAIN) {
            connection_enter(connection, CONNECTION_DEAD);
            return;
        }
        if (written > 0)
            connection->written += (size_t)written;
        if (evbuffer_get_length(output)) {
            wait_for_room(connection);
            return;
        }
    }
    connection->write_deadline_us = 0;
    if (connection->state == CONNECTION_CLOSING)
        finish(connection);
}

void connection_on_writable(int fd, short what, void *context)
{
    struct connection *connection = context;

    (void)fd;
    (void)what;
    connection->is_writing = false;
    connection_turn_soon(connection);
}

void connection_answered(struct connection *connection, bool keeps_alive)
{
    connection->request = NULL;
    connection_enter(connection, keeps_alive ? CONNECTION_IDLE : CONNECTION_CLOSING);
    connection_turn_soon(connection);
}
