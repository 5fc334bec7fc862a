/* Growing means copying the unfinished text to a room twice as large; texts that were taken stay where they are. */
#include "common/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/arena.h"

#define ROOM_BYTES_MIN 1024 /* some ten small events, so that most of them cost no allocation */

void buffer_grow(struct buffer *buffer, size_t more)
{
    const size_t wanted = (buffer->len + more) * 2;
    const size_t capacity = wanted > ROOM_BYTES_MIN ? wanted : ROOM_BYTES_MIN;
    char *room = arena_alloc_raw(buffer->arena, capacity);

    if (buffer->len)
        memcpy(room, buffer->ptr, buffer->len);
    buffer->ptr = room;
    buffer->capacity = capacity;
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    va_start(args, format);
    vsnprintf(buffer_reserve(buffer, (size_t)len + 1), (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
}

struct text buffer_take(struct buffer *buffer)
{
    const struct text taken = {buffer->ptr ? buffer->ptr : "", buffer->len};

    if (buffer->ptr)
        buffer->ptr += buffer->len;
    buffer->capacity -= buffer->len;
    buffer->len = 0;
    return taken;
}
