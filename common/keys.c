/* Keys and roles. */
#include "common/keys.h"

#include <sodium.h>
#include <strings.h>

static void hash(struct text key, unsigned char *out)
{
    crypto_generichash(out, sizeof((struct key *)0)->hash, (const unsigned char *)key.ptr, key.len, NULL, 0);
}

static struct key key_make(const char *key)
{
    struct key result = {.is_set = key && *key};

    if (result.is_set)
        hash(text_of(key), result.hash);
    return result;
}

struct keys keys_make(const char *client, const char *admin)
{
    return (struct keys){key_make(client), key_make(admin)};
}

static bool fits(const struct key *key, const struct key *given)
{
    return key->is_set && sodium_memcmp(key->hash, given->hash, sizeof key->hash) == 0;
}

enum route_who keys_role(const struct keys *keys, struct text authorization)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof scheme - 1;
    struct key given;

    if (authorization.len <= len || strncasecmp(authorization.ptr, scheme, len) != 0)
        return ANYONE;
    hash((struct text){authorization.ptr + len, authorization.len - len}, given.hash);
    if (fits(&keys->admin, &given))
        return ADMIN;
    return fits(&keys->client, &given) ? CLIENT : ANYONE;
}
