/* What a runner has been given and has not acknowledged: every entry is in exactly one of these lists.
 *
 *   todo       waits to be decided, sorted by stream and id
 *   under_way  is in the batch that is being decided, stored and said
 *   refused    cannot be decided on; goes to `dead` with the next emit
 *   postponed  asked for a retry: only its place is kept, it is read again when due */
#ifndef KARCIS_INBOX_H
#define KARCIS_INBOX_H

#include "common/event.h"

struct arena;

struct entries {
    struct entry **list;
    size_t count, capacity;
};

struct postponed {
    enum stream stream;
    struct entry_id id;
    unsigned attempts;
    int64_t due_us; /* monotonic */
    bool is_fetching;
};

struct inbox {
    struct entries todo, under_way, refused;
    size_t refused_emitted; /* so many of refused are in the emit under way */
    struct postponed *postponed;
    size_t postponed_count, postponed_capacity;
    struct arena **arenas; /* that the entries live in; freed when none is left */
    size_t arena_count, arena_capacity;
};

void inbox_free(struct inbox *inbox);

/* Its consumers died again and again: it is tried alone (suspect.c). */
bool is_suspect(const struct entry *entry);

/* Entries that are added next live in this arena. */
void inbox_keep_arena(struct inbox *inbox, struct arena *arena);
struct arena *inbox_last_arena(const struct inbox *inbox);
size_t inbox_bytes(const struct inbox *inbox); /* of all arenas */
/* Is it in any list? For entries that may come twice (claimed, read again). */
bool inbox_knows(const struct inbox *inbox, const struct entry *entry);
void inbox_add(struct inbox *inbox, struct entry *entry);
void inbox_refuse(struct inbox *inbox, struct entry *entry);
void inbox_sort(struct inbox *inbox); /* after adding */

/* Moves the first entries of todo with differing keys, out of its first `limit` and of BATCH_BYTES_MAX, to under_way.
 * With keys off (has_keys false) every entry differs. A suspect is moved alone. The others keep their order. */
void inbox_pick(struct inbox *inbox, size_t limit, bool has_keys);
void inbox_put_back(struct inbox *inbox);         /* under_way to todo */
void inbox_refuse_under_way(struct inbox *inbox); /* under_way to refused */
/* What was under way, and what was refused and emitted, is acknowledged. */
void inbox_settle(struct inbox *inbox);
/* Entries of todo with a smaller id were acknowledged by somebody else. */
void inbox_forget_before(struct inbox *inbox, struct entry_id id);

void inbox_postpone(struct inbox *inbox, const struct entry *entry, int64_t due_us);
void inbox_end_postponed(struct inbox *inbox, size_t i);

#endif
