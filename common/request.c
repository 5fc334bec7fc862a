/* Reading a request. */
#include "common/request.h"

#include <strings.h>

#include "common/answer.h"
#include "common/body.h"

struct text request_path_value(const struct request *request, const char *name)
{
    return route_value(&request->path, name);
}

struct text request_query_value(const struct request *request, const char *name)
{
    return route_value(&request->query, name);
}

struct text request_header(const struct request *request, const char *name)
{
    return header_value(request->head.headers, request->head.header_count, name);
}

/* Without what stands behind a semicolon. */
static struct text type_name(struct text type)
{
    struct text name = TEXT_NONE;

    text_next(&type, ';', &name);
    while (name.len && (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t'))
        name.len--;
    return name;
}

bool request_type_is(struct text type, const char *name)
{
    const struct text is = type_name(type);

    return is.len == strlen(name) && strncasecmp(is.ptr, name, is.len) == 0;
}

/* application/json, or application/anything+json. */
static bool is_json_type(struct text type)
{
    static const char prefix[] = "application/", suffix[] = "+json";
    const struct text name = type_name(type);

    if (request_type_is(type, "application/json"))
        return true;
    return name.len > sizeof prefix + sizeof suffix - 2 && strncasecmp(name.ptr, prefix, sizeof prefix - 1) == 0 &&
           strncasecmp(name.ptr + name.len - sizeof suffix + 1, suffix, sizeof suffix - 1) == 0;
}

bool request_says_json(struct request *request)
{
    const struct text type = request_header(request, "Content-Type");

    if (type.len == 0 || is_json_type(type))
        return true;
    answer_problem(request, 415, "not_json_type", "send JSON: Content-Type: application/json");
    return false;
}

const struct json_t *request_json(struct request *request)
{
    struct text why;

    if (!request_says_json(request))
        return NULL;
    request->document = body_parse(request->arena, request->body, &why);
    if (!request->document)
        answer_problem(request, 400, "not_json", why.ptr);
    return request->document;
}
