/* The API keys a program knows, by their hashes.
 *
 * The idea to hold in mind: a key is 256 random bits, so nobody finds it by trying, however fast one try is: one fast
 * hash (BLAKE2b) is enough, and a slow one, as passwords need, would only slow us. All hashes are of one length and are
 * compared in constant time; where in the table one is looked for depends on the hash, which tells nothing about a key.
 */
#ifndef KARCIS_KEYS_H
#define KARCIS_KEYS_H

#include <stddef.h>
#include "common/id.h"
#include "common/route.h"
#include "common/text.h"

struct arena;

struct secret_hash {
    unsigned char bytes[32];
};

struct key {
    struct secret_hash hash;
    enum route_who role; /* GATE, CLIENT, ADMIN */
    struct uuid id;      /* nil: from the environment */
    struct text name;
};

/* Of a key or a session's token. */
struct secret_hash secret_hash(struct text secret);
/* As the store keeps it: 64 hex digits. */
struct text secret_hash_text(struct arena *arena, struct secret_hash hash);
bool secret_hash_parse(struct text text, struct secret_hash *hash);
/* A new one: 256 random bits behind the prefix, in base64url (RFC 4648, section 5). */
struct text secret_new(struct arena *arena, const char *prefix);

struct keys;
struct keys *keys_new(void);
void keys_free(struct keys *keys); /* accepts NULL */
/* The name is copied. Of two with one hash the first counts; so does nothing beyond KEYS_MAX. */
void keys_add(struct keys *keys, const struct key *key);
/* NULL: it is not known. Valid as long as the table. */
const struct key *keys_find(const struct keys *keys, const struct secret_hash *hash);

#endif
