/* What requests under way hold, of all connections together: what has come of them and of the next ones, the trees of
 * their bodies, and answers that their clients have not taken. It is weighed whenever bytes came or went.
 *
 * The idea to hold in mind: while it is more than HTTP_HELD_BYTES_MAX, what is large is refused and what is small is
 * served, so whoever sends or asks for much at once keeps nobody from booking. How much the small things may take
 * follows from how many connections there may be. */
#include "common/http_inside.h"

#include <event2/buffer.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/metrics.h"
#include "common/request.h"

static void hold(struct http *http, size_t *held, size_t now)
{
    http->held += now - *held; /* unsigned: less is a step around the corner and back */
    *held = now;
    metrics_set(http->held_gauge, (double)(http->held + body_trees_bytes()));
}

void connection_weigh(struct connection *connection)
{
    struct request *request = connection->request;

    hold(connection->http, &connection->held,
         evbuffer_get_length(connection->input) + evbuffer_get_length(connection->output));
    if (request)
        hold(connection->http, &request->held, arena_bytes(request->arena));
}

void connection_lets_go(struct connection *connection)
{
    hold(connection->http, &connection->held, 0);
}

void request_lets_go(struct request *request)
{
    hold(request->http, &request->held, 0);
}

static bool has_room(const struct http *http, uint64_t bytes)
{
    return http->held + body_trees_bytes() + bytes <= HTTP_HELD_BYTES_MAX;
}

bool http_is_full(const struct http *http)
{
    return !has_room(http, 0);
}

bool http_body_is_too_much(const struct http *http, uint64_t bytes)
{
    return bytes > HTTP_SMALL_BODY_BYTES && !has_room(http, bytes);
}

bool http_answer_is_too_much(const struct http *http, uint64_t bytes)
{
    return bytes > HTTP_SMALL_ANSWER_BYTES && !has_room(http, bytes);
}
