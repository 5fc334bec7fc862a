/* Reading JSON without building a tree of it: the text is checked from its first byte to its last, and cut into values
 * that point into it.
 *
 * The idea to hold in mind: what body_parse (jansson) takes is taken, what it refuses is refused, to the byte
 * (tests/fuzz/json_scan.c compares them), except that no number of objects and arrays is too many here, where no tree
 * grows of them; but nothing is copied that need not be, and what lies deeper than the caller
 * looks is checked and then left as it came. So a payload can be passed on byte for byte. */
#ifndef KARCIS_SCAN_H
#define KARCIS_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

enum scan_kind { SCAN_OBJECT, SCAN_ARRAY, SCAN_STRING, SCAN_NUMBER, SCAN_TRUE, SCAN_FALSE, SCAN_NULL };

struct scan_value {
    enum scan_kind kind;
    uint32_t size;    /* itself and all that was kept below it: the next one beside it stands so far behind */
    struct text key;  /* of a member, its escapes read; ptr NULL: it is none */
    struct text text; /* of a string, its escapes read; of anything else, as it was sent */
};

/* Keeps values down to `levels` below the document itself. NULL: not JSON, and *why says what and where, in the arena.
 * The values live in the arena and point into the text. */
const struct scan_value *scan_parse(struct arena *arena, struct text text, unsigned levels, struct text *why);

/* What was kept directly below an object or an array, one after the other; NULL: no more. */
static inline const struct scan_value *scan_next(const struct scan_value *parent, const struct scan_value *child)
{
    const struct scan_value *next = child + child->size;

    return next < parent + parent->size ? next : NULL;
}

static inline const struct scan_value *scan_first(const struct scan_value *parent)
{
    return parent->size > 1 ? parent + 1 : NULL;
}

#endif
