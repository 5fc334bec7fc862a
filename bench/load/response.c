/* See response.h. */
#include "bench/load/response.h"

#include <strings.h>

#include "common/bounds.h"

#define STATUS_LINE_BYTES_MIN 13 /* HTTP/1.1 200 and its end */

static bool is_named(struct text line, const char *name, struct text *value)
{
    const size_t len = strlen(name);

    if (line.len <= len || line.ptr[len] != ':' || strncasecmp(line.ptr, name, len) != 0)
        return false;
    *value = (struct text){line.ptr + len + 1, line.len - len - 1};
    while (value->len > 0 && (value->ptr[0] == ' ' || value->ptr[0] == '\t'))
        *value = (struct text){value->ptr + 1, value->len - 1};
    return true;
}

static bool read_status(struct text line, int *status)
{
    int64_t number;

    if (line.len + 1 < STATUS_LINE_BYTES_MIN || memcmp(line.ptr, "HTTP/1.1 ", 9) != 0 || line.ptr[12] != ' ' ||
        !text_to_int64((struct text){line.ptr + 9, 3}, 100, 599, &number))
        return false;
    *status = (int)number;
    return true;
}

/* Takes a line off; its end (CR LF) is not part of it. */
static bool next_line(struct text *rest, struct text *line)
{
    const char *end = memmem(rest->ptr, rest->len, "\r\n", 2);

    if (!end)
        return false;
    *line = (struct text){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (struct text){end + 2, rest->len - line->len - 2};
    return true;
}

enum response_state response_read(struct text bytes, struct response *response)
{
    const char *head_end = bytes.len ? memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4) : NULL;
    struct text rest, line, value;
    int64_t length = -1;

    *response = (struct response){0};
    if (!head_end)
        return bytes.len > HTTP_HEADER_BYTES_MAX ? RESPONSE_WRONG : RESPONSE_PART;
    rest = (struct text){bytes.ptr, (size_t)(head_end - bytes.ptr) + 2};
    if (!next_line(&rest, &line) || !read_status(line, &response->status))
        return RESPONSE_WRONG;
    while (next_line(&rest, &line)) {
        if (is_named(line, "Content-Length", &value) && (length >= 0 || !text_to_int64(value, 0, INT32_MAX, &length)))
            return RESPONSE_WRONG;
        if (is_named(line, "Transfer-Encoding", &value))
            return RESPONSE_WRONG;
        if (is_named(line, "Connection", &value) && value.len == 5 && strncasecmp(value.ptr, "close", 5) == 0)
            response->closes = true;
    }
    if (length < 0 && response->status != 204)
        return RESPONSE_WRONG;
    response->len = (size_t)(head_end + 4 - bytes.ptr) + (length > 0 ? (size_t)length : 0);
    response->body = (struct text){head_end + 4, length > 0 ? (size_t)length : 0};
    return bytes.len < response->len ? RESPONSE_PART : RESPONSE_WHOLE;
}
