/* publisher: takes requests over HTTP and puts them on the streams; owns nothing. Each thing it accepts lives in its
 * own file. */
#include <assert.h>

#include "common/bounds.h"
#include "common/config.h"
#include "common/health.h"
#include "common/http.h"
#include "common/redis.h"
#include "common/store.h"
#include "common/worker.h"
#include "publisher/book.h"
#include "publisher/buy.h"
#include "publisher/cancel.h"
#include "publisher/catalog.h"
#include "publisher/door.h"
#include "publisher/replay.h"
#include "publisher/wait.h"

static struct {
    struct redis *redis;
    struct store *store;
    const struct statement *statements[8];
    struct replay_sources replay;
    struct http *http;
    void (*stopped)(void *context);
    void *context;
} state;

/* PostgreSQL is not asked for here: bookings are taken without it. */
static bool is_redis_up(void *context)
{
    (void)context;
    return redis_is_up(state.redis);
}

/* All that the connection to PostgreSQL prepares. */
static void collect_statements(void)
{
    static const struct statement *const *const lists[] = {catalog_statements, replay_statements, wait_statements};
    size_t count = 0;

    for (size_t list = 0; list < sizeof lists / sizeof *lists; list++)
        for (size_t i = 0; lists[list][i]; i++) {
            assert(count + 1 < sizeof state.statements / sizeof *state.statements);
            state.statements[count++] = lists[list][i];
        }
}

static void start(struct loop *loop)
{
    collect_statements();
    state.redis = redis_open(
        loop, &(struct redis_options){.url = config()->redis_url, .name = "publisher", .command_ms = REDIS_COMMAND_MS});
    state.store = store_open(
        loop,
        &(struct store_options){.url = config()->database_url, .name = "publisher", .statements = state.statements});
    state.replay = (struct replay_sources){state.redis, state.store};
    state.http = http_open(loop, &(struct http_options){.listen = config()->http_listen,
                                                        .client_key = config()->client_key,
                                                        .admin_key = config()->admin_key});
    door_start(loop);
    wait_start(loop, state.store);
    health_add_check("redis", is_redis_up, NULL);
    http_add_routes(state.http, health_routes(), NULL);
    http_add_routes(state.http, book_routes, state.redis);
    http_add_routes(state.http, buy_routes, state.redis);
    http_add_routes(state.http, cancel_routes, state.redis);
    http_add_routes(state.http, catalog_routes, state.store);
    http_add_routes(state.http, replay_routes, &state.replay);
}

static void on_http_stopped(void *context)
{
    (void)context;
    door_stop();
    redis_close(state.redis);
    store_close(state.store);
    wait_close();
    http_close(state.http);
    state.stopped(state.context);
}

static void stop(void (*done)(void *context), void *context)
{
    state.stopped = done;
    state.context = context;
    wait_stop(); /* who waits is answered now */
    http_stop(state.http, on_http_stopped, NULL);
}

int main(int argc, char **argv)
{
    static const struct program publisher = {
        .name = "publisher",
        .what = "takes bookings and shows over HTTP, and replays dead letters",
        .start = start,
        .stop = stop,
    };

    return program_main(argc, argv, &publisher);
}
