/* publisher: takes requests over HTTP and puts them on the streams; owns nothing. Each thing it accepts lives in its
 * own file. */
#include <assert.h>

#include "common/access.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/health.h"
#include "common/http.h"
#include "common/redis.h"
#include "common/store.h"
#include "common/worker.h"
#include "publisher/api-keys.h"
#include "publisher/book.h"
#include "publisher/buy.h"
#include "publisher/cancel.h"
#include "publisher/catalog.h"
#include "publisher/catalog_change.h"
#include "publisher/door.h"
#include "publisher/password.h"
#include "publisher/publish.h"
#include "publisher/replay.h"
#include "publisher/sessions.h"
#include "publisher/users.h"
#include "publisher/wait.h"

struct statements { /* ended by NULL */
    const struct statement *items[32];
};

static struct {
    struct redis *redis;
    struct store *store;
    struct store *catalog; /* its changes may take seconds: nobody else waits for them */
    struct statements usual_statements, catalog_statements;
    struct replay_sources replay;
    struct cancel_sources cancel;
    struct api_keys_sources api_keys;
    struct users_sources users;
    struct sessions_sources sessions;
    struct access *access;
    struct http *http;
    void (*stopped)(void *context);
    void *context;
} state;

/* PostgreSQL is not asked for here, on no connection: bookings are taken without it. */
static bool is_redis_up(void *context)
{
    (void)context;
    return redis_is_up(state.redis);
}

/* Bookings are taken while PostgreSQL is away, but nobody comes before it is known whether it is: until then whoever
 * logs in would be refused for nothing. */
static bool was_postgres_tried(void *context)
{
    (void)context;
    return store_was_tried(state.store) && store_was_tried(state.catalog) && access_was_tried(state.access);
}

/* All that a connection prepares: the statements of the lists. */
static const struct statement *const *collect(struct statements *all, const struct statement *const *const *lists)
{
    size_t count = 0;

    for (; *lists; lists++)
        for (size_t i = 0; (*lists)[i]; i++) {
            assert(count + 1 < sizeof all->items / sizeof *all->items);
            all->items[count++] = (*lists)[i];
        }
    return all->items;
}

/* PostgreSQL is away, and who stops does not wait for it: the catalog's connection alone would not know. */
static void on_store_state(struct store *store, bool is_up, void *context)
{
    (void)store;
    (void)context;
    if (!is_up && state.stopped)
        store_reconnect(state.catalog, "the database is away");
}

static void open_stores(struct loop *loop)
{
    static const struct statement *const *const usual[] = {replay_statements,
                                                           wait_statements,
                                                           cancel_statements,
                                                           api_keys_statements,
                                                           users_statements,
                                                           sessions_statements,
                                                           NULL};
    static const struct statement *const *const catalog[] = {change_statements, catalog_statements,
                                                             catalog_seat_statements, NULL};
    struct store_options options = {.url = config()->database_url};

    options.name = "publisher";
    options.on_state = on_store_state;
    options.statements = collect(&state.usual_statements, usual);
    state.store = store_open(loop, &options);
    options.name = "publisher-catalog";
    options.on_state = NULL;
    options.statement_ms = CATALOG_STATEMENT_MS;
    options.statements = collect(&state.catalog_statements, catalog);
    state.catalog = store_open(loop, &options);
}

static void tables(route_table_fn *fn, void *to)
{
    fn(to, health_routes(), NULL);
    fn(to, book_routes, state.redis);
    fn(to, buy_routes, state.redis);
    fn(to, cancel_routes, &state.cancel);
    fn(to, publish_routes, NULL);
    fn(to, catalog_routes, state.catalog);
    fn(to, catalog_seat_routes, state.catalog);
    fn(to, replay_routes, &state.replay);
    fn(to, api_keys_routes, &state.api_keys);
    fn(to, users_routes, &state.users);
    fn(to, sessions_routes, &state.sessions);
}

static void add_table(void *to, const struct route *routes, void *context)
{
    (void)to;
    http_add_routes(state.http, routes, context);
}

static void start(struct loop *loop)
{
    state.redis = redis_open(
        loop, &(struct redis_options){.url = config()->redis_url, .name = "publisher", .command_ms = REDIS_COMMAND_MS});
    open_stores(loop);
    state.replay = (struct replay_sources){state.redis, state.store};
    state.cancel = (struct cancel_sources){state.redis, state.store};
    state.access = access_open(loop, "publisher-access");
    state.api_keys = (struct api_keys_sources){state.store, state.access};
    state.users = (struct users_sources){state.store, state.access};
    state.sessions = (struct sessions_sources){state.store, state.access};
    password_start(loop);
    state.http = http_open(loop, &(struct http_options){.listen = config()->http_listen, .access = state.access});
    door_start(loop);
    wait_start(loop, state.store);
    publish_start(loop);
    health_add_check("redis", is_redis_up, NULL);
    health_add_check("postgres_tried", was_postgres_tried, NULL);
    tables(add_table, NULL);
}

static void on_http_stopped(void *context)
{
    (void)context;
    access_close(state.access);
    password_stop();
    door_stop();
    publish_stop();
    redis_close(state.redis);
    store_close(state.catalog);
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
        .what = "takes bookings, events and shows over HTTP, and replays dead letters",
        .start = start,
        .tables = tables,
        .stop = stop,
    };

    return program_main(argc, argv, &publisher);
}
