/* POST, GET, DELETE /api-keys: who holds a key to the system. A key is shown once, when it is made; what is kept is its
 * hash, so nobody can read it again. A revoked key stays in the list. */
#ifndef KARCIS_API_KEYS_H
#define KARCIS_API_KEYS_H

#include "common/route.h"

struct access;
struct statement;
struct store;

struct api_keys_sources {
    struct store *store; /* has prepared the statements */
    struct access *access;
};

extern const struct route api_keys_routes[]; /* their context is the struct api_keys_sources */
extern const struct statement *const api_keys_statements[];

#endif
