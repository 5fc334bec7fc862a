/* Text under construction, in an arena. What is taken stays valid as long as the arena; the room behind it is used for
 * the next text, so one buffer serves a whole batch. */
#ifndef KARCIS_BUFFER_H
#define KARCIS_BUFFER_H

#include <stddef.h>
#include <string.h>
#include "common/text.h"

struct arena;

struct buffer {
    struct arena *arena;
    char *ptr;
    size_t len, capacity;
};

static inline struct buffer buffer_in(struct arena *arena)
{
    return (struct buffer){.arena = arena};
}

/* Makes room for `more` bytes behind the text; they are the caller's to write and to add to len. */
void buffer_grow(struct buffer *buffer, size_t more);

static inline char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->len < more)
        buffer_grow(buffer, more);
    return buffer->ptr + buffer->len;
}

static inline void buffer_byte(struct buffer *buffer, char byte)
{
    *buffer_reserve(buffer, 1) = byte;
    buffer->len++;
}

static inline void buffer_add(struct buffer *buffer, struct text text)
{
    if (text.len == 0)
        return;
    memcpy(buffer_reserve(buffer, text.len), text.ptr, text.len);
    buffer->len += text.len;
}

void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text so far; the next one begins empty. */
struct text buffer_take(struct buffer *buffer);

#endif
