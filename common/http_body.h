/* The body of a request: so many bytes, or chunks (RFC 9112 sections 6 and 7). Pure: bytes in, in any pieces; the body
 * in one piece out. Extensions of chunks and trailers are read, checked and dropped. */
#ifndef KARCIS_HTTP_BODY_H
#define KARCIS_HTTP_BODY_H

#include "common/http_head.h"

enum http_body_state {
    BODY_BYTES,       /* of a body whose length is known, or of a chunk */
    BODY_CHUNK_SIZE,  /* its first digit, or a later one */
    BODY_CHUNK_SPACE, /* behind the size; only before an extension */
    BODY_CHUNK_EXTENSION,
    BODY_CHUNK_LINE_FEED,
    BODY_CHUNK_END, /* the CR behind a chunk's bytes */
    BODY_CHUNK_END_LINE_FEED,
    BODY_TRAILERS
};

struct http_body_reader {
    struct arena *arena;
    enum http_body_state state;
    bool is_chunked;
    uint64_t left; /* bytes of the body, or of the chunk */
    unsigned digits;
    size_t extension_bytes, trailer_bytes; /* of the whole body */
    char *bytes;
    size_t len, capacity;
    struct buffer line; /* the trailer that is not yet whole */
    struct http_refusal refusal;
};

/* `head` is complete. The body lies in the arena. */
struct http_body_reader http_body_begin(struct arena *arena, const struct head *head);
/* Takes off `input` what belongs to the body. Feed at least once, with nothing if there is nothing: a body of no bytes
 * is complete at once. Not to be called again after it was complete or refused. */
enum http_progress http_body_feed(struct http_body_reader *reader, struct text *input);

static inline struct text http_body_text(const struct http_body_reader *reader)
{
    return (struct text){reader->bytes ? reader->bytes : "", reader->len};
}

#endif
