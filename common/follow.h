/* Hearing what is said on some streams while this process runs: one XREAD BLOCK loop on a connection of its own.
 *
 * The idea to hold in mind: a follower belongs to no group and acknowledges nothing, so nobody waits for it and it may
 * miss something: what is trimmed before it reads, what Redis forgets, what was said while it rested. It never misses
 * anything in silence. `on_ready` says: from now on every entry is told; `on_gap`: before now some may not have been
 * told. Whoever must know looks into the store then. */
#ifndef KARCIS_FOLLOW_H
#define KARCIS_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include "common/event.h"

struct follow;
struct loop;

/* The entry and all it points to live until the function returns. Of the entry, stream, id, id_text and the pairs are
 * filled in; nothing about it has been checked. */
typedef void follow_entry_fn(const struct entry *entry, void *context);
typedef void follow_state_fn(void *context);

struct follow_options {
    const char *url, *name; /* of the connection to Redis */
    size_t stream_count;
    const enum stream *streams;
    const struct entry_id *from; /* one for each stream: told is what comes after it; NULL: from now on */
    follow_entry_fn *on_entry;
    follow_state_fn *on_ready; /* its place is known, for the first time or after a rest; may be NULL */
    follow_state_fn *on_gap;   /* entries were lost; it goes on with what comes now; may be NULL */
    void *context;             /* of all three, which must not close the follower */
};

struct follow *follow_open(struct loop *loop, const struct follow_options *options);
void follow_close(struct follow *follow); /* accepts NULL */

/* Stops reading until it is woken: what nobody wants to hear costs nothing. Entries that are under way may still be
 * told. Woken, it goes on from then on; on_ready follows, unless it had not come to rest yet (follow_is_ready). */
void follow_rest(struct follow *follow);
void follow_wake(struct follow *follow);
/* Every entry that is added from now on will be told, unless on_gap says otherwise. */
bool follow_is_ready(const struct follow *follow);

#endif
