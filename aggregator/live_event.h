/* What listeners are told of an entry, and the places in the streams by which they come back. Pure: nothing here asks
 * anybody.
 *
 * The idea to hold in mind: an entry is formatted once, as text/event-stream, for all who listen. It tells what
 * anybody may know: seats and statuses, never who books or how he pays. */
#ifndef KARCIS_AGGREGATOR_LIVE_EVENT_H
#define KARCIS_AGGREGATOR_LIVE_EVENT_H

#include <stdbool.h>
#include "common/buffer.h"
#include "common/event.h"

/* The streams that are followed. Where two entries were added in the same millisecond, what closes is told first: a
 * freed seat may be held again in the same breath. */
#define LIVE_STREAMS 4
extern const enum stream live_streams[LIVE_STREAMS];

/* A place in each of them: everything up to there has been told. */
struct live_place {
    struct entry_id ids[LIVE_STREAMS];
};

#define LIVE_PLACE_BYTES_MAX (LIVE_STREAMS * 42)
bool live_place_parse(struct text text, struct live_place *place); /* what live_place_write wrote */
void live_place_write(struct buffer *buffer, const struct live_place *place);
bool live_is_told(const struct live_place *place, enum stream stream, struct entry_id id);
void live_tell(struct live_place *place, enum stream stream, struct entry_id id);

struct live_event {
    enum stream stream;
    struct entry_id id;
    struct text show, booking; /* ptr NULL: the entry does not say */
    struct text text;
};

/* False: there is nothing to tell (an entry that somebody typed wrong). All texts lie in the buffer's arena. */
bool live_format(struct buffer *buffer, const struct entry *entry, struct live_event *event);
int live_compare(const void *a, const void *b); /* struct live_event, for qsort: the order of telling */

#endif
