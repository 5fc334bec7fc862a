/* What POST /publish takes: events in any of its forms, checked, and written as the commands that add them.
 *
 * The idea to hold in mind: all events of a body or none. Everything is checked before the first command is sent, and
 * nothing is copied but into those commands; a payload goes into the log byte for byte as it was sent. */
#ifndef KARCIS_PUBLISH_READ_H
#define KARCIS_PUBLISH_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/stream.h"
#include "common/text.h"

struct arena;
struct problems;

/* Of {id,payload}, which says neither; the source of nothing else. */
#define PUBLISH_TOPIC_DEFAULT  "default"
#define PUBLISH_SOURCE_DEFAULT "publisher"

enum publish_form {
    PUBLISH_EVENTS,      /* {topic,event_id,timestamp,source,payload} or {id,payload}; an array, or {"events":[…]} */
    PUBLISH_CLOUD_EVENT, /* CloudEvents 1.0, JSON format: one */
    PUBLISH_CLOUD_EVENTS /* the same in a batch */
};

enum publish_result {
    PUBLISH_TAKEN,
    PUBLISH_NOT_JSON, /* .why */
    PUBLISH_EMPTY,
    PUBLISH_TOO_MANY,
    PUBLISH_INVALID /* the problems */
};

struct publish_body {
    struct text bytes;
    enum publish_form form;
    int64_t now_ms;          /* the time of an event that does not say its own */
    struct text traceparent; /* of an event that does not say its own; ptr NULL: none */
};

struct publish_batch {
    size_t count;         /* events, and commands */
    struct text commands; /* for redis_send_many */
    struct text why;
};

/* All in the problems' arena. */
enum publish_result publish_read(const struct publish_body *body, struct problems *problems,
                                 struct publish_batch *batch);

/* ---- events on a stream of the flow ---- */

/* Whether anybody may put one there with a key: requests yes; facts are said by the program that owns them. */
bool publish_may_say(enum stream stream);
/* What the payload is on that stream (name, value, …), in the problems' arena; how many words, 0 with problems if it
 * cannot be taken. */
#define PUBLISH_FLOW_WORDS_MAX 24
size_t publish_flow_words(enum stream stream, struct text payload, struct problems *problems,
                          struct text words[PUBLISH_FLOW_WORDS_MAX]);

#endif
