/* A view: one thing the aggregator shows, in a file of its own with the SQL it needs. Adding one is a .c, a .sql, and a
 * line in serve.c.
 *
 * The idea to hold in mind: all views share one pipelined connection to PostgreSQL; each request is one group on it, so
 * many are under way at once and none waits for another's answer. A view only reads; watch, which shows
 * nothing, shares the connections and writes the two tables that it alone has. */
#ifndef KARCIS_VIEW_H
#define KARCIS_VIEW_H

#include <stdbool.h>
#include "common/json.h"
#include "common/route.h"
#include "common/store.h"
#include "common/text.h"

struct loop;
struct redis;
struct request;

struct sources {
    struct loop *loop;
    struct store *store;
    struct redis *redis;
};

struct view {
    const struct route *routes;                /* their context is the struct sources */
    const struct statement *const *statements; /* NULL-terminated */
    void (*start)(struct sources *sources);    /* may be NULL */
    void (*stop)(void);                        /* may be NULL */
};

extern const struct view shows, users, bookings, user_bookings, my_tickets, booking_history, seat_history, waitlist,
    invoices, stages, events, dead_letters, stats, gauges, live, watch;

/* One question of one request. */
struct query {
    struct request *request;
    struct json json;                       /* on_rows writes the answer here, */
    struct text tag;                        /* its ETag, if it has one; */
    bool is_tagged;                         /* the ETag is made of the answer; */
    const char *not_found;                  /* or says what there is not, */
    void (*elsewhere)(struct query *query); /* or who looks elsewhere then, and answers, */
    void (*once_more)(struct query *query); /* or asks this one, which answers; NULL: 404 */
    const void *context;                    /* the view's own */
};

typedef void view_rows_fn(const struct rows *rows, struct query *query);

/* Asks, and answers the request with what fn wrote (200), with 404, or with 503 if the store cannot be asked. */
void view_query(const struct sources *sources, struct request *request, const struct statement *statement,
                struct params *params, view_rows_fn *fn, const void *context);

/* A cursor of numbers separated by dots, which say where the last item of a page stands. False: it is not one of
 * `count` numbers, from 0 up. */
bool view_place(struct text cursor, size_t count, int64_t *const *numbers);

/* ?as_of=<RFC 3339>: microseconds since 1970; INT64_MAX: not given. False: it is no time, and the request has been
 * answered (422). */
bool view_as_of(struct request *request, int64_t *as_of_us);

/* "key":value, as most members are. */
void view_text(struct json *json, const char *key, struct text text);
void view_int(struct json *json, const char *key, int64_t number);
void view_column_text(struct json *json, const char *key, const struct rows *rows, size_t row, int field); /* or null */
void view_column_time(struct json *json, const char *key, const struct rows *rows, size_t row, int field); /* or null */

#endif
