/* Paths and queries: what is taken is UTF-8 without U+0000, and means the same when it is written again in full. */
#include "tests/fuzz/fuzz.h"

#include "common/arena.h"
#include "common/buffer.h"
#include "common/route.h"

static void encode(struct buffer *buffer, struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        buffer_format(buffer, "%%%02X", (unsigned char)text.ptr[i]);
}

static void check_path(struct arena *arena, struct text text)
{
    struct route_path path, again;
    struct buffer buffer = buffer_in(arena);

    if (!route_path_parse(arena, text, &path))
        return;
    must(path.count <= ROUTE_PIECES_MAX);
    for (size_t i = 0; i < path.count; i++) {
        must(text_is_utf8(path.pieces[i]));
        buffer_byte(&buffer, '/');
        encode(&buffer, path.pieces[i]);
    }
    if (path.count == 0)
        buffer_byte(&buffer, '/');
    must(route_path_parse(arena, buffer_take(&buffer), &again));
    must(again.count == path.count || path.count == 0);
    for (size_t i = 0; i < path.count; i++)
        must(text_equal(again.pieces[i], path.pieces[i]));
}

static void check_query(struct arena *arena, struct text text)
{
    struct route_values values, again;
    struct buffer buffer = buffer_in(arena);

    if (!route_query_parse(arena, text, &values))
        return;
    must(values.count <= ROUTE_VALUES_MAX);
    for (size_t i = 0; i < values.count; i++) {
        must(text_is_utf8(values.items[i].name) && text_is_utf8(values.items[i].value));
        if (i)
            buffer_byte(&buffer, '&');
        encode(&buffer, values.items[i].name);
        buffer_byte(&buffer, '=');
        encode(&buffer, values.items[i].value);
    }
    must(route_query_parse(arena, buffer_take(&buffer), &again));
    must(again.count == values.count);
    for (size_t i = 0; i < values.count; i++)
        must(text_equal(route_value(&again, text_terminated(arena, values.items[i].name)), values.items[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *copy = fuzz_copy(data, size);

    check_path(arena, (struct text){copy, size});
    check_query(arena, (struct text){copy, size});
    free(copy);
    arena_free(arena);
    return 0;
}
