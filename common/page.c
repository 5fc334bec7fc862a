/* Pages of lists. */
#include "common/page.h"

#include <sodium.h>

#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/problem.h"
#include "common/request.h"

#define CURSOR_VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static struct text encode(struct arena *arena, struct text place)
{
    const size_t size = sodium_base64_ENCODED_LEN(place.len, CURSOR_VARIANT);
    char *out = arena_alloc_raw(arena, size);

    sodium_bin2base64(out, size, (const unsigned char *)place.ptr, place.len, CURSOR_VARIANT);
    return (struct text){out, size - 1};
}

static bool decode(struct arena *arena, struct text cursor, struct text *place)
{
    unsigned char *out = arena_alloc_raw(arena, cursor.len + 1);
    size_t len;

    if (sodium_base642bin(out, cursor.len + 1, cursor.ptr, cursor.len, NULL, &len, NULL, CURSOR_VARIANT) != 0)
        return false;
    *place = (struct text){(const char *)out, len};
    return text_is_utf8(*place);
}

static void refuse(struct request *request, struct text pointer, const char *detail)
{
    struct problems problems = {.arena = request->arena};

    problems_add(&problems, pointer, detail);
    answer_invalid(request, &problems);
}

void page_refuse_cursor(struct request *request)
{
    refuse(request, TEXT("/after"), "must be the next of a page of this list");
}

bool page_read(struct request *request, struct page *page)
{
    const struct text limit = request_query_value(request, "limit");
    const struct text after = request_query_value(request, "after");

    *page = (struct page){.limit = LIST_LIMIT_DEFAULT};
    if (limit.ptr && !text_to_int64(limit, 1, LIST_LIMIT_MAX, &page->limit)) {
        refuse(request, TEXT("/limit"), "must be an integer from 1 to 1000");
        return false;
    }
    if (after.ptr && !decode(request->arena, after, &page->after)) {
        page_refuse_cursor(request);
        return false;
    }
    return true;
}

struct page_writer page_begin(struct json *json, const struct page *page)
{
    json_begin_object(json);
    return page_begin_in(json, page);
}

struct page_writer page_begin_in(struct json *json, const struct page *page)
{
    json_key(json, "items");
    json_begin_array(json);
    return (struct page_writer){.json = json, .room = page->limit};
}

bool page_add(struct page_writer *writer, struct text place)
{
    if (writer->room == 0 || json_bytes(writer->json) > HTTP_REPLY_BYTES_MAX) {
        writer->has_more = true;
        return false;
    }
    writer->room--;
    writer->last = place;
    return true;
}

void page_cut(struct page_writer *writer)
{
    writer->room = 0;
}

void page_end(struct page_writer *writer)
{
    json_end_array(writer->json);
    json_key(writer->json, "next");
    json_text(writer->json, writer->has_more ? encode(writer->json->buffer.arena, writer->last) : TEXT_NONE);
    json_end_object(writer->json);
}
