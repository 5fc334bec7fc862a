/* What a client is told. Each request is answered by exactly one of these calls; the request, its arena and all that
 * lies in it are gone afterwards. Whether the client is still there makes no difference to the caller. */
#ifndef KARCIS_ANSWER_H
#define KARCIS_ANSWER_H

#include <stdbool.h>
#include "common/text.h"

struct answer_stream;
struct json;
struct problems;
struct request;
struct store_failure;

/* A header of the answer to come; not for values that a client chose without a check. */
void answer_header(struct request *request, const char *name, struct text value);

void answer_json(struct request *request, int status, struct json *json);
void answer_text(struct request *request, int status, const char *content_type, struct text body);
void answer_empty(struct request *request, int status);

/* application/problem+json */
void answer_problem(struct request *request, int status, const char *code, const char *detail);
void answer_invalid(struct request *request, const struct problems *problems); /* 422 invalid */
void answer_not_found(struct request *request, const char *detail);            /* 404 not_found */
/* 503 with Retry-After: 1. The same request may be sent again. */
void answer_unavailable(struct request *request, const char *code, const char *detail);
/* 503 overloaded with Retry-After, which differs so that those who were refused do not come back together. */
void answer_overloaded(struct request *request, const char *detail);
/* 503 store_away, or 500 internal (and a line in the log) if the fault is ours. NULL: the store is not up. */
void answer_store_failure(struct request *request, const struct store_failure *failure);

/* An answer without an end, status 200: listeners of what happens. Headers set before go with it.
 *
 * `on_gone` is called once, later, never inside one of these calls, when the client has gone, read too slowly or the
 * server stops; the stream must not be used any more then. It is not called after answer_stream_end, nor if the server
 * is closed first. Silence is the writer's business: only what is written shows that a client is still there. */
struct answer_stream *answer_stream(struct request *request, const char *content_type, void (*on_gone)(void *context),
                                    void *context);
/* False: more than HTTP_STREAM_WAITING_MAX bytes wait for the client, or it has gone; on_gone will be called. */
bool answer_stream_write(struct answer_stream *stream, struct text text);
/* The answer is whole; the connection may serve another request. */
void answer_stream_end(struct answer_stream *stream);

#endif
