/* Puts the views together. */
#include "aggregator/serve.h"

#include <assert.h>

#include "aggregator/view.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/health.h"
#include "common/http.h"
#include "common/redis.h"

#define STATEMENTS_MAX 64

static const struct view *const views[] = {
    &shows,  &bookings, &user_bookings, &my_tickets, &booking_history, &seat_history, &waitlist, &invoices,
    &stages, &events,   &dead_letters,  &stats,      &gauges,          &live,         &watch,    NULL};

static struct {
    struct sources sources;
    const struct statement *statements[STATEMENTS_MAX + 1]; /* of all views; the last is NULL */
    struct http *http;
    void (*stopped)(void *context);
    void *context;
} state;

static bool is_store_up(void *context)
{
    (void)context;
    return store_is_up(state.sources.store);
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
    state.http = http_open(loop, &(struct http_options){.listen = config()->http_listen,
                                                        .client_key = config()->client_key,
                                                        .admin_key = config()->admin_key});
    health_add_check("views", is_store_up, NULL);
    http_add_routes(state.http, health_routes(), NULL);
    for (size_t i = 0; views[i]; i++) {
        http_add_routes(state.http, views[i]->routes, &state.sources);
        if (views[i]->start)
            views[i]->start(&state.sources);
    }
}

/* Connections first: closing them ends what was asked on them, and so answers who waits. */
static void on_http_stopped(void *context)
{
    (void)context;
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
