/* Identities: UUIDs (RFC 9562), names derived from them, and hashes of content. None of them depends on the machine. */
#ifndef KARCIS_ID_H
#define KARCIS_ID_H

#include <stdbool.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

struct uuid {
    uint8_t bytes[16];
};

#define UUID_TEXT_BYTES 36

bool uuid_parse(struct text text, struct uuid *id); /* 8-4-4-4-12 hex digits, any case */
struct text uuid_text(struct arena *arena, struct uuid id);
void uuid_write(struct uuid id, char out[UUID_TEXT_BYTES]);
bool uuid_is_nil(struct uuid id);
static inline int uuid_compare(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

/* A version 8 UUID whose first 48 bits are `time_ms` (so that it sorts and indexes by time, as version 7 does) and
 * whose other bits are a hash of `parts`: the same input gives the same id for ever. */
struct uuid uuid_derive(int64_t time_ms, const struct text *parts, size_t count);
/* A version 7 UUID: now and 74 random bits. */
struct uuid uuid_now(int64_t time_ms);

/* 64 bits that tell one content from another; length-prefixed, so ("a","bc") differs from ("ab","c"). */
uint64_t content_hash(const struct text *parts, size_t count);

/* "INV-" + 26 digits of Crockford's base 32: names the invoice of a booking, and the booking can be read back from it.
 * `prefix` is a literal such as "INV-". */
#define NUMBER_DIGITS 26
struct text number_of_uuid(struct arena *arena, const char *prefix, struct uuid id);
/* Accepts just what number_of_uuid makes; `rest` (may be NULL) receives what stands behind the digits. */
bool number_to_uuid(struct text number, const char *prefix, struct uuid *id, struct text *rest);

#endif
