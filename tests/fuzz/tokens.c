/* Short texts that name something or say how: ids, numbers, cookies, entity tags, preferences, trace contexts. What is
 * taken is written back the same, or lies within what was given. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "common/access.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/etag.h"
#include "common/http_head.h"
#include "common/id.h"
#include "common/keys.h"
#include "common/stream.h"
#include "publisher/prefer.h"
#include "publisher/traceparent.h"

static void check_ids(struct arena *arena, struct text text)
{
    struct uuid id;
    struct entry_id entry, entry_again;
    struct text rest;

    if (uuid_parse(text, &id)) {
        must(text.len == 36 && strncasecmp(uuid_text(arena, id).ptr, text.ptr, text.len) == 0);
    }
    if (number_to_uuid(text, "INV-", &id, &rest)) {
        const struct text number = number_of_uuid(arena, "INV-", id);

        must(text.len == number.len + rest.len && memcmp(number.ptr, text.ptr, number.len) == 0);
    }
    if (entry_id_parse(text, &entry)) {
        must(entry_id_parse(entry_id_text(arena, entry), &entry_again));
        must(entry_id_compare(entry, entry_again) == 0);
    }
}

static bool lies_within(struct text part, struct text whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void check_headers(struct arena *arena, struct text text)
{
    const struct text cookie = access_cookie(text, "k");
    struct header prefer = {TEXT("prefer"), text};
    const int wait_s = prefer_wait_s(&(struct head){.header_count = 1, .headers = &prefer});
    struct secret_hash hash;
    struct etags etags;

    must(!cookie.ptr || (lies_within(cookie, text) && !memchr(cookie.ptr, ';', cookie.len)));
    must(wait_s >= 0 && wait_s <= WAIT_S_MAX);
    if (secret_hash_parse(text, &hash))
        must(text.len == 64 && strncasecmp(secret_hash_text(arena, hash).ptr, text.ptr, text.len) == 0);
    if (etags_parse(text, &etags))
        for (size_t i = 0; i < etags.count; i++)
            must(lies_within(etags.items[i], text) && !memchr(etags.items[i].ptr, '"', etags.items[i].len));
    if (traceparent_is_valid(text))
        must(text.len >= 55 && text_is_printable(text));
}

static void check_words(struct text text)
{
    int64_t number;

    if (text_to_int64(text, -5, 1000, &number))
        must(number >= -5 && number <= 1000);
    if (text_is_identifier(text, 64))
        must(text.len >= 1 && text.len <= 64 && text_is_printable(text));
    if (text_is_printable(text))
        must(text_is_utf8(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *copy = fuzz_copy(data, size);

    must(sodium_init() >= 0);
    check_ids(arena, (struct text){copy, size});
    check_headers(arena, (struct text){copy, size});
    check_words((struct text){copy, size});
    free(copy);
    arena_free(arena);
    return 0;
}
