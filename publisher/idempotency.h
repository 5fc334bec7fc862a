/* The header Idempotency-Key: a client may send the same request again, and it is done once.
 *
 * The idea to hold in mind: the booking's id is made from the key, always the same. So a request that comes again is
 * the same booking for the flow, which does it once (DESIGN 4, rule 9) whatever is forgotten meanwhile; nothing depends
 * on what we remember. What is remembered, in Redis, is what the key was used for first: by that another body is
 * refused at the door, and a repetition is known as one and adds nothing.
 *
 * The memory and the entry are written by one script, in one round trip: both are on disk when the client hears of it,
 * or neither; a request that failed leaves nothing. It is kept for IDEMPOTENCY_KEPT_MS. After that, or when Redis has
 * lost it, the same body gives the same booking still; another body is taken at the door, and refused by the flow (a
 * dead letter, booking_id_reused): the booking stays as it was first asked for. */
#ifndef KARCIS_IDEMPOTENCY_H
#define KARCIS_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include "common/id.h"
#include "common/redis.h"
#include "common/stream.h"

struct arena;
struct json_t;
struct request;

struct idempotency {
    bool is_given;
    struct uuid id;          /* of what the key stands for: from the caller, method, path and key */
    struct text fingerprint; /* of the body, whatever the order of its members */
};

/* Reads the header. NULL, or what is wrong with it. */
const char *idempotency_read(const struct request *request, const struct json_t *document, struct idempotency *key);

/* Adds an entry (`words`: name, value, …) with or without a key; as redis_send otherwise. */
bool idempotency_add(struct redis *redis, redis_reply_fn *fn, void *context, const struct idempotency *key,
                     struct arena *arena, enum stream stream, size_t count, const struct text *words);

enum idempotency_answer {
    IDEMPOTENCY_NEW,   /* added */
    IDEMPOTENCY_AGAIN, /* added before, by the same request */
    IDEMPOTENCY_OTHER  /* the key was used with another body; nothing was added */
};
/* What the reply says, if it is not an error; the entry's id: ptr NULL if OTHER. */
enum idempotency_answer idempotency_answer(const struct redis_reply *reply, struct text *entry);

#endif
