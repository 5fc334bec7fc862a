/* See seats.h. */
#include "bench/load/seats.h"

#include <jansson.h>

#include "common/arena.h"

bool seats_read(struct arena *arena, struct text document, struct seats *seats)
{
    json_t *show = json_loadb(document.ptr, document.len, 0, NULL);
    const json_t *labels = json_object_get(show, "seats");
    const bool is_show = json_is_string(json_object_get(show, "id"));

    *seats = (struct seats){.count = is_show ? json_array_size(labels) : 0};
    if (seats->count > 0)
        seats->labels = ARENA_ARRAY(arena, struct text, seats->count);
    for (size_t i = 0; i < seats->count; i++)
        seats->labels[i] = text_copy(arena, text_of(json_string_value(json_array_get(labels, i))));
    json_decref(show);
    return is_show;
}
