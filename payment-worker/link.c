/* See link.h. */
#include "payment-worker/link.h"

#include <sodium.h>

#include "common/arena.h"
#include "common/config.h"

/* The secret may have any length; its hash has the key's. Made once: the secret does not change in a process's life. */
static const unsigned char *key_of(const char *secret)
{
    static unsigned char key[crypto_generichash_KEYBYTES];
    static const char *made_of;

    if (made_of != secret)
        crypto_generichash(key, sizeof key, (const unsigned char *)secret, strlen(secret), NULL, 0);
    made_of = secret;
    return key;
}

struct text link_token(struct arena *arena, struct text invoice_no, int64_t due_at_us)
{
    const char *secret = config()->link_secret;
    const struct text what =
        text_format(arena, "pay\n%.*s\n%lld", (int)invoice_no.len, invoice_no.ptr, (long long)due_at_us);
    unsigned char mac[32];
    const size_t size = sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *out = arena_alloc(arena, size);

    crypto_generichash(mac, sizeof mac, (const unsigned char *)what.ptr, what.len, key_of(secret),
                       crypto_generichash_KEYBYTES);
    sodium_bin2base64(out, size, mac, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text_of(out);
}

struct text link_url(struct arena *arena, struct text invoice_no, int64_t due_at_us)
{
    const struct text token = link_token(arena, invoice_no, due_at_us);

    return text_format(arena, "%s/pay/%.*s?token=%.*s", config()->base_url, (int)invoice_no.len, invoice_no.ptr,
                       (int)token.len, token.ptr);
}
