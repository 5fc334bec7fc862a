/* POST, GET, DELETE /sessions: logging in, asking who one is, logging out. A session is a cookie with 256 random bits,
 * of which the store keeps the hash.
 *
 * The idea to hold in mind: nobody learns from an answer, or from the time it takes, whether it was the name or the
 * password that was wrong. */
#ifndef KARCIS_SESSIONS_H
#define KARCIS_SESSIONS_H

#include "common/route.h"
#include "common/text.h"

struct access;
struct arena;
struct statement;
struct store;

struct sessions_sources {
    struct store *store; /* has prepared the statements */
    struct access *access;
};

/* A Set-Cookie: only for us, only over TLS if `base_url` says that we are reached by it, never for scripts, and not
 * sent along by forms of other sites. */
struct text sessions_cookie(struct arena *arena, const char *base_url, struct text token, int max_age_s);

extern const struct route sessions_routes[]; /* their context is the struct sessions_sources */
extern const struct statement *const sessions_statements[];

#endif
