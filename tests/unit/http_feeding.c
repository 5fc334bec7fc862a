/* Feeding the readers of heads and bodies as common/http_connection.c does. */
#include "tests/unit/http_feeding.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/http_body.h"
#include "common/http_head.h"

struct feeding {
    struct arena *arena;
    struct buffer said;
    struct head head;
    struct http_head_reader head_reader;
    struct http_body_reader body_reader;
    bool has_begun, has_head, is_refused;
};

static void say_text(struct feeding *feeding, struct text text)
{
    buffer_add(&feeding->said, text);
}

static void say_head(struct feeding *feeding)
{
    const struct head *head = &feeding->head;

    say_text(feeding, head->method);
    say_text(feeding, TEXT(" "));
    say_text(feeding, head->path);
    if (head->query.ptr)
        say_text(feeding, TEXT("?"));
    say_text(feeding, head->query);
    buffer_format(&feeding->said, " 1.%d %s%s", head->minor_version, head->keeps_alive ? "keep" : "close",
                  head->expects_continue ? " expects" : "");
    for (size_t i = 0; i < head->header_count; i++)
        if (header_value(&head->headers[i], 1, "X").ptr) {
            say_text(feeding, TEXT(" x="));
            say_text(feeding, head->headers[i].value);
        }
}

static void note(struct feeding *feeding, enum http_progress progress, const struct http_refusal *refusal)
{
    if (progress != HTTP_IS_REFUSED)
        return;
    feeding->is_refused = true;
    buffer_format(&feeding->said, "%d %s", refusal->status, refusal->detail);
}

static void end_request(struct feeding *feeding)
{
    const struct text body = http_body_text(&feeding->body_reader);

    if (body.len) {
        buffer_format(&feeding->said, " body=%zu:", body.len);
        say_text(feeding, body);
    }
    say_text(feeding, TEXT("\n"));
    feeding->has_begun = feeding->has_head = false;
}

/* One step of the connection: the head, or the body. */
static void feed_some(struct feeding *feeding, struct text *input)
{
    enum http_progress progress;

    if (!feeding->has_begun) {
        feeding->head_reader = http_head_begin(feeding->arena, &feeding->head);
        feeding->has_begun = true;
    }
    if (!feeding->has_head) {
        progress = http_head_feed(&feeding->head_reader, input);
        note(feeding, progress, &feeding->head_reader.refusal);
        if (progress != HTTP_IS_COMPLETE)
            return;
        feeding->has_head = true;
        say_head(feeding);
        feeding->body_reader = http_body_begin(feeding->arena, &feeding->head);
    }
    progress = http_body_feed(&feeding->body_reader, input);
    note(feeding, progress, &feeding->body_reader.refusal);
    if (progress == HTTP_IS_COMPLETE)
        end_request(feeding);
}

struct text feed_requests(struct arena *arena, struct text bytes, feeding_cut *cut, void *context)
{
    struct feeding *feeding = ARENA_NEW(arena, struct feeding);

    feeding->arena = arena;
    feeding->said = buffer_in(arena);
    while (bytes.len && !feeding->is_refused) {
        const size_t len = cut(context, bytes.len);
        char one, *piece = len == 1 ? &one : malloc(len);
        struct text input = {piece, len};

        memcpy(piece, bytes.ptr, len);
        while (input.len && !feeding->is_refused)
            feed_some(feeding, &input);
        if (len > 1)
            free(piece);
        bytes.ptr += len;
        bytes.len -= len;
    }
    if (feeding->has_begun && !feeding->is_refused)
        say_text(feeding, TEXT("more"));
    return buffer_take(&feeding->said);
}
