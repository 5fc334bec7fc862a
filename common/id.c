/* UUIDs and what is derived from them. Hashing is libsodium's BLAKE2b. */
#include "common/id.h"

#include <sodium.h>

#include "common/arena.h"

static const char hex_digits[] = "0123456789abcdef";
/* Crockford's base 32: no I, L, O, U. */
static const char base32_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(struct text text, struct uuid *id)
{
    size_t byte = 0;

    if (text.len != UUID_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < UUID_TEXT_BYTES;) {
        int high, low;

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.ptr[i++] != '-')
                return false;
            continue;
        }
        high = hex_value(text.ptr[i]);
        low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        id->bytes[byte++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return true;
}

void uuid_write(struct uuid id, char out[UUID_TEXT_BYTES])
{
    for (size_t byte = 0; byte < 16; byte++) {
        if (byte == 4 || byte == 6 || byte == 8 || byte == 10)
            *out++ = '-';
        *out++ = hex_digits[id.bytes[byte] >> 4];
        *out++ = hex_digits[id.bytes[byte] & 15];
    }
}

struct text uuid_text(struct arena *arena, struct uuid id)
{
    char *out = arena_alloc_raw(arena, UUID_TEXT_BYTES);

    uuid_write(id, out);
    return (struct text){out, UUID_TEXT_BYTES};
}

bool uuid_is_nil(struct uuid id)
{
    return uuid_compare(id, (struct uuid){{0}}) == 0;
}

static void hash_parts(uint8_t *out, size_t out_len, const struct text *parts, size_t count)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, out_len);
    for (size_t i = 0; i < count; i++) {
        const uint64_t len = parts[i].len;

        crypto_generichash_update(&state, (const uint8_t *)&len, sizeof len);
        if (len)
            crypto_generichash_update(&state, (const uint8_t *)parts[i].ptr, len);
    }
    crypto_generichash_final(&state, out, out_len);
}

static void put_time(struct uuid *id, int64_t time_ms, uint8_t version)
{
    for (int i = 0; i < 6; i++)
        id->bytes[i] = (uint8_t)((uint64_t)time_ms >> (8 * (5 - i)));
    id->bytes[6] = (uint8_t)(version << 4 | (id->bytes[6] & 0x0F));
    id->bytes[8] = (uint8_t)(0x80 | (id->bytes[8] & 0x3F));
}

struct uuid uuid_derive(int64_t time_ms, const struct text *parts, size_t count)
{
    struct uuid id;

    hash_parts(id.bytes, sizeof id.bytes, parts, count);
    put_time(&id, time_ms, 8);
    return id;
}

struct uuid uuid_now(int64_t time_ms)
{
    struct uuid id;

    randombytes_buf(id.bytes, sizeof id.bytes);
    put_time(&id, time_ms, 7);
    return id;
}

uint64_t content_hash(const struct text *parts, size_t count)
{
    uint8_t hash[16]; /* the shortest that BLAKE2b's authors recommend; half of it is used */
    uint64_t result;

    hash_parts(hash, sizeof hash, parts, count);
    memcpy(&result, hash, sizeof result);
    return result;
}

struct text number_of_uuid(struct arena *arena, const char *prefix, struct uuid id)
{
    const size_t prefix_len = strlen(prefix);
    char *out = arena_alloc_raw(arena, prefix_len + NUMBER_DIGITS);

    memcpy(out, prefix, prefix_len);
    /* 26 digits hold 130 bits: the first digit carries the two spare ones, as zeros. */
    for (int digit = 0; digit < NUMBER_DIGITS; digit++) {
        unsigned value = 0;

        for (int bit = digit * 5 - 2; bit < digit * 5 + 3; bit++)
            value = value << 1 | (bit < 0 ? 0u : (id.bytes[bit / 8] >> (7 - bit % 8)) & 1u);
        out[prefix_len + (size_t)digit] = base32_digits[value];
    }
    return (struct text){out, prefix_len + NUMBER_DIGITS};
}

bool number_to_uuid(struct text number, const char *prefix, struct uuid *id, struct text *rest)
{
    const size_t prefix_len = strlen(prefix);
    struct uuid result = {{0}};

    if (number.len < prefix_len + NUMBER_DIGITS || memcmp(number.ptr, prefix, prefix_len) != 0)
        return false;
    for (int digit = 0; digit < NUMBER_DIGITS; digit++) {
        const char c = number.ptr[prefix_len + (size_t)digit];
        const char *found = c ? strchr(base32_digits, c) : NULL;
        const unsigned value = found ? (unsigned)(found - base32_digits) : 0;

        if (!found || (digit == 0 && value > 7))
            return false;
        for (int i = 0; i < 5; i++) {
            const int bit = digit * 5 - 2 + i;

            if (bit >= 0 && (value >> (4 - i) & 1u))
                result.bytes[bit / 8] = (uint8_t)(result.bytes[bit / 8] | 1u << (7 - bit % 8));
        }
    }
    if (rest)
        *rest = (struct text){number.ptr + prefix_len + NUMBER_DIGITS, number.len - prefix_len - NUMBER_DIGITS};
    else if (number.len != prefix_len + NUMBER_DIGITS)
        return false;
    *id = result;
    return true;
}
