/* Which handler a request goes to, and whether its sender may: tables of routes with what each asks of a sender.
 *
 * The idea to hold in mind: nothing here knows how a request came in; the server (http.c) reads requests and sends
 * answers, this decides who answers. */
#ifndef KARCIS_DISPATCH_H
#define KARCIS_DISPATCH_H

#include "common/route.h"

struct access;
struct dispatch;
struct request;

/* access may be NULL: nobody is known. */
struct dispatch *dispatch_new(struct access *access);
void dispatch_free(struct dispatch *dispatch);
/* A table that ends with {0} and lives as long as the dispatch; the first route that fits wins. */
void dispatch_add_routes(struct dispatch *dispatch, const struct route *routes, void *context);

/* Hands it to its handler, now or once it is known who asks, or answers what is wrong with its path, query, method or
 * caller. */
void dispatch_request(struct dispatch *dispatch, struct request *request);
/* Counted and timed by route; each request once. */
void dispatch_note_answer(struct request *request, int status);

#endif
