/* Memory that belongs to one piece of work (a batch, a reply, a request) and is freed with it. Nothing in it is freed
 * alone; pointers stay valid until arena_free or arena_reset. */
#ifndef KARCIS_ARENA_H
#define KARCIS_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* accepts NULL */
/* Forgets everything in it and keeps one block for the next use. */
void arena_reset(struct arena *arena);
/* Zeroed, aligned for any type. Never NULL: running out of memory ends the process (the work is redelivered). */
void *arena_alloc(struct arena *arena, size_t size);
/* Not zeroed. */
void *arena_alloc_raw(struct arena *arena, size_t size);
size_t arena_bytes(const struct arena *arena); /* handed out so far */

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

#endif
