/* Entity tags in headers. */
#include "common/etag.h"

#include <inttypes.h>

#include "common/answer.h"
#include "common/id.h"
#include "common/json.h"
#include "common/request.h"
#include "common/store.h"

static void skip_space(struct text *rest)
{
    while (rest->len && (*rest->ptr == ' ' || *rest->ptr == '\t')) {
        rest->ptr++;
        rest->len--;
    }
}

static bool skip(struct text *rest, struct text word)
{
    if (rest->len < word.len || memcmp(rest->ptr, word.ptr, word.len) != 0)
        return false;
    rest->ptr += word.len;
    rest->len -= word.len;
    return true;
}

/* Takes one tag off a list: [W/]"…". False: there is none, or no comma behind it and something else. */
static bool next_tag(struct text *rest, bool *is_weak, struct text *tag)
{
    const char *end;

    skip_space(rest);
    *is_weak = skip(rest, TEXT("W/"));
    if (!skip(rest, TEXT("\"")))
        return false;
    end = memchr(rest->ptr, '"', rest->len);
    if (!end)
        return false;
    *tag = (struct text){rest->ptr, (size_t)(end - rest->ptr)};
    rest->len -= tag->len + 1;
    rest->ptr = end + 1;
    skip_space(rest);
    return rest->len == 0 || skip(rest, TEXT(","));
}

bool etag_if_match(struct request *request, struct etags *etags)
{
    struct text rest = request_header(request, "If-Match"), tag;
    bool is_weak;

    *etags = (struct etags){.are_given = rest.ptr && !text_is(rest, "*")};
    if (!etags->are_given)
        return true;
    do {
        if (!next_tag(&rest, &is_weak, &tag) || etags->count == ETAGS_MAX) {
            answer_problem(request, 400, "bad_if_match",
                           "If-Match is not a list of entity tags such as \"1-2\", or too long");
            return false;
        }
        if (!is_weak)
            etags->items[etags->count++] = tag;
    } while (rest.len);
    return true;
}

void params_etags(struct params *params, const struct etags *etags)
{
    struct column *tags;

    if (!etags->are_given) {
        params_text(params, TEXT_NONE); /* NULL has no type */
        return;
    }
    tags = params_column(params, COLUMN_TEXT);
    for (size_t i = 0; i < etags->count; i++)
        column_text(tags, etags->items[i]);
}

/* A malformed list names nothing. */
static bool is_known_to_client(const struct request *request, struct text tag)
{
    struct text rest = request_header(request, "If-None-Match"), known;
    bool is_weak;

    if (text_is(rest, "*"))
        return true;
    while (rest.len && next_tag(&rest, &is_weak, &known))
        if (text_equal(known, tag))
            return true;
    return false;
}

static void answer_tagged(struct request *request, int status, struct text document, struct text tag)
{
    answer_header(request, "ETag", text_format(request->arena, "\"%.*s\"", (int)tag.len, tag.ptr));
    answer_header(request, "Cache-Control", TEXT("no-cache")); /* may be kept, but we are asked each time */
    if (strcmp(request->method, "GET") == 0 && is_known_to_client(request, tag))
        answer_empty(request, 304);
    else
        answer_text(request, status, "application/json", document);
}

void etag_answer_json(struct request *request, int status, struct json *json, struct text tag)
{
    answer_tagged(request, status, json_take(json), tag);
}

void etag_answer_document(struct request *request, int status, struct json *json)
{
    const struct text document = json_take(json);

    answer_tagged(request, status, document, text_format(request->arena, "%016" PRIx64, content_hash(&document, 1)));
}
