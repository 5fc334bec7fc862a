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

/* application/json, or application/anything+json; what stands behind a semicolon does not matter. */
static bool is_json_type(struct text type)
{
    static const char json[] = "application/json", prefix[] = "application/", suffix[] = "+json";
    struct text name;

    text_next(&type, ';', &name);
    while (name.len && (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t'))
        name.len--;
    if (name.len == sizeof json - 1 && strncasecmp(name.ptr, json, name.len) == 0)
        return true;
    return name.len > sizeof prefix + sizeof suffix - 2 && strncasecmp(name.ptr, prefix, sizeof prefix - 1) == 0 &&
           strncasecmp(name.ptr + name.len - sizeof suffix + 1, suffix, sizeof suffix - 1) == 0;
}

const struct json_t *request_json(struct request *request)
{
    const struct text type = request_header(request, "Content-Type");
    struct text why;

    if (type.len && !is_json_type(type)) {
        answer_problem(request, 415, "not_json_type", "send JSON: Content-Type: application/json");
        return NULL;
    }
    request->document = body_parse(request->arena, request->body, &why);
    if (!request->document)
        answer_problem(request, 400, "not_json", why.ptr);
    return request->document;
}
