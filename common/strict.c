/* Strict reading of a request's head (RFC 9112 sections 3.2, 5.1, 6.1 to 6.3). */
#include "common/strict.h"

#include <strings.h>

static bool is_name(struct text text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

struct text header_value(const struct header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (is_name(headers[i].name, name))
            return headers[i].value;
    return TEXT_NONE;
}

static size_t times_given(const struct head *head, const char *name)
{
    size_t times = 0;

    for (size_t i = 0; i < head->header_count; i++)
        times += is_name(head->headers[i].name, name);
    return times;
}

/* A token, RFC 9110 section 5.6.2. */
static bool is_token(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return text.len > 0;
}

static bool is_digits(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len > 0;
}

static const char *refuse_length(const struct head *head)
{
    const struct text length = header_value(head->headers, head->header_count, "Content-Length");
    const struct text coding = header_value(head->headers, head->header_count, "Transfer-Encoding");

    if (times_given(head, "Content-Length") > 1)
        return "Content-Length is given more than once";
    if (times_given(head, "Transfer-Encoding") > 1)
        return "Transfer-Encoding is given more than once";
    if (length.ptr && coding.ptr)
        return "both Content-Length and Transfer-Encoding are given";
    if (length.ptr && !is_digits(length))
        return "Content-Length is not a number";
    if (coding.ptr && (!is_name(coding, "chunked") || head->minor_version < 1))
        return "Transfer-Encoding is not chunked";
    if (!head->may_have_body && (coding.ptr || (length.ptr && !text_is(length, "0"))))
        return "a request with this method has no body";
    return NULL;
}

const char *strict_refuse(const struct head *head)
{
    const size_t hosts = times_given(head, "Host");

    for (size_t i = 0; i < head->header_count; i++)
        if (!is_token(head->headers[i].name))
            return "a header's name is not a token";
    if (hosts > 1)
        return "Host is given more than once";
    if (hosts == 0 && head->minor_version >= 1)
        return "Host is missing";
    return refuse_length(head);
}
