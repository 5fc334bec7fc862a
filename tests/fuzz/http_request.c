/* Fuzzes the readers of requests (common/http_head.c, common/http_body.c): whatever the bytes, and in whatever pieces
 * they come, the same requests are read and the same verdict falls. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/arena.h"
#include "tests/unit/http_feeding.c" /* a fuzzer is linked with common/ only */

static size_t whole(void *context, size_t left)
{
    (void)context;
    return left;
}

static size_t single(void *context, size_t left)
{
    (void)context;
    (void)left;
    return 1;
}

/* The bytes themselves say where they are cut, so that a case that fails fails again. */
static size_t by_state(void *context, size_t left)
{
    uint32_t *state = context;
    size_t len;

    *state = *state * 1664525u + 1013904223u;
    len = 1 + (*state >> 20) % 24;
    return len < left ? len : left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    const struct text bytes = {(const char *)data, size};
    uint32_t state = (uint32_t)size;
    struct text at_once;

    if (!arena)
        arena = arena_new();
    arena_reset(arena);
    for (size_t i = 0; i < size; i++)
        state = state * 31 + data[i];
    at_once = feed_requests(arena, bytes, whole, NULL);
    if (!text_equal(at_once, feed_requests(arena, bytes, single, NULL)) ||
        !text_equal(at_once, feed_requests(arena, bytes, by_state, &state)))
        abort();
    return 0;
}
