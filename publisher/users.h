/* POST, PATCH, PUT, DELETE /users: who can log in. A user's name is its identity and does not change; the rest does. */
#ifndef KARCIS_USERS_H
#define KARCIS_USERS_H

#include "common/route.h"
#include "common/text.h"

struct access;
struct body;
struct statement;
struct store;

struct users_sources {
    struct store *store; /* has prepared the statements */
    struct access *access;
};

/* A user's name in a body: `name`, or `username`, or both if they are the same. ptr NULL: not given, or refused. */
struct text users_read_name(const struct body *body);
void users_require_name(const struct body *body); /* one of the two */

extern const struct route users_routes[]; /* their context is the struct users_sources */
extern const struct statement *const users_statements[];

#endif
