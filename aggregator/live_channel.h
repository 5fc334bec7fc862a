/* Who listens to what. A channel is what one filter lets through: everything, one show or one booking; its text is
 * put together once for all who listen to it.
 *
 * A listener lives from live_join until his stream is gone; then on_gone is called, if he was in a channel or not. */
#ifndef KARCIS_AGGREGATOR_LIVE_CHANNEL_H
#define KARCIS_AGGREGATOR_LIVE_CHANNEL_H

#include <stdbool.h>
#include "common/text.h"

struct answer_stream;
struct arena;

enum live_subject { LIVE_ALL, LIVE_SHOW, LIVE_BOOKING };

struct live_channel;

struct live_listener {
    struct answer_stream *stream;
    struct live_channel *channel; /* NULL: not in one yet, or no more */
    struct live_listener *next, **link;
};

/* The listener gets what comes to this channel from now on. */
void live_join(struct live_listener *listener, enum live_subject subject, struct text name);
void live_leave(struct live_listener *listener); /* accepts one that has not joined */

/* To those who listen to this, when live_send comes. Nobody listens: nothing is kept. */
void live_add(struct arena *arena, enum live_subject subject, struct text name, struct text text);
/* Sends what was added, and `end` behind it. */
void live_send(struct text end);
/* To everybody, at once. */
void live_send_all(struct text text);

#endif
