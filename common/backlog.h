/* What waits on the streams: how long each is, how far each group has come, and how full Redis is.
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

#define BACKLOG_GROUPS_MAX  16  /* a stream of ours has at most three, people add theirs; ours come first */
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
    bool is_known;                   /* false: Redis could not be asked */
    int64_t memory_used, memory_max; /* bytes; max 0: no limit, or it may not be asked */
    struct {
        int64_t length;
        size_t group_count;
        struct backlog_group groups[BACKLOG_GROUPS_MAX];
    } streams[STREAM_COUNT];
};

typedef void backlog_fn(const struct backlog *backlog, void *context);

enum backlog_detail {
    BACKLOG_FLOW, /* in one burst, what backlog_waiting and backlog_memory_percent need, and no more */
    BACKLOG_ALL   /* in two bursts, everything */
};

/* Asks; `fn` is called once, perhaps at once, with a backlog that lives in the arena. */
void backlog_collect(struct redis *redis, struct arena *arena, enum backlog_detail detail, backlog_fn *fn,
                     void *context);

/* Entries that the flow has not finished with: of each stream what its slowest step has not acknowledged, all of it if
 * the step has never run. The log (record) and groups that people made hold no booking up, so they do not count. */
int64_t backlog_waiting(const struct backlog *backlog);
/* Of what Redis may use; 0 when there is no limit. */
int backlog_memory_percent(const struct backlog *backlog);

/* What Redis reports as a group's lag (-1: nothing), less what it is known to be too high by; learns that when the
 * group has nothing unread. */
int64_t backlog_reported(int64_t reported, bool has_unread, int64_t *too_high);
/* Reads the answer to INFO memory. */
void backlog_read_memory(struct text info, struct backlog *backlog);
/* `counted` entries were seen behind the last one delivered, at most BACKLOG_COUNTED_MAX + 1 of them were looked for;
 * `reported` is what Redis says (-1: it does not know); a stream of `length` cannot have more unread. */
int64_t backlog_lag(int64_t counted, int64_t reported, int64_t length);

#endif
