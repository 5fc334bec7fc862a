/* One connection to PostgreSQL on the event loop, in libpq's pipeline mode: statements are queued without waiting,
 * their answers come in order, nothing blocks.
 *
 * The idea to hold in mind: a *group* is what stands between two store_sync calls. Its statements travel together (one
 * round trip); either all of them succeed, or the first failure skips the rest of the group, and store_sync's callback
 * gets that failure. A group that is not inside store_begin..store_commit is a transaction of its own. When the
 * connection is lost, every group under way ends with STORE_LOST: unknown, it may or may not have been committed.
 *
 * Statements are prepared when the connection comes up (a schema that does not fit is found at the start, not on the
 * first booking). Parameters and results are binary; parameters are never put into SQL text. */
#ifndef KARCIS_STORE_H
#define KARCIS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/id.h"
#include "common/text.h"

struct arena;
struct loop;
struct store;

/* A statement from a .sql file: the build turns "-- name: hold_seats" in ticket-worker/hold_load.sql into a constant
 * hold_seats in "ticket-worker/hold_load.sql.h", used as SQL(hold_seats). Names are unique in a program. */
struct statement {
    const char *name;
    const char *text;
};
#define SQL(symbol) (&(const struct statement){#symbol, symbol##_sql})

/* ---- parameters ---- */
struct params; /* of one statement, in an arena; $1 first */

struct params *params_new(struct arena *arena);
void params_text(struct params *params, struct text value); /* ptr NULL: SQL NULL */
void params_int16(struct params *params, int16_t value);
void params_int64(struct params *params, int64_t value);
void params_uuid(struct params *params, struct uuid value);
void params_time(struct params *params, int64_t time_us); /* timestamptz, microseconds since 1970 */
void params_bool(struct params *params, bool value);

/* Arrays, for unnest($1::text[]) or = ANY($1::uuid[]): open one, add its elements, go on with the next parameter. */
enum column_type {
    COLUMN_TEXT,
    COLUMN_UUID,
    COLUMN_INT64,
    COLUMN_INT32,
    COLUMN_INT16,
    COLUMN_TIME,
    COLUMN_PLACE,
    COLUMN_BOOL
};
struct column; /* an array under construction */
struct column *params_column(struct params *params, enum column_type type);
void column_text(struct column *column, struct text value); /* ptr NULL: NULL */
void column_uuid(struct column *column, struct uuid value);
void column_int(struct column *column, int64_t value); /* INT64, INT32, INT16 */
void column_bool(struct column *column, bool value);
void column_time(struct column *column, int64_t time_us);
void column_place(struct column *column, uint64_t place);
void column_null(struct column *column);
size_t column_count(const struct column *column);

/* ---- results ---- */
struct rows; /* valid during the callback */

size_t rows_count(const struct rows *rows);
bool rows_is_null(const struct rows *rows, size_t row, int field);
struct text rows_text(const struct rows *rows, size_t row, int field); /* text, json, enum: bytes as they are */
int64_t rows_int(const struct rows *rows, size_t row, int field);      /* int2, int4, int8 */
bool rows_bool(const struct rows *rows, size_t row, int field);
double rows_double(const struct rows *rows, size_t row, int field); /* float8 */
int64_t rows_time(const struct rows *rows, size_t row, int field);  /* timestamptz, microseconds since 1970 */
struct uuid rows_uuid(const struct rows *rows, size_t row, int field);
uint64_t rows_place(const struct rows *rows, size_t row, int field); /* tid: where a row was just seen */
/* bigint[] without NULLs, in the arena. */
const int64_t *rows_int_array(const struct rows *rows, size_t row, int field, struct arena *arena, size_t *count);

/* ---- the connection ---- */
enum store_result {
    STORE_OK,
    STORE_LOST,     /* the connection went away: unknown outcome */
    STORE_AWAY,     /* the server cannot now (shutting down, too many connections, read-only, out of disk or memory,
                       cancelled) */
    STORE_CONFLICT, /* another transaction was faster: 40001, 40P01, 23505, 55P03: run it again */
    STORE_BAD_DATA, /* 22xxx, 23xxx and other refusals that this data will always meet */
    STORE_BROKEN    /* our SQL or rights: 42xxx and the like */
};

#define STORE_REFUSED "KR001" /* the sqlstate of karcis.refuse_if; the message is its code */

struct store_failure {
    enum store_result result;
    char sqlstate[6];
    char message[300]; /* first line, without data from other rows */
};

typedef void store_rows_fn(const struct rows *rows, void *context);
/* failure is NULL when the group succeeded. */
typedef void store_done_fn(struct store *store, const struct store_failure *failure, void *context);
typedef void store_state_fn(struct store *store, bool is_up, void *context);

struct store_options {
    const char *url;                           /* postgres://… or key=value; the session's settings are added */
    const char *name;                          /* application_name */
    const struct statement *const *statements; /* prepared at once; NULL-terminated; lives as long as the store */
    store_state_fn *on_state;                  /* may be NULL */
    void *context;
    int64_t statement_ms; /* no answer for so long: it is lost; 0: STORE_STATEMENT_MS */
    uint64_t life_lock;   /* not 0: the session holds this advisory lock while it lives, as a proof of life */
};

struct store *store_open(struct loop *loop, const struct store_options *options);
void store_close(struct store *store); /* accepts NULL; groups under way end with STORE_LOST first */
bool store_is_up(const struct store *store);
bool store_was_tried(const struct store *store); /* it is up, or was, or could not be: its first try has ended */
bool store_is_idle(const struct store *store);   /* nothing under way */
const char *store_last_error(const struct store *store);

/* All of these may only be called while the store is up; they queue and return. */
void store_begin(struct store *store);
void store_send(struct store *store, const struct statement *statement, struct params *params, store_rows_fn *fn,
                void *context); /* fn may be NULL; called only if the statement succeeded */
void store_commit(struct store *store);
void store_rollback(struct store *store);
void store_sync(struct store *store, store_done_fn *fn, void *context);
/* Drops the connection and connects again. */
void store_reconnect(struct store *store, const char *why);

#endif
