/* POST /dead-letters/{id}/replay: what a step could not take is put on its stream again, when the cause is gone.
 *
 * The idea to hold in mind: the replay is another entry, but the same event: it carries the original's event_id, or the
 * original's entry id if it had none. So it may be replayed any number of times, and after an answer that got lost it
 * should be: every step finds by its identity what was done already.
 *
 * The letter is read from the store, which is the truth: the stream `dead` may be trimmed or lost with Redis's memory,
 * and publisher has no business on it. What the store has of it byte for byte is replayed; anything else is refused. */
#ifndef KARCIS_REPLAY_H
#define KARCIS_REPLAY_H

#include <stddef.h>
#include "common/bounds.h"
#include "common/route.h"
#include "common/stream.h"
#include "common/text.h"

struct arena;
struct redis;
struct statement;
struct store;

/* The routes' context. */
struct replay_sources {
    struct redis *redis;
    struct store *store; /* has prepared the statements */
};
extern const struct route replay_routes[];
extern const struct statement *const replay_statements[];

struct replay_letter { /* as the store has it */
    int64_t id;
    struct text stream, entry_id, dead_entry_id; /* dead_entry_id: ptr NULL in letters of the first days */
    bool is_exact;
    size_t pair_count;
    struct text *pairs; /* name, value, … in the entry's order */
};

#define REPLAY_WORDS_MAX (2 * ENTRY_FIELDS_MAX)

/* The new entry's fields; their number, or 0 and *why_not if it must not be replayed. */
size_t replay_entry(struct arena *arena, const struct replay_letter *letter, enum stream *stream,
                    struct text words[REPLAY_WORDS_MAX], const char **why_not);

#endif
