/* One page of a list: {"items":[…],"next":cursor|null}. A page ends at `limit` items, or earlier when it has become
 * large; a cursor is the place of its last item, in a form that clients need not understand. */
#ifndef KARCIS_PAGE_H
#define KARCIS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/json.h"
#include "common/text.h"

struct request;

struct page {
    int64_t limit;
    struct text after; /* what page_add was given for the last item of the page before; ptr NULL: the first page */
};

/* Reads ?limit and ?after. False: one of them cannot be; the request has been answered (422). */
bool page_read(struct request *request, struct page *page);
/* 422 for a cursor that is not this list's. */
void page_refuse_cursor(struct request *request);

struct page_writer {
    struct json *json;
    int64_t room;     /* items that still fit */
    struct text last; /* the place of the last item written */
    bool has_more;
};

/* Ask for limit + 1 rows; the one too many says that there is a next page. For each row: if (!page_add(…)) break;
 * then one JSON value, then on. */
struct page_writer page_begin(struct json *json, const struct page *page);
/* The same inside an object that the caller has begun, for lists that say more than their items; page_end ends it. */
struct page_writer page_begin_in(struct json *json, const struct page *page);
bool page_add(struct page_writer *writer, struct text place);
void page_cut(struct page_writer *writer); /* no item more on this page */
void page_end(struct page_writer *writer);

#endif
