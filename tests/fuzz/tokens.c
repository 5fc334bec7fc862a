/* Short texts that name something: ids, numbers, cursors' numbers, trace contexts, keys. What is taken is written back
 * the same. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/id.h"
#include "common/keys.h"
#include "common/stream.h"
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

static void check_words(struct text text)
{
    const struct keys keys = keys_make("client", "admin");
    const enum route_who who = keys_role(&keys, text);
    int64_t number;

    must(who == ANYONE || (text.len > 7 && strncasecmp(text.ptr, "Bearer ", 7) == 0));
    must(who != ADMIN || text_is((struct text){text.ptr + 7, text.len - 7}, "admin"));
    if (traceparent_is_valid(text))
        must(text.len >= 55 && text_is_printable(text));
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
    check_words((struct text){copy, size});
    free(copy);
    arena_free(arena);
    return 0;
}
