/* What waits on the streams: how long each is, and how far each group has come.
 *
 * The idea to hold in mind: Redis 7.0 gives a group's lag wrong after trims, deletions and restarts, so it is believed
 * only where it can be checked: whether anything is unread, and how much while that is little, is seen from the ids. */
#ifndef KARCIS_BACKLOG_H
#define KARCIS_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/stream.h"
#include "common/text.h"

struct arena;
struct redis;

#define BACKLOG_GROUPS_MAX  16  /* a stream of ours has at most four */
#define BACKLOG_COUNTED_MAX 100 /* unread entries counted one by one */

struct backlog_group {
    struct text name;
    int64_t lag; /* entries not yet read by it */
    int64_t oldest_unread_ms;
    int64_t pending; /* read and not acknowledged */
    int64_t oldest_pending_ms;
    int64_t consumers;
};

struct backlog {
    bool is_known; /* false: Redis could not be asked */
    struct {
        int64_t length;
        size_t group_count;
        struct backlog_group groups[BACKLOG_GROUPS_MAX];
    } streams[STREAM_COUNT];
};

typedef void backlog_fn(const struct backlog *backlog, void *context);

/* Asks, in two bursts; `fn` is called once, perhaps at once, with a backlog that lives in the arena. */
void backlog_collect(struct redis *redis, struct arena *arena, backlog_fn *fn, void *context);

/* `counted` entries were seen behind the last one delivered, at most BACKLOG_COUNTED_MAX + 1 of them were looked for;
 * `reported` is what Redis says (-1: it does not know); a stream of `length` cannot have more unread. */
int64_t backlog_lag(int64_t counted, int64_t reported, int64_t length);

#endif
