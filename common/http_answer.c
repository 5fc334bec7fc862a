/* What an answer looks like: its head, written once into the request's arena, and its body. */
#include "common/http.h"

#include <event2/buffer.h>
#include <time.h>

#include "common/answer.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/dispatch.h"
#include "common/http_inside.h"
#include "common/problem.h"
#include "common/request.h"

#define BODY_BYTES_JOINED 4096 /* a body up to this size is sent in one piece with its head */

void http_set_header(struct request *request, const char *name, struct text value)
{
    struct buffer *headers = &request->answer_headers;

    buffer_add(headers, text_of(name));
    buffer_add(headers, TEXT(": "));
    buffer_add(headers, value);
    buffer_add(headers, TEXT("\r\n"));
}

/* RFC 9110 section 6.6.1; made once a second. */
static struct text date_header(struct http *http)
{
    const int64_t now_s = clock_now_ms() / 1000;
    const time_t time = (time_t)now_s;
    struct tm parts;

    if (now_s != http->date_s && gmtime_r(&time, &parts)) {
        strftime(http->date, sizeof http->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        http->date_s = now_s;
    }
    return text_of(http->date);
}

static void write_status_line(struct buffer *out, int status)
{
    const char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};

    buffer_add(out, TEXT("HTTP/1.1 "));
    buffer_add(out, (struct text){digits, sizeof digits});
    buffer_byte(out, ' ');
    buffer_add(out, text_of(problem_title(status)));
    buffer_add(out, TEXT("\r\n"));
}

struct text http_make_head(struct request *request, int status, const char *content_type, bool keeps_alive)
{
    struct buffer *headers = &request->answer_headers;
    struct buffer out = buffer_in(request->arena);

    if (content_type)
        http_set_header(request, "Content-Type", text_of(content_type));
    http_set_header(request, "X-Request-Id", request->id);
    if (!keeps_alive)
        http_set_header(request, "Connection", TEXT("close"));
    else if (request->head.minor_version == 0)
        http_set_header(request, "Connection", TEXT("keep-alive"));
    write_status_line(&out, status);
    buffer_add(&out, date_header(request->http));
    buffer_add(&out, buffer_take(headers));
    buffer_add(&out, TEXT("Access-Control-Allow-Origin: *\r\n"
                          "Access-Control-Expose-Headers: ETag, Location, Retry-After, Preference-Applied, "
                          "Idempotent-Replayed, X-Request-Id\r\n"
                          "X-Content-Type-Options: nosniff\r\n\r\n"));
    return buffer_take(&out);
}

static bool has_content(int status)
{
    return status != 204 && status != 304; /* RFC 9110 section 6.4.1 */
}

static void write_answer(struct evbuffer *output, struct text head, struct text body)
{
    evbuffer_expand(output, head.len + (body.len <= BODY_BYTES_JOINED ? body.len : 0));
    evbuffer_add(output, head.ptr, head.len);
    evbuffer_add(output, body.ptr, body.len);
}

void http_send(struct request *request, int status, const char *content_type, struct text body)
{
    struct connection *connection = request->connection;
    const bool keeps_alive = http_request_may_keep_alive(request);
    struct text head;

    if (connection && text_is(request->head.method, "GET") && http_answer_is_too_much(request->http, body.len)) {
        buffer_take(&request->answer_headers); /* they were the other answer's */
        answer_overloaded(request, "too much waits for slow readers; try again later");
        return;
    }
    if (has_content(status))
        http_set_header(request, "Content-Length", text_of_int64(request->arena, (int64_t)body.len));
    head = http_make_head(request, status, content_type, keeps_alive);
    if (connection) {
        write_answer(connection->output, head, request->is_head || !has_content(status) ? TEXT("") : body);
        connection_answered(connection, keeps_alive);
        connection_weigh(connection);
    }
    dispatch_note_answer(request, status);
    http_request_free(request);
}
