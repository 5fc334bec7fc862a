/* What frames the chunks is read byte by byte; what is in them, as much at once as there is. */
#include "common/http_body.h"

#include <string.h>

#include "common/arena.h"
#include "common/bounds.h"

#define CHUNK_SIZE_DIGITS_MAX 16 /* any 64-bit number; a longer one is nothing but an attempt */

struct http_body_reader http_body_begin(struct arena *arena, const struct head *head)
{
    return (struct http_body_reader){
        .arena = arena,
        .is_chunked = head->is_chunked,
        .state = head->is_chunked ? BODY_CHUNK_SIZE : BODY_BYTES,
        .left = head->has_length ? head->content_length : 0,
        .line = buffer_in(arena),
    };
}

static enum http_progress refuse(struct http_body_reader *reader, int status, const char *code, const char *detail)
{
    reader->refusal = (struct http_refusal){status, code, detail};
    return HTTP_IS_REFUSED;
}

static enum http_progress refuse_chunk(struct http_body_reader *reader)
{
    return refuse(reader, 400, "bad_request", "a chunk of the body is not well framed");
}

/* A client that announces much and sends little costs what it sends. */
static void make_room(struct http_body_reader *reader, size_t more)
{
    size_t capacity = reader->capacity ? reader->capacity * 2 : HTTP_BODY_ROOM_BYTES;
    char *room;

    if (reader->capacity - reader->len >= more)
        return;
    if (!reader->is_chunked && reader->len + reader->left < capacity)
        capacity = reader->len + reader->left;
    if (capacity > HTTP_BODY_BYTES_MAX)
        capacity = HTTP_BODY_BYTES_MAX;
    if (capacity < reader->len + more)
        capacity = reader->len + more;
    room = arena_alloc_raw(reader->arena, capacity);
    if (reader->len)
        memcpy(room, reader->bytes, reader->len);
    reader->bytes = room;
    reader->capacity = capacity;
}

static void take_bytes(struct http_body_reader *reader, struct text *input)
{
    const size_t len = reader->left < input->len ? (size_t)reader->left : input->len;

    make_room(reader, len);
    memcpy(reader->bytes + reader->len, input->ptr, len);
    reader->len += len;
    reader->left -= len;
    input->ptr += len;
    input->len -= len;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum http_progress read_chunk_size(struct http_body_reader *reader, char byte)
{
    const int digit = hex_value(byte);

    if (digit >= 0) {
        if (reader->digits++ == CHUNK_SIZE_DIGITS_MAX)
            return refuse_chunk(reader);
        reader->left = reader->left << 4 | (unsigned)digit;
        return HTTP_WANTS_MORE;
    }
    if (reader->digits == 0)
        return refuse_chunk(reader);
    if (reader->left > HTTP_BODY_BYTES_MAX - reader->len)
        return refuse(reader, 413, "too_large", "the body is larger than 1 MiB");
    if (byte == '\r')
        reader->state = BODY_CHUNK_LINE_FEED;
    else if (byte == ';')
        reader->state = BODY_CHUNK_EXTENSION;
    else if (byte == ' ' || byte == '\t')
        reader->state = BODY_CHUNK_SPACE;
    else
        return refuse_chunk(reader);
    return HTTP_WANTS_MORE;
}

static enum http_progress count_extension(struct http_body_reader *reader)
{
    if (++reader->extension_bytes > HTTP_CHUNK_EXTENSION_BYTES_MAX)
        return refuse(reader, 400, "bad_request", "the chunks' extensions are too long");
    return HTTP_WANTS_MORE;
}

static enum http_progress read_chunk_space(struct http_body_reader *reader, char byte)
{
    if (byte == ';')
        reader->state = BODY_CHUNK_EXTENSION;
    else if (byte != ' ' && byte != '\t')
        return refuse_chunk(reader);
    return count_extension(reader);
}

static enum http_progress read_chunk_extension(struct http_body_reader *reader, char byte)
{
    if (byte == '\r') {
        reader->state = BODY_CHUNK_LINE_FEED;
        return HTTP_WANTS_MORE;
    }
    return http_is_value((struct text){&byte, 1}) ? count_extension(reader) : refuse_chunk(reader);
}

/* The chunk of no bytes is the last one. */
static void begin_chunk(struct http_body_reader *reader)
{
    reader->state = reader->left ? BODY_BYTES : BODY_TRAILERS;
    reader->digits = 0;
}

static enum http_progress read_frame(struct http_body_reader *reader, char byte)
{
    switch (reader->state) {
    case BODY_CHUNK_SIZE:
        return read_chunk_size(reader, byte);
    case BODY_CHUNK_SPACE:
        return read_chunk_space(reader, byte);
    case BODY_CHUNK_EXTENSION:
        return read_chunk_extension(reader, byte);
    case BODY_CHUNK_LINE_FEED:
        begin_chunk(reader);
        return byte == '\n' ? HTTP_WANTS_MORE : refuse_chunk(reader);
    case BODY_CHUNK_END:
        reader->state = BODY_CHUNK_END_LINE_FEED;
        return byte == '\r' ? HTTP_WANTS_MORE : refuse_chunk(reader);
    case BODY_CHUNK_END_LINE_FEED:
        reader->state = BODY_CHUNK_SIZE;
        return byte == '\n' ? HTTP_WANTS_MORE : refuse_chunk(reader);
    case BODY_BYTES:
    case BODY_TRAILERS:
        break; /* read in larger pieces */
    }
    return HTTP_WANTS_MORE;
}

static enum http_progress read_trailer(struct http_body_reader *reader, struct text line)
{
    struct header trailer;

    if (line.len < 2 || line.ptr[line.len - 2] != '\r')
        return refuse(reader, 400, "bad_request", "a line does not end with CR and LF");
    line.len -= 2;
    if (line.len == 0)
        return HTTP_IS_COMPLETE;
    if (!http_read_header(line, &trailer))
        return refuse(reader, 400, "bad_request", "a trailer is not: name, colon, value without control characters");
    return HTTP_WANTS_MORE;
}

static enum http_progress feed_trailers(struct http_body_reader *reader, struct text *input)
{
    const char *newline = memchr(input->ptr, '\n', input->len);
    const struct text piece = {input->ptr, newline ? (size_t)(newline - input->ptr) + 1 : input->len};

    if (reader->trailer_bytes + piece.len > HTTP_HEADER_BYTES_MAX)
        return refuse(reader, 431, "headers_too_large", "the trailers are larger than 8 KiB");
    reader->trailer_bytes += piece.len;
    buffer_add(&reader->line, piece);
    input->ptr += piece.len;
    input->len -= piece.len;
    return newline ? read_trailer(reader, buffer_take(&reader->line)) : HTTP_WANTS_MORE;
}

static enum http_progress feed_bytes(struct http_body_reader *reader, struct text *input)
{
    take_bytes(reader, input);
    if (reader->left)
        return HTTP_WANTS_MORE;
    reader->state = BODY_CHUNK_END;
    return reader->is_chunked ? HTTP_WANTS_MORE : HTTP_IS_COMPLETE;
}

enum http_progress http_body_feed(struct http_body_reader *reader, struct text *input)
{
    enum http_progress progress = HTTP_WANTS_MORE;

    if (!reader->is_chunked && reader->left == 0)
        return HTTP_IS_COMPLETE;
    while (input->len && progress == HTTP_WANTS_MORE) {
        if (reader->state == BODY_BYTES) {
            progress = feed_bytes(reader, input);
        } else if (reader->state == BODY_TRAILERS) {
            progress = feed_trailers(reader, input);
        } else {
            progress = read_frame(reader, input->ptr[0]);
            input->ptr++;
            input->len--;
        }
    }
    return progress;
}
