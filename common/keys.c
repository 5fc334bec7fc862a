/* Hashes, and the table of them: open addressing, never more than half full. */
#include "common/keys.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"

#define SLOTS     (4 * KEYS_MAX)
#define KEYS_HELD (KEYS_MAX + 2) /* with the two from the environment */

struct keys {
    struct arena *arena; /* names */
    size_t count;
    struct key items[KEYS_HELD];
    const struct key *slots[SLOTS];
};

struct secret_hash secret_hash(struct text secret)
{
    struct secret_hash hash;

    crypto_generichash(hash.bytes, sizeof hash.bytes, (const unsigned char *)secret.ptr, secret.len, NULL, 0);
    return hash;
}

struct text secret_hash_text(struct arena *arena, struct secret_hash hash)
{
    char *hex = arena_alloc(arena, 2 * sizeof hash.bytes + 1);

    sodium_bin2hex(hex, 2 * sizeof hash.bytes + 1, hash.bytes, sizeof hash.bytes);
    return text_of(hex);
}

bool secret_hash_parse(struct text text, struct secret_hash *hash)
{
    size_t len;

    return text.len == 2 * sizeof hash->bytes &&
           sodium_hex2bin(hash->bytes, sizeof hash->bytes, text.ptr, text.len, NULL, &len, NULL) == 0 &&
           len == sizeof hash->bytes;
}

struct text secret_new(struct arena *arena, const char *prefix)
{
    unsigned char random[32];
    char text[sodium_base64_ENCODED_LEN(sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];

    randombytes_buf(random, sizeof random);
    sodium_bin2base64(text, sizeof text, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text_format(arena, "%s%s", prefix, text);
}

struct keys *keys_new(void)
{
    struct keys *keys = calloc(1, sizeof *keys);

    if (!keys)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    keys->arena = arena_new();
    return keys;
}

void keys_free(struct keys *keys)
{
    if (!keys)
        return;
    arena_free(keys->arena);
    free(keys);
}

/* Where it stands, or the empty slot where it would. */
static size_t slot_of(const struct keys *keys, const struct secret_hash *hash)
{
    uint64_t start;
    size_t slot;

    memcpy(&start, hash->bytes, sizeof start);
    for (slot = start % SLOTS; keys->slots[slot]; slot = (slot + 1) % SLOTS)
        if (sodium_memcmp(keys->slots[slot]->hash.bytes, hash->bytes, sizeof hash->bytes) == 0)
            break;
    return slot;
}

void keys_add(struct keys *keys, const struct key *key)
{
    const size_t slot = slot_of(keys, &key->hash);
    struct key *added;

    if (keys->slots[slot] || keys->count == KEYS_HELD)
        return;
    added = &keys->items[keys->count++];
    *added = *key;
    added->name = text_copy(keys->arena, key->name);
    keys->slots[slot] = added;
}

const struct key *keys_find(const struct keys *keys, const struct secret_hash *hash)
{
    return keys->slots[slot_of(keys, hash)];
}
