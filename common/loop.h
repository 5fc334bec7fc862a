/* What every connection of a process hangs on: one libevent base, one resolver, and the process's name. */
#ifndef KARCIS_LOOP_H
#define KARCIS_LOOP_H

#include <stdint.h>

struct event_base;
struct evdns_base;

struct loop {
    struct event_base *base;
    struct evdns_base *dns;
};

struct loop *loop_new(void);
void loop_free(struct loop *loop);

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
