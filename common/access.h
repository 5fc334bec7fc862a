/* Who asks, and what they may.
 *
 * The idea to hold in mind: a caller is known by an API key (Authorization: Bearer) or by a session's cookie, else it
 * is anybody. Keys are held in memory and stay known while PostgreSQL is away; a key that is not known is looked for in
 * the store once more before it is refused, so a new one holds everywhere at once, and a revoked one no longer after
 * ACCESS_REFRESH_MS and a round trip. Sessions are looked up in the store and remembered for SESSION_CACHE_MS.
 *
 * A credential that does not hold is not the same as none: a wrong key is refused everywhere (401). A session that has
 * ended is none, since browsers send its cookie unasked. */
#ifndef KARCIS_ACCESS_H
#define KARCIS_ACCESS_H

#include <stdbool.h>
#include "common/keys.h"
#include "common/route.h"
#include "common/text.h"

struct access;
struct arena;
struct loop;
struct request;

#define SESSION_COOKIE "karcis_session"

/* Opens a connection to the store of its own, so that nobody's key waits for another's long list. `name`: the
 * program's. Reads the settings; ends the process (100) if TRUSTED_PROXIES cannot be read. */
struct access *access_open(struct loop *loop, const char *name);
/* Ends all that is being looked up, and so answers who waits. Accepts NULL. */
void access_close(struct access *access);
/* Its connection to PostgreSQL is up, or was, or could not be made: sessions are known, or are known not to be. */
bool access_was_tried(const struct access *access);

/* Finds out who asks, checks that they may, and not too often, and calls `proceed`, now or later; or answers. With
 * access NULL everybody is nobody in particular. */
typedef void access_proceed_fn(struct request *request);
void access_admit(struct access *access, struct request *request, enum route_who who, access_proceed_fn *proceed);

/* A key was made or revoked here: look now, not at the next turn. */
void access_refresh(struct access *access);
/* Sessions that have just ended; of the user, all. */
void access_forget_session(struct access *access, struct secret_hash token);
void access_forget_user(struct access *access, struct text user);
/* The password, or whatever else is tried, of `user` from the request's address: false, and answered (429), if that was
 * tried too often. What turns out to be right is given back. */
bool access_may_try(struct access *access, struct request *request, struct text user);
void access_was_right(struct access *access, struct request *request, struct text user);

/* ---- for handlers: what request->caller may ---- */

/* What is `user`'s alone: their payment links, their lists. A session sees its own user's; a client's or admin's key
 * all; others only if OPEN_READS says so. */
bool access_may_see(const struct request *request, struct text user);
/* Asks a session for what is another user's? There is nothing of that then (404). */
bool access_is_anothers(const struct request *request, struct text user);
/* 401 or 403, for who may not. */
void access_refuse(struct request *request);
/* A session's user acts for itself: where the body, an object, does not say `name`, it is that user. False: the body
 * says somebody else, and the request has been answered (403). Of others' bodies nothing is changed. */
bool access_user_of_body(struct request *request, const char *name);
/* May it act for this user? A session for its own alone. False: answered (403). */
bool access_may_act_for(struct request *request, struct text user);
/* A client's or the admin's key. */
bool access_is_trusted(const struct request *request);
/* An event's payload, or its fields, for this caller: without the tokens of payment links, which are somebody's, unless
 * the caller may see everybody's. */
struct text access_without_tokens(const struct request *request, struct text json);

/* ---- the rules ---- */

/* May a caller of this role use a route that asks for `who`? */
bool access_allows(enum route_who role, enum route_who who);
/* Of the Cookie header; ptr NULL: not given. */
struct text access_cookie(struct text header, const char *name);
/* Does a page of ours send this request, or no page at all? Every browser says from where a POST comes, with
 * Sec-Fetch-Site or Origin; who says neither is no browser, and has no cookie that it did not put in itself. `host` and
 * `base_url`: where we are. */
bool access_is_same_origin(struct text sec_fetch_site, struct text origin, struct text host, struct text base_url);
bool access_comes_from_elsewhere(const struct request *request); /* the same, of a request */

#endif
