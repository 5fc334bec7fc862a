/* What every connection of a process hangs on: one libevent base, one resolver, and the process's name. */
#ifndef KARCIS_LOOP_H
#define KARCIS_LOOP_H

#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct evdns_base;

/* Somebody who waits for a server on this loop. */
struct loop_waiter {
    void (*on_hurry)(void *context);
    void *context;
    LIST_ENTRY(loop_waiter) all;
};

struct loop {
    struct event_base *base;
    struct evdns_base *dns;
    LIST_HEAD(loop_waiters, loop_waiter) waiters;
};

struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* The process ends soon: whoever waits for a server gives it DRAIN_ANSWER_MS more from now on. The waiter is the
 * caller's, who sets on_hurry and context, and leaves before it ends. */
void loop_wait(struct loop *loop, struct loop_waiter *waiter);
void loop_leave(struct loop_waiter *waiter);
void loop_hurry(struct loop *loop);

/* A one-shot timer that can be set again and again; the delay is in milliseconds. */
struct loop_timer;
typedef void loop_timer_fn(void *context);
struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *context);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms); /* replaces what was set */
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* accepts NULL */

/* Full jitter (uniform in 0..min(cap, base * 2^attempt)): many clients do not come back in step. */
int64_t jitter_ms(int64_t base_ms, int64_t cap_ms, unsigned attempt);

#endif
