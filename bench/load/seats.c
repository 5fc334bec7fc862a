/* See seats.h. */
#include "bench/load/seats.h"

#include <stdlib.h>

#include <jansson.h>

#include "common/log.h"

bool seats_read(struct text document, struct seats *seats)
{
    const json_t *show = json_loadb(document.ptr, document.len, 0, NULL); /* kept: the labels live in it */
    const json_t *labels = json_object_get(show, "seats");

    *seats = (struct seats){0};
    if (!json_is_string(json_object_get(show, "id")))
        return false;
    if (json_array_size(labels) == 0)
        return true;
    seats->labels = calloc(json_array_size(labels), sizeof *seats->labels);
    if (!seats->labels)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    for (; seats->count < json_array_size(labels); seats->count++)
        seats->labels[seats->count] = text_of(json_string_value(json_array_get(labels, seats->count)));
    return true;
}
