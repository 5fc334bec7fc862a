/* Which function answers which request: tables of method and path, and the reading of a path and a query.
 *
 * The idea to hold in mind: a path is cut at its slashes first and percent-decoded piece by piece afterwards, so a
 * %2F can never make a piece look like two. Nothing here does I/O. */
#ifndef KARCIS_ROUTE_H
#define KARCIS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"

struct arena;
struct request;

/* What a route asks for, and what a caller is (access.h says which fits which). */
enum route_who {
    ANYONE, /* no credential */
    USER,   /* a session's user, for what is theirs; or a client */
    GATE,   /* a gate's key: who checks tickets at the door */
    CLIENT, /* a client's key: a shop that acts for any user */
    ADMIN   /* the admin's key: everything */
};

/* Must answer exactly once, now or later (answer.h). */
typedef void route_handler(struct request *request, void *context);

struct route {
    const char *method;
    const char *path; /* "/shows/{id}/seats", "/tickets/{id}.pdf": {name} takes one piece, or its part */
    enum route_who who;
    route_handler *handler;
};

/* For people: "admin". */
const char *route_who_name(enum route_who who);

/* What a program does with each of its tables; `context` is what the table's handlers get. */
typedef void route_table_fn(void *to, const struct route *routes, void *context);

/* A named value, of a path or of a query, decoded: UTF-8 without U+0000. */
struct route_value {
    struct text name, value;
};

#define ROUTE_PIECES_MAX 8  /* the longest path of ours has 5 */
#define ROUTE_VALUES_MAX 16 /* more than any path or query of ours */

struct route_values {
    size_t count;
    struct route_value items[ROUTE_VALUES_MAX];
};

struct route_path {
    size_t count;
    struct text pieces[ROUTE_PIECES_MAX];
};

/* Cuts and decodes. False: not a path (no slash in front, broken escapes, not UTF-8, a zero byte). A path of more
 * pieces than any route has is cut to ROUTE_PIECES_MAX, which no route has either. */
bool route_path_parse(struct arena *arena, struct text path, struct route_path *parsed);
/* Does the path fit "/shows/{id}"? Fills values with what the names stand for. */
bool route_path_fits(const char *pattern, const struct route_path *path, struct route_values *values);
/* "a=1&b=x+y": false if an escape is broken, a name comes twice, or there are more than ROUTE_VALUES_MAX. */
bool route_query_parse(struct arena *arena, struct text query, struct route_values *values);
/* ptr NULL if there is none of that name. */
struct text route_value(const struct route_values *values, const char *name);

#endif
