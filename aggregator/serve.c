/* Puts the views together. */
#include "aggregator/serve.h"

#include <assert.h>

#include "aggregator/tally.h"
#include "aggregator/view.h"
#include "common/access.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/health.h"
#include "common/http.h"
#include "common/redis.h"

#define STATEMENTS_MAX 64

static const struct view *const views[] = {&shows,           &users,        &bookings, &user_bookings, &my_tickets,
                                           &booking_history, &seat_history, &waitlist, &invoices,      &stages,
                                           &events,          &dead_letters, &stats,    &gauges,        &live,
                                           &watch,           NULL};

static struct {
    struct sources sources;
    const struct statement *statements[STATEMENTS_MAX + 1]; /* of all views; the last is NULL */
    struct access *access;
    struct http *http;
    void (*stopped)(void *context);
    void *context;
} state;

/* On both connections: without the tally's nobody is told statistics. */
static bool is_store_up(void *context)
{
    (void)context;
    return store_is_up(state.sources.store) && tally_can_be_asked();
}

static bool was_access_tried(void *context)
{
    (void)context;
    return access_was_tried(state.access);
}

static void collect_statements(void)
{
    size_t count = 0;

    for (size_t i = 0; views[i]; i++)
        for (size_t j = 0; views[i]->statements[j]; j++) {
            assert(count < STATEMENTS_MAX);
            state.statements[count++] = views[i]->statements[j];
        }
}

void serve_tables(route_table_fn *fn, void *to)
{
    fn(to, health_routes(), NULL);
    for (size_t i = 0; views[i]; i++)
        fn(to, views[i]->routes, &state.sources);
}

static void add_table(void *to, const struct route *routes, void *context)
{
    (void)to;
    http_add_routes(state.http, routes, context);
}

void serve_start(struct loop *loop)
{
    collect_statements();
    state.sources.loop = loop;
    state.sources.store = store_open(loop, &(struct store_options){.url = config()->database_url,
                                                                   .name = "aggregator-views",
                                                                   .statements = state.statements});
    state.sources.redis =
        redis_open(loop, &(struct redis_options){
                             .url = config()->redis_url, .name = "aggregator-views", .command_ms = REDIS_COMMAND_MS});
    state.access = access_open(loop, "aggregator-access");
    state.http = http_open(loop, &(struct http_options){.listen = config()->http_listen, .access = state.access});
    health_add_check("views", is_store_up, NULL);
    health_add_check("access_tried", was_access_tried, NULL);
    serve_tables(add_table, NULL);
    for (size_t i = 0; views[i]; i++)
        if (views[i]->start)
            views[i]->start(&state.sources);
}

/* Connections first: closing them ends what was asked on them, and so answers who waits. */
static void on_http_stopped(void *context)
{
    (void)context;
    access_close(state.access);
    redis_close(state.sources.redis);
    store_close(state.sources.store);
    for (size_t i = 0; views[i]; i++)
        if (views[i]->stop)
            views[i]->stop();
    http_close(state.http);
    state.stopped(state.context);
}

void serve_stop(void (*done)(void *context), void *context)
{
    state.stopped = done;
    state.context = context;
    http_stop(state.http, on_http_stopped, NULL);
}
