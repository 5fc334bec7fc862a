/* A chain of blocks; allocation moves a pointer. A request larger than a block gets a block of its own. */
#include "common/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/bounds.h"
#include "common/log.h"

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *blocks; /* the newest first */
    size_t bytes;
};

static struct block *block_new(size_t size, struct block *next)
{
    struct block *block = malloc(sizeof *block + size);

    if (!block)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    block->next = next;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (!arena)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    arena->blocks = block_new(ARENA_BLOCK_BYTES, NULL);
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (struct block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct block *last = arena->blocks;

    while (last->next) {
        struct block *next = last->next;
        free(last);
        last = next;
    }
    last->used = 0;
    arena->blocks = last;
    arena->bytes = 0;
}

void *arena_alloc_raw(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    struct block *block = arena->blocks;
    void *result;

    assert(size <= ARENA_BYTES_MAX);
    size = (size + align - 1) & ~(align - 1);
    arena->bytes += size;
    if (arena->bytes > ARENA_BYTES_MAX)
        log_fatal(EXIT_TEMPORARY, "one piece of work needs too much memory", NULL);
    if (block->size - block->used < size) {
        /* The first block is always of the standard size, so that arena_reset keeps a small one. */
        block = block_new(size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES, block);
        arena->blocks = block;
    }
    result = block->bytes + block->used;
    block->used += size;
    return result;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc_raw(arena, size), 0, size);
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->bytes;
}
