/* POST, PATCH, PUT, DELETE /users: who can log in. A user's name is its identity and does not change; the rest does. */
#ifndef KARCIS_USERS_H
#define KARCIS_USERS_H

#include "common/route.h"

struct access;
struct statement;
struct store;

struct users_sources {
    struct store *store; /* has prepared the statements */
    struct access *access;
};

extern const struct route users_routes[]; /* their context is the struct users_sources */
extern const struct statement *const users_statements[];

#endif
