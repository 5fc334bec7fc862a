/* The event loop's common parts. */
#include "common/loop.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/log.h"

struct loop_timer {
    struct event *event;
    loop_timer_fn *fn;
    void *context;
};

/* libevent's own words ("Nameserver … has failed") in our form. */
static void on_libevent_message(int severity, const char *message)
{
    log_write(severity >= EVENT_LOG_WARN ? LOG_WARN : LOG_DEBUG, "libevent", LOG_STRING("detail", message));
}

static void on_resolver_message(int is_warning, const char *message)
{
    on_libevent_message(is_warning ? EVENT_LOG_WARN : EVENT_LOG_DEBUG, message);
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop || sodium_init() < 0)
        log_fatal(EXIT_TEMPORARY, "cannot start", NULL);
    LIST_INIT(&loop->waiters);
    event_set_log_callback(on_libevent_message);
    evdns_set_log_fn(on_resolver_message);
    loop->base = event_base_new();
    if (!loop->base)
        log_fatal(EXIT_TEMPORARY, "cannot make an event loop", NULL);
    loop->dns = evdns_base_new(loop->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!loop->dns)
        log_fatal(EXIT_TEMPORARY, "cannot make a resolver", NULL);
    /* A machine without a name server still has /etc/hosts and numbers; so its failure is no reason to stop. */
    evdns_base_resolv_conf_parse(loop->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    evdns_base_free(loop->dns, 0);
    event_base_free(loop->base);
    free(loop);
}

void loop_wait(struct loop *loop, struct loop_waiter *waiter)
{
    LIST_INSERT_HEAD(&loop->waiters, waiter, all);
}

void loop_leave(struct loop_waiter *waiter)
{
    LIST_REMOVE(waiter, all);
}

void loop_hurry(struct loop *loop)
{
    for (struct loop_waiter *waiter = LIST_FIRST(&loop->waiters); waiter; waiter = LIST_NEXT(waiter, all))
        waiter->on_hurry(waiter->context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct loop_timer *timer = context;

    (void)fd;
    (void)what;
    timer->fn(timer->context);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *context)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);

    if (!timer)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    timer->fn = fn;
    timer->context = context;
    timer->event = event_new(loop->base, -1, 0, on_timer, timer);
    if (!timer->event)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    const struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};

    event_add(timer->event, &delay);
}

void loop_timer_clear(struct loop_timer *timer)
{
    event_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    event_free(timer->event);
    free(timer);
}

int64_t jitter_ms(int64_t base_ms, int64_t cap_ms, unsigned attempt)
{
    const int64_t top = attempt < 20 && base_ms << attempt < cap_ms ? base_ms << attempt : cap_ms;

    return (int64_t)randombytes_uniform((uint32_t)top + 1);
}
