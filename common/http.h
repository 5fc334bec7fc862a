/* Answering HTTP/1.1: a server that hands each request to the function its path and method stand for.
 *
 * The idea to hold in mind: handlers never wait. They read the request (request.h), start what must be asked elsewhere,
 * and answer (answer.h) then or from a later callback. How the server is made is told in http_inside.h. */
#ifndef KARCIS_HTTP_H
#define KARCIS_HTTP_H

#include "common/route.h"
#include "common/text.h"

struct http;
struct loop;
struct request;

struct http_options {
    const char *listen;                 /* host:port */
    const char *client_key, *admin_key; /* NULL or "": nobody has that role */
};

/* Listens from now on. Ends the process if it cannot. */
struct http *http_open(struct loop *loop, const struct http_options *options);
/* Adds a table that ends with {0}; the first route that fits wins. The table lives as long as the server. */
void http_add_routes(struct http *http, const struct route *routes, void *context);

/* Accepts no more and answers what is under way; `done` is called when that is over, or after
 * HTTP_STOP_MS; http_close may be called in it. */
void http_stop(struct http *http, void (*done)(void *context), void *context);
/* Closes everything at once. Requests not yet answered are gone, so close first what would answer them (redis_close and
 * store_close end all that is under way). Accepts NULL. */
void http_close(struct http *http);

/* What answer.c is made of. */
void http_set_header(struct request *request, const char *name, struct text value);
void http_send(struct request *request, int status, const char *content_type, struct text body);

#endif
