/* What a listener who comes back has missed, read from the streams themselves. */
#ifndef KARCIS_AGGREGATOR_LIVE_REPLAY_H
#define KARCIS_AGGREGATOR_LIVE_REPLAY_H

#include "aggregator/live_event.h"

struct arena;
struct redis;

enum live_missed {
    LIVE_MISSED_KNOWN,  /* events: all of it, in the order of telling */
    LIVE_MISSED_GONE,   /* it is too much, was trimmed, or Redis lost it */
    LIVE_MISSED_UNKNOWN /* Redis could not be asked */
};

typedef void live_replay_fn(enum live_missed missed, const struct live_event *events, size_t count, void *context);

/* Reads what lies behind `from`, up to `to`. False: not sent, fn is not called. What fn gets lives in the arena. */
bool live_replay(struct redis *redis, struct arena *arena, const struct live_place *from, const struct live_place *to,
                 live_replay_fn *fn, void *context);

typedef void live_place_fn(const struct live_place *place, void *context); /* NULL: Redis could not be asked */

/* Where the streams end now. */
bool live_find_place(struct redis *redis, struct arena *arena, live_place_fn *fn, void *context);

#endif
