/* The seats of the show that is booked, as GET /shows/{id} tells them. */
#ifndef KARCIS_BENCH_SEATS_H
#define KARCIS_BENCH_SEATS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

struct arena;

struct seats {
    struct text *labels; /* NULL: any seat will do */
    size_t count;
};

/* The labels live in the arena. False if this is no show. */
bool seats_read(struct arena *arena, struct text document, struct seats *seats);

#endif
