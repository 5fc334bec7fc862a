/* Problem documents. */
#include "common/problem.h"

#include "common/json.h"

void problems_add(struct problems *problems, struct text pointer, const char *detail)
{
    if (problems->count == PROBLEMS_MAX)
        return;
    problems->items[problems->count++] =
        (struct problem){text_copy(problems->arena, pointer), text_copy(problems->arena, text_of(detail))};
}

const char *problem_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Unknown";
}

struct text problem_document(struct arena *arena, int status, const char *code, const char *detail,
                             struct text request_id, const struct problems *problems)
{
    struct json json = json_in(arena);

    json_begin_object(&json);
    json_key(&json, "type");
    json_text(&json, TEXT("about:blank"));
    json_key(&json, "title");
    json_text(&json, text_of(problem_title(status)));
    json_key(&json, "status");
    json_int(&json, status);
    json_key(&json, "code");
    json_text(&json, text_of(code));
    json_key(&json, "detail");
    json_text(&json, text_of(detail));
    json_key(&json, "request_id");
    json_text(&json, request_id);
    if (problems) {
        json_key(&json, "errors");
        json_begin_array(&json);
        for (size_t i = 0; i < problems->count; i++) {
            json_begin_object(&json);
            json_key(&json, "pointer");
            json_text(&json, problems->items[i].pointer);
            json_key(&json, "detail");
            json_text(&json, problems->items[i].detail);
            json_end_object(&json);
        }
        json_end_array(&json);
    }
    json_end_object(&json);
    return json_take(&json);
}
