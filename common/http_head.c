/* Line by line: a line is looked at when it is whole, and copied once, so the time it takes does not depend on the
 * pieces it comes in. */
#include "common/http_head.h"

#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/bounds.h"

struct http_head_reader http_head_begin(struct arena *arena, struct head *head)
{
    head->header_count = 0;
    head->has_length = head->is_chunked = head->expects_continue = head->keeps_alive = false;
    head->headers = arena_alloc_raw(arena, HTTP_HEADERS_MAX * sizeof *head->headers);
    head->method = head->path = TEXT("");
    head->query = TEXT_NONE;
    return (struct http_head_reader){.head = head, .line = buffer_in(arena)};
}

static enum http_progress refuse(struct http_head_reader *reader, int status, const char *code, const char *detail)
{
    reader->refusal = (struct http_refusal){status, code, detail};
    return HTTP_IS_REFUSED;
}

static enum http_progress refuse_bad(struct http_head_reader *reader, const char *detail)
{
    return refuse(reader, 400, "bad_request", detail);
}

/* ---- the request line: method SP target SP version ---- */

/* Those that a route of ours has, and those that the server answers itself. */
static bool is_known_method(struct text method)
{
    static const char *const methods[] = {"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (text_is(method, methods[i]))
            return true;
    return false;
}

/* http://host/path, which every server must take (RFC 9112 section 3.2.2): cuts off all before the path. */
static bool cut_absolute_form(struct text *target)
{
    const size_t scheme = target->len > 7 && strncasecmp(target->ptr, "http://", 7) == 0    ? 7
                          : target->len > 8 && strncasecmp(target->ptr, "https://", 8) == 0 ? 8
                                                                                            : 0;
    struct text host = {target->ptr + scheme, 0};

    while (scheme + host.len < target->len && !strchr("/?", host.ptr[host.len]))
        host.len++;
    target->ptr += scheme + host.len;
    target->len -= scheme + host.len;
    return scheme && host.len > 0 && http_is_host(host);
}

static enum http_progress read_target(struct http_head_reader *reader, struct text target)
{
    struct head *head = reader->head;
    const bool is_options = text_is(head->method, "OPTIONS");
    const char *mark;

    if (is_options && text_is(target, "*")) {
        head->path = target;
        return HTTP_WANTS_MORE;
    }
    if (target.len == 0 || (target.ptr[0] != '/' && !cut_absolute_form(&target)))
        return refuse_bad(reader, "the request's target is neither a path nor a URL");
    if (!http_is_target(target))
        return refuse_bad(reader, "the request's target has characters that must be escaped");
    mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
    if (mark)
        head->query = (struct text){mark + 1, (size_t)(target.ptr + target.len - mark - 1)};
    head->path = (struct text){target.ptr, mark ? (size_t)(mark - target.ptr) : target.len};
    if (head->path.len == 0) /* http://host */
        head->path = is_options && !mark ? TEXT("*") : TEXT("/");
    return HTTP_WANTS_MORE;
}

static bool is_version(struct text text)
{
    return text.len == 8 && memcmp(text.ptr, "HTTP/", 5) == 0 && http_is_digits((struct text){text.ptr + 5, 1}) &&
           text.ptr[6] == '.' && http_is_digits((struct text){text.ptr + 7, 1});
}

static enum http_progress read_request_line(struct http_head_reader *reader, struct text line)
{
    struct head *head = reader->head;
    struct text method, target;

    if (!text_next(&line, ' ', &method) || !text_next(&line, ' ', &target) || !http_is_token(method) ||
        !is_version(line))
        return refuse_bad(reader, "the request line is not: method, one space, target, one space, HTTP/1.1");
    if (line.ptr[5] != '1' || line.ptr[7] > '1')
        return refuse(reader, 505, "version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
    if (!is_known_method(method))
        return refuse(reader, 501, "method_not_implemented", "nothing here has this method");
    head->method = method;
    head->minor_version = line.ptr[7] - '0';
    head->keeps_alive = head->minor_version == 1;
    reader->has_request_line = true;
    return read_target(reader, target);
}

/* ---- headers that the server itself understands ---- */

static enum http_progress read_length(struct http_head_reader *reader, struct text value)
{
    struct head *head = reader->head;

    if (head->has_length)
        return refuse_bad(reader, "Content-Length is given more than once");
    if (!http_is_digits(value))
        return refuse_bad(reader, "Content-Length is not a number");
    head->has_length = true;
    head->content_length = 0;
    for (size_t i = 0; i < value.len; i++) /* what is too large for a number stays too large for a body */
        if (head->content_length <= UINT64_MAX / 100)
            head->content_length = head->content_length * 10 + (uint64_t)(value.ptr[i] - '0');
    return HTTP_WANTS_MORE;
}

static enum http_progress read_coding(struct http_head_reader *reader, struct text value)
{
    if (reader->has_coding)
        return refuse_bad(reader, "Transfer-Encoding is given more than once");
    reader->has_coding = true;
    reader->head->is_chunked = http_is_name(value, "chunked");
    return HTTP_WANTS_MORE;
}

static enum http_progress read_host(struct http_head_reader *reader, struct text value)
{
    if (reader->has_host)
        return refuse_bad(reader, "Host is given more than once");
    if (!http_is_host(value))
        return refuse_bad(reader, "Host is not a host and a port");
    reader->has_host = true;
    return HTTP_WANTS_MORE;
}

/* RFC 9112 section 9.3; one "close" is the last word, wherever it stands. */
static enum http_progress read_connection(struct http_head_reader *reader, struct text value)
{
    struct head *head = reader->head;

    if (http_list_has(value, "close")) {
        head->keeps_alive = false;
        reader->closes = true;
    } else if (!reader->closes && http_list_has(value, "keep-alive")) {
        head->keeps_alive = true;
    }
    return HTTP_WANTS_MORE;
}

/* An HTTP/1.0 client cannot expect anything (RFC 9110 section 10.1.1). */
static enum http_progress read_expectation(struct http_head_reader *reader, struct text value)
{
    if (reader->head->minor_version == 0)
        return HTTP_WANTS_MORE;
    if (http_is_name(value, "100-continue"))
        reader->head->expects_continue = true;
    else
        reader->expects_other = true;
    return HTTP_WANTS_MORE;
}

static enum http_progress read_header_line(struct http_head_reader *reader, struct text line)
{
    static const struct {
        const char *name;
        size_t len;
        enum http_progress (*read)(struct http_head_reader *reader, struct text value);
    } understood[] = {
        {"Host", 4, read_host},
        {"Expect", 6, read_expectation},
        {"Connection", 10, read_connection},
        {"Content-Length", 14, read_length},
        {"Transfer-Encoding", 17, read_coding},
    };
    struct head *head = reader->head;
    struct header *header;

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return refuse_bad(reader, "a header's line begins with space");
    if (head->header_count == HTTP_HEADERS_MAX)
        return refuse(reader, 431, "headers_too_large", "there are too many headers");
    header = &head->headers[head->header_count];
    if (!http_read_header(line, header))
        return refuse_bad(reader, "a header is not: name, colon, value without control characters");
    head->header_count++;
    for (size_t i = 0; i < sizeof understood / sizeof *understood; i++)
        if (header->name.len == understood[i].len && http_is_name(header->name, understood[i].name))
            return understood[i].read(reader, header->value);
    return HTTP_WANTS_MORE;
}

/* ---- the whole head ---- */

/* Where does the request end? RFC 9112 section 6.3. */
static enum http_progress check_length(struct http_head_reader *reader)
{
    const struct head *head = reader->head;
    const bool has_body = head->is_chunked || (head->has_length && head->content_length > 0);

    if (reader->has_coding && head->has_length)
        return refuse_bad(reader, "both Content-Length and Transfer-Encoding are given");
    if (reader->has_coding && head->minor_version == 0)
        return refuse_bad(reader, "HTTP/1.0 has no Transfer-Encoding");
    if (reader->has_coding && !head->is_chunked)
        return refuse(reader, 501, "coding_not_implemented", "the only Transfer-Encoding understood is chunked");
    if (has_body && (text_is(head->method, "GET") || text_is(head->method, "HEAD")))
        return refuse_bad(reader, "a request with this method has no body");
    if (head->has_length && head->content_length > HTTP_BODY_BYTES_MAX)
        return refuse(reader, 413, "too_large", "the body is larger than 1 MiB");
    return HTTP_IS_COMPLETE;
}

static enum http_progress end_head(struct http_head_reader *reader)
{
    if (!reader->has_host && reader->head->minor_version == 1)
        return refuse_bad(reader, "Host is missing");
    if (reader->expects_other)
        return refuse(reader, 417, "expectation_failed", "the only expectation understood is 100-continue");
    return check_length(reader);
}

static enum http_progress read_line(struct http_head_reader *reader, struct text line)
{
    if (line.len < 2 || line.ptr[line.len - 2] != '\r')
        return refuse_bad(reader, "a line does not end with CR and LF");
    line.len -= 2;
    if (reader->has_request_line)
        return line.len ? read_header_line(reader, line) : end_head(reader);
    if (line.len)
        return read_request_line(reader, line);
    if (reader->had_empty_line)
        return refuse_bad(reader, "there are empty lines before the request");
    reader->had_empty_line = true; /* one, which old clients send behind a body (section 2.2) */
    return HTTP_WANTS_MORE;
}

/* Is there room for so many bytes more in the line that is coming in? */
static enum http_progress check_room(struct http_head_reader *reader, size_t more)
{
    if (!reader->has_request_line)
        return reader->line.len + more <= HTTP_REQUEST_LINE_BYTES_MAX
                   ? HTTP_WANTS_MORE
                   : refuse(reader, 414, "uri_too_long", "the request line is too long");
    if (reader->header_bytes + more > HTTP_HEADER_BYTES_MAX)
        return refuse(reader, 431, "headers_too_large", "the headers are larger than 8 KiB");
    reader->header_bytes += more;
    return HTTP_WANTS_MORE;
}

/* Whoever speaks something else (TLS, for one) hears so at the first byte. */
static bool may_begin_request(char byte)
{
    return byte == '\r' || http_is_token_byte(byte);
}

enum http_progress http_head_feed(struct http_head_reader *reader, struct text *input)
{
    enum http_progress progress = HTTP_WANTS_MORE;

    while (input->len && progress == HTTP_WANTS_MORE) {
        const char *newline = memchr(input->ptr, '\n', input->len);
        const struct text piece = {input->ptr, newline ? (size_t)(newline - input->ptr) + 1 : input->len};

        if (!reader->has_request_line && reader->line.len == 0 && !may_begin_request(piece.ptr[0]))
            return refuse_bad(reader, "this is not HTTP");
        if (check_room(reader, piece.len) == HTTP_IS_REFUSED)
            return HTTP_IS_REFUSED;
        buffer_add(&reader->line, piece);
        input->ptr += piece.len;
        input->len -= piece.len;
        if (newline)
            progress = read_line(reader, buffer_take(&reader->line));
    }
    return progress;
}
