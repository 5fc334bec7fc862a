/* The head of a request: its request line and its headers (RFC 9112 sections 2 to 6). Pure: bytes in, in any pieces; a
 * head out, or what is wrong with it.
 *
 * The idea to hold in mind: what two programs could understand differently is refused, not repaired, because the proxy
 * in front of us may have repaired it in another way (request smuggling). So there is one form of everything. */
#ifndef KARCIS_HTTP_HEAD_H
#define KARCIS_HTTP_HEAD_H

#include "common/buffer.h"
#include "common/http_grammar.h"

enum http_progress { HTTP_WANTS_MORE, HTTP_IS_COMPLETE, HTTP_IS_REFUSED };

/* What is answered, and the connection is closed: it is not known where the next request begins. */
struct http_refusal {
    int status;
    const char *code, *detail;
};

struct head {
    struct text method; /* one of those that somebody may have a route for */
    struct text path;   /* as it came; "*" for OPTIONS * */
    struct text query;  /* ptr NULL without a question mark */
    int minor_version;  /* of HTTP/1.x */
    bool is_chunked;
    bool has_length;
    uint64_t content_length;
    bool keeps_alive; /* the client would send another request on this connection */
    bool expects_continue;
    size_t header_count;
    struct header *headers;
};

struct http_head_reader {
    struct head *head;
    struct buffer line; /* the one that is not yet whole */
    size_t header_bytes;
    bool had_empty_line, has_request_line, has_host, has_coding, closes, expects_other;
    struct http_refusal refusal;
};

/* The head's texts lie in the arena. */
struct http_head_reader http_head_begin(struct arena *arena, struct head *head);
/* Takes off `input` what belongs to the head. Not to be called again after it was complete or refused. */
enum http_progress http_head_feed(struct http_head_reader *reader, struct text *input);

#endif
