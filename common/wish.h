/* What a request to book asks for, as one number: tells who asks again under the same booking id from who asks for
 * something else (DESIGN 4, rule 9). The store keeps it, so it is the same for ever. */
#ifndef KARCIS_WISH_H
#define KARCIS_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct wish {
    struct text user, show;
    struct text payment, quantity; /* as the stream has them; ptr NULL: not said */
    bool waits;                    /* goes to the waitlist if it must */
    const struct text *labels;     /* in byte order; none: any seats */
    size_t label_count;            /* at most BOOKING_SEATS_MAX */
};

int64_t wish_fingerprint(const struct wish *wish);

/* Into byte order. */
void wish_sort_labels(struct text *labels, size_t count);

#endif
