/* An entry as the event log keeps it. */
#ifndef KARCIS_AGGREGATOR_LOGGED_H
#define KARCIS_AGGREGATOR_LOGGED_H

#include "common/event.h"

struct json;

struct logged {
    struct text topic, event_id, source, payload; /* payload: a JSON object */
    struct text extra;                            /* the same, of an event's other fields; ptr NULL: it has none */
    int64_t at_us;
};

/* What an entry of any stream but `dead` is in the log. On `events` topic, time and payload are the publisher's, and
 * what else it says is kept beside them; on every other stream the topic is the stream and the payload the entry's
 * fields. A refusal says why it cannot be stored. */
struct refusal logged_read(struct json *json, const struct entry *entry, struct logged *logged);

struct letter {
    struct text stream, entry_id, step, reason, detail, fields; /* fields: a JSON object */
    struct text dead_entry_id;                                  /* its own */
    int64_t deliveries;
    bool is_exact; /* fields says all of the entry, byte for byte */
};

/* An entry of `dead`; false if it is none of ours. */
bool letter_read(struct json *json, const struct entry *entry, struct letter *letter);

/* Which letter an entry is the replay of: its number, or (then the number is 0) the id of its entry on `dead`. */
struct replay {
    int64_t dead_letter_id;
    struct text dead_entry_id;
};

/* False if it is none. */
bool replay_read(const struct entry *entry, struct replay *replay);

#endif
