/* POST, GET, DELETE /sessions: logging in, asking who one is, logging out. A session is a cookie with 256 random bits,
 * of which the store keeps the hash.
 *
 * The idea to hold in mind: nobody learns from an answer, or from the time it takes, whether it was the name or the
 * password that was wrong. */
#ifndef KARCIS_SESSIONS_H
#define KARCIS_SESSIONS_H

#include "common/route.h"

struct access;
struct statement;
struct store;

struct sessions_sources {
    struct store *store; /* has prepared the statements */
    struct access *access;
};

extern const struct route sessions_routes[]; /* their context is the struct sessions_sources */
extern const struct statement *const sessions_statements[];

#endif
