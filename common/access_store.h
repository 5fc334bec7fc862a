/* What access asks the store: the keys, whenever they have changed, and sessions, one by one. */
#ifndef KARCIS_ACCESS_STORE_H
#define KARCIS_ACCESS_STORE_H

#include "common/keys.h"

struct access_store;
struct loop;

struct access_store *access_store_open(struct loop *loop, const char *name);
void access_store_close(struct access_store *store);           /* answers who waits; accepts NULL */
bool access_store_was_tried(const struct access_store *store); /* as store_was_tried */

enum access_found {
    ACCESS_KNOWN,
    ACCESS_UNKNOWN,
    ACCESS_UNSURE /* the store cannot be asked */
};

/* `name`: a key's or a session's user's; valid during the call. `role`: USER for a session. */
typedef void access_found_fn(enum access_found found, enum route_who role, struct text name, void *context);
/* Calls fn, now or later. The waiting place is in the arena, which lives until then. */
void access_store_find_key(struct access_store *store, struct arena *arena, struct secret_hash hash,
                           access_found_fn *fn, void *context);
void access_store_find_session(struct access_store *store, struct arena *arena, struct secret_hash token,
                               access_found_fn *fn, void *context);

void access_store_refresh(struct access_store *store);
void access_store_forget_session(struct access_store *store, struct secret_hash token);
void access_store_forget_user(struct access_store *store, struct text user);

#endif
