/* Writing JSON (RFC 8259): values are appended one after the other, commas and escapes come by themselves.
 *
 * The idea to hold in mind: texts must be UTF-8 (whoever took them in has checked that); everything else that JSON
 * cannot carry as it is, is escaped here. Reading JSON is body.h's. */
#ifndef KARCIS_JSON_H
#define KARCIS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/buffer.h"
#include "common/text.h"

struct arena;

struct json {
    struct buffer buffer;
    unsigned depth;   /* objects and arrays not yet ended */
    bool needs_comma; /* a value stands before */
};

/* One writer may write many documents, each ended by json_take. */
struct json json_in(struct arena *arena);
/* The finished document; stays valid as long as the arena. */
struct text json_take(struct json *json);
size_t json_bytes(const struct json *json); /* of the unfinished document */

void json_begin_object(struct json *json);
void json_end_object(struct json *json);
void json_begin_array(struct json *json);
void json_end_array(struct json *json);

void json_key(struct json *json, const char *key); /* a literal that needs no escapes */
void json_key_text(struct json *json, struct text key);

void json_text(struct json *json, struct text text); /* ptr NULL: null */
void json_int(struct json *json, int64_t number);
void json_bool(struct json *json, bool value);
void json_none(struct json *json);                               /* null */
void json_fixed(struct json *json, double number, int decimals); /* null if it is not finite */
void json_raw(struct json *json, struct text document);          /* a JSON value that is one already */

/* What DESIGN.md writes in one way everywhere. */
void json_money(struct json *json, int64_t amount, struct text currency); /* {"amount":125000,"currency":"IDR"} */
void json_time(struct json *json, int64_t time_us);                       /* "2026-11-21T01:22:05.123Z" */

#endif
