/* See wish.h. */
#include "common/wish.h"

#include <assert.h>
#include <stdlib.h>

#include "common/bounds.h"
#include "common/id.h"

static int compare_labels(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

void wish_sort_labels(struct text *labels, size_t count)
{
    if (count > 1)
        qsort(labels, count, sizeof *labels, compare_labels);
}

int64_t wish_fingerprint(const struct wish *wish)
{
    struct text parts[5 + BOOKING_SEATS_MAX];
    size_t count = 0;

    assert(wish->label_count <= BOOKING_SEATS_MAX);
    parts[count++] = wish->user;
    parts[count++] = wish->show;
    parts[count++] = wish->payment;
    parts[count++] = wish->waits ? TEXT("yes") : TEXT("no");
    parts[count++] = wish->quantity;
    for (size_t i = 0; i < wish->label_count; i++)
        parts[count++] = wish->labels[i];
    return (int64_t)content_hash(parts, count);
}
