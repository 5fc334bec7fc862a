/* Answers without an end. Who writes keeps the stream until it ended it, or was told that it has gone; so a stream
 * outlives its connection by the rest of the loop's turn. */
#include "common/answer.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bounds.h"
#include "common/dispatch.h"
#include "common/http.h"
#include "common/http_inside.h"
#include "common/request.h"

struct answer_stream {
    struct http *http;
    struct connection *connection; /* NULL: it has gone, its owner has not been told yet */
    bool is_chunked, keeps_alive;
    void (*on_gone)(void *context);
    void *context;
    LIST_ENTRY(answer_stream) gone;
};

static void detach(struct answer_stream *stream)
{
    if (stream->connection)
        stream->connection->stream = NULL;
    stream->connection = NULL;
}

void stream_gone(struct answer_stream *stream)
{
    detach(stream);
    LIST_INSERT_HEAD(&stream->http->gone_streams, stream, gone);
    http_turn_soon(stream->http);
}

static void end_answer(struct connection *connection, const struct answer_stream *stream)
{
    if (stream->is_chunked)
        evbuffer_add(connection->output, "0\r\n\r\n", 5);
    connection_answered(connection, stream->keeps_alive && !stream->http->is_stopping);
}

void stream_drain(struct answer_stream *stream)
{
    struct connection *connection = stream->connection;

    end_answer(connection, stream);
    stream_gone(stream);
}

void stream_tell_gone(struct http *http)
{
    struct answer_stream *stream;

    while ((stream = LIST_FIRST(&http->gone_streams))) {
        void (*on_gone)(void *context) = stream->on_gone;
        void *context = stream->context;

        LIST_REMOVE(stream, gone);
        free(stream);
        on_gone(context);
    }
}

static void forget(struct answer_stream *stream)
{
    if (!stream->connection)
        LIST_REMOVE(stream, gone);
    detach(stream);
    free(stream);
}

void stream_free_gone(struct http *http)
{
    while (!LIST_EMPTY(&http->gone_streams))
        forget(LIST_FIRST(&http->gone_streams));
}

struct answer_stream *answer_stream(struct request *request, const char *content_type, void (*on_gone)(void *context),
                                    void *context)
{
    struct answer_stream *stream = http_must(calloc(1, sizeof *stream));
    struct connection *connection = request->connection;
    struct text head;

    *stream = (struct answer_stream){
        .http = request->http,
        .connection = connection,
        .is_chunked = request->head.minor_version > 0,
        .on_gone = on_gone,
        .context = context,
    };
    stream->keeps_alive = stream->is_chunked && http_request_may_keep_alive(request);
    if (stream->is_chunked)
        http_set_header(request, "Transfer-Encoding", TEXT("chunked"));
    head = http_make_head(request, 200, content_type, stream->keeps_alive);
    if (connection) {
        evbuffer_add(connection->output, head.ptr, head.len);
        connection->request = NULL;
        connection->stream = stream;
        connection_enter(connection, CONNECTION_STREAMING);
        connection_turn_soon(connection);
    }
    if (!connection) {
        stream_gone(stream);
    } else if (request->is_head) { /* a head is all it wants */
        connection_answered(connection, stream->keeps_alive);
        stream_gone(stream);
    } else if (stream->http->is_stopping) {
        stream_drain(stream);
    }
    dispatch_note_answer(request, 200);
    http_request_free(request);
    return stream;
}

bool answer_stream_write(struct answer_stream *stream, struct text text)
{
    struct connection *connection = stream->connection;
    char size[24];

    if (!connection || connection->state == CONNECTION_DEAD)
        return false;
    if (evbuffer_get_length(connection->output) + text.len > HTTP_STREAM_WAITING_MAX) {
        connection_enter(connection, CONNECTION_DEAD);
        connection_turn_soon(connection);
        return false;
    }
    if (text.len == 0)
        return true; /* a chunk of no bytes would be the end */
    if (stream->is_chunked)
        evbuffer_add(connection->output, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", text.len));
    evbuffer_add(connection->output, text.ptr, text.len);
    if (stream->is_chunked)
        evbuffer_add(connection->output, "\r\n", 2);
    connection_turn_soon(connection);
    return true;
}

void answer_stream_end(struct answer_stream *stream)
{
    struct connection *connection = stream->connection;

    if (connection && connection->state != CONNECTION_DEAD)
        end_answer(connection, stream);
    forget(stream);
}
