/* Keys: all in memory, with their version; asked for every second, and at once when somebody brings an unknown one. All
 * who bring one while the store is being asked wait for the next question, for the present one may be older than their
 * key.
 *
 * Sessions: those found are remembered for a moment. Whoever ends one counts `endings` up, so that an answer that was
 * under way meanwhile is used, but not remembered. */
#include "common/access_store.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/access.sql.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/store.h"

struct key_search {
    struct secret_hash hash;
    access_found_fn *fn;
    void *context;
    struct key_search *next;
};

struct session {
    struct secret_hash token;
    int64_t known_until_us; /* 0: nothing is here */
    struct text user;       /* in `name` */
    char name[IDENTIFIER_BYTES_MAX];
};

struct session_search {
    struct access_store *owner;
    struct secret_hash token;
    uint64_t endings; /* when it was asked for */
    struct text user; /* ptr NULL: there is none */
    access_found_fn *fn;
    void *context;
    struct arena *arena;
};

struct access_store {
    struct store *store;
    struct loop_timer *timer;
    struct arena *arena; /* of the question under way */
    struct keys *keys, *coming;
    int64_t version, coming_version; /* of the keys; 0: none were read yet */
    bool is_asking, is_closing;
    struct key_search *asked, *waiting; /* whom the question under way answers, and the next */
    uint64_t endings;
    struct session sessions[SESSION_CACHE_COUNT];
};

/* ---- keys ---- */

static void add_setting(struct keys *keys, enum route_who role, const char *name, const char *value)
{
    const struct key key = {.hash = secret_hash(text_of(value)), .role = role, .name = text_of(name)};

    if (value && *value)
        keys_add(keys, &key);
}

/* Where nobody has made keys yet, those of the environment make the first. */
static struct keys *keys_of_settings(void)
{
    struct keys *keys = keys_new();

    add_setting(keys, ADMIN, "ADMIN_KEY", config()->admin_key);
    add_setting(keys, CLIENT, "CLIENT_KEY", config()->client_key);
    return keys;
}

static bool tell_if_known(const struct access_store *store, const struct key_search *search)
{
    const struct key *key = keys_find(store->keys, &search->hash);

    if (key)
        search->fn(ACCESS_KNOWN, key->role, key->name, search->context);
    return key != NULL;
}

/* Answering one may bring the next, who is put into `waiting`. */
static void tell_all(struct access_store *store, struct key_search *list, enum access_found otherwise)
{
    for (struct key_search *search = list, *next; search; search = next) {
        next = search->next;
        if (!tell_if_known(store, search))
            search->fn(otherwise, ANYONE, TEXT_NONE, search->context);
    }
}

static void end_question(struct access_store *store, bool has_answer)
{
    struct key_search *asked = store->asked;

    store->is_asking = false;
    store->asked = NULL;
    tell_all(store, asked, has_answer ? ACCESS_UNKNOWN : ACCESS_UNSURE);
    loop_timer_set(store->timer, store->waiting ? 0 : ACCESS_REFRESH_MS);
}

static enum route_who role_named(struct text name)
{
    if (text_is(name, "admin"))
        return ADMIN;
    return text_is(name, "client") ? CLIENT : GATE;
}

static void on_keys(const struct rows *rows, void *context)
{
    struct access_store *store = context;
    struct key key;

    store->coming = keys_of_settings();
    for (size_t row = 0; row < rows_count(rows); row++) {
        key = (struct key){.role = role_named(rows_text(rows, row, 1)), .name = rows_text(rows, row, 2)};
        if (secret_hash_parse(rows_text(rows, row, 3), &key.hash))
            keys_add(store->coming, &key);
    }
}

static void on_keys_read(struct store *connection, const struct store_failure *failure, void *context)
{
    struct access_store *store = context;

    (void)connection;
    if (store->coming && !failure) {
        keys_free(store->keys);
        store->keys = store->coming;
        store->version = store->coming_version;
    } else {
        keys_free(store->coming);
    }
    store->coming = NULL;
    end_question(store, !failure);
}

static void on_version(const struct rows *rows, void *context)
{
    struct access_store *store = context;

    store->coming_version = rows_int(rows, 0, 0);
}

static void on_version_read(struct store *connection, const struct store_failure *failure, void *context)
{
    struct access_store *store = context;

    if (failure || store->coming_version == store->version || !store_is_up(connection)) {
        end_question(store, !failure && store->coming_version == store->version);
        return;
    }
    store_send(connection, SQL(access_keys), params_new(store->arena), on_keys, store);
    store_sync(connection, on_keys_read, store);
}

void access_store_refresh(struct access_store *store)
{
    struct key_search *waiting = store->waiting;

    if (store->is_asking)
        return;
    store->waiting = NULL;
    if (store->is_closing || !store_is_up(store->store)) {
        tell_all(store, waiting, ACCESS_UNSURE);
        loop_timer_set(store->timer, ACCESS_REFRESH_MS);
        return;
    }
    store->is_asking = true;
    store->asked = waiting;
    arena_reset(store->arena);
    store->coming_version = 0;
    store_send(store->store, SQL(access_version), params_new(store->arena), on_version, store);
    store_sync(store->store, on_version_read, store);
}

void access_store_find_key(struct access_store *store, struct arena *arena, struct secret_hash hash,
                           access_found_fn *fn, void *context)
{
    struct key_search *search = ARENA_NEW(arena, struct key_search);

    *search = (struct key_search){hash, fn, context, store->waiting};
    if (tell_if_known(store, search))
        return;
    store->waiting = search;
    access_store_refresh(store);
}

/* ---- sessions ---- */

static struct session *place_of(struct access_store *store, struct secret_hash token)
{
    uint64_t start;

    memcpy(&start, token.bytes, sizeof start);
    return &store->sessions[start % SESSION_CACHE_COUNT];
}

static void remember(struct access_store *store, struct secret_hash token, struct text user)
{
    struct session *session = place_of(store, token);

    if (user.len > sizeof session->name)
        return;
    session->token = token;
    session->known_until_us = clock_monotonic_us() + SESSION_CACHE_MS * 1000LL;
    memcpy(session->name, user.ptr, user.len);
    session->user = (struct text){session->name, user.len};
}

static void on_session(const struct rows *rows, void *context)
{
    struct session_search *search = context;

    if (rows_count(rows))
        search->user = text_copy(search->arena, rows_text(rows, 0, 0));
}

static void on_session_read(struct store *connection, const struct store_failure *failure, void *context)
{
    struct session_search *search = context;

    (void)connection;
    if (failure) {
        search->fn(ACCESS_UNSURE, ANYONE, TEXT_NONE, search->context);
    } else if (!search->user.ptr) {
        search->fn(ACCESS_UNKNOWN, ANYONE, TEXT_NONE, search->context);
    } else {
        if (search->endings == search->owner->endings)
            remember(search->owner, search->token, search->user);
        search->fn(ACCESS_KNOWN, USER, search->user, search->context);
    }
}

void access_store_find_session(struct access_store *store, struct arena *arena, struct secret_hash token,
                               access_found_fn *fn, void *context)
{
    const struct session *session = place_of(store, token);
    struct session_search *search;
    struct params *params;

    if (session->known_until_us > clock_monotonic_us() &&
        sodium_memcmp(session->token.bytes, token.bytes, sizeof token.bytes) == 0) {
        fn(ACCESS_KNOWN, USER, session->user, context);
        return;
    }
    if (!store_is_up(store->store)) {
        fn(ACCESS_UNSURE, ANYONE, TEXT_NONE, context);
        return;
    }
    search = ARENA_NEW(arena, struct session_search);
    *search = (struct session_search){store, token, store->endings, TEXT_NONE, fn, context, arena};
    params = params_new(arena);
    params_text(params, secret_hash_text(arena, token));
    store_send(store->store, SQL(access_session), params, on_session, search);
    store_sync(store->store, on_session_read, search);
}

void access_store_forget_session(struct access_store *store, struct secret_hash token)
{
    struct session *session = place_of(store, token);

    store->endings++;
    if (sodium_memcmp(session->token.bytes, token.bytes, sizeof token.bytes) == 0)
        session->known_until_us = 0;
}

void access_store_forget_user(struct access_store *store, struct text user)
{
    store->endings++;
    for (size_t i = 0; i < SESSION_CACHE_COUNT; i++)
        if (text_equal(store->sessions[i].user, user))
            store->sessions[i].known_until_us = 0;
}

bool access_store_was_tried(const struct access_store *store)
{
    return store_was_tried(store->store);
}

/* ---- its life ---- */

static void on_timer(void *context)
{
    access_store_refresh(context);
}

static void on_state(struct store *connection, bool is_up, void *context)
{
    struct access_store *store = context;

    (void)connection;
    if (is_up && store->store)
        access_store_refresh(store);
}

static const struct statement *const statements[] = {SQL(access_version), SQL(access_keys), SQL(access_session), NULL};

struct access_store *access_store_open(struct loop *loop, const char *name)
{
    struct access_store *store = calloc(1, sizeof *store);

    if (!store)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    store->keys = keys_of_settings();
    store->arena = arena_new();
    store->timer = loop_timer_new(loop, on_timer, store);
    loop_timer_set(store->timer, ACCESS_REFRESH_MS);
    store->store = store_open(loop, &(struct store_options){.url = config()->database_url,
                                                            .name = name,
                                                            .statements = statements,
                                                            .on_state = on_state,
                                                            .context = store});
    return store;
}

void access_store_close(struct access_store *store)
{
    if (!store)
        return;
    store->is_closing = true;
    store_close(store->store);
    access_store_refresh(store); /* answers who waits for the next question */
    loop_timer_free(store->timer);
    keys_free(store->keys);
    arena_free(store->arena);
    free(store);
}
