/* What a client asked: one request, whole, in an arena of its own. It lives until it is answered (answer.h), which may
 * be later, from another callback, and even after the client has gone. */
#ifndef KARCIS_REQUEST_H
#define KARCIS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/http_body.h"
#include "common/http_head.h"
#include "common/route.h"
#include "common/text.h"

struct arena;
struct connection;
struct http;
struct json_t;
struct route_use;

/* Who asks. */
struct caller {
    enum route_who role; /* ANYONE: nobody in particular */
    struct text name;    /* the key's, or the session's user; ptr NULL: ANYONE */
};

struct request {
    struct arena *arena;
    struct text id;                        /* X-Request-Id: the client's, or made here */
    const char *method;                    /* GET for HEAD too: the server leaves the body out */
    struct text target_path, target_query; /* as they came; query: ptr NULL without a question mark */
    struct text body;
    struct text peer; /* the address of who is connected to us, as numbers */
    struct caller caller;
    struct route_values path, query;
    struct head head;

    /* The server's own. */
    struct http *http;
    struct connection *connection; /* NULL: the client has gone */
    struct http_head_reader head_reader;
    struct http_body_reader body_reader;
    struct buffer answer_headers; /* as they will be sent */
    bool is_head, is_whole, is_refused;
    struct route_use *use;   /* the route it took; NULL: none */
    struct json_t *document; /* what request_json gave out */
    int64_t started_us;      /* when it was whole */
    size_t held;             /* of the arena, as last weighed */
    LIST_ENTRY(request) all; /* those not answered */
};

struct text request_path_value(const struct request *request, const char *name);  /* {name}; never ptr NULL */
struct text request_query_value(const struct request *request, const char *name); /* ptr NULL: not given */
struct text request_header(const struct request *request, const char *name);      /* ptr NULL: not given */

/* Whether a Content-Type names this one, whatever parameters stand behind it. */
bool request_type_is(struct text type, const char *name);
/* False: the body is said to be something else than JSON, and the request has been answered (415). */
bool request_says_json(struct request *request);
/* The body as JSON, released with the request. NULL: it is none, and the request has been answered (400 or 415). */
const struct json_t *request_json(struct request *request);

#endif
