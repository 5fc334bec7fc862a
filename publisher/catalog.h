/* The catalog: what can be booked. Shows and their seats are made, changed and taken away, each request in one
 * transaction (catalog.sql says how it keeps out of hold's way). catalog.c has the shows, catalog_seats.c the seats,
 * catalog_read.c what both can be, catalog_change.c how a change is answered. */
#ifndef KARCIS_CATALOG_H
#define KARCIS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/route.h"
#include "common/text.h"

struct json_t;
struct problems;
struct statement;

/* The routes; their context is the struct store, which has prepared the statements. */
extern const struct route catalog_routes[], catalog_seat_routes[];
extern const struct statement *const catalog_statements[], *const catalog_seat_statements[];

enum catalog_how {
    CATALOG_NEW,   /* POST: all that it needs must be there */
    CATALOG_WHOLE, /* PUT: what is not given is taken away; but seats stay as they are if nothing is said of them */
    CATALOG_PART   /* PATCH (RFC 7396): what is not given stays, what is null is taken away */
};

#define CATALOG_NAMES_MAX 8

struct catalog_show {
    struct text show_id;
    size_t name_count;
    struct text names[CATALOG_NAMES_MAX];               /* of the columns that change */
    struct text title, venue, time_zone, organizer_url; /* ptr NULL: not given */
    bool has_starts_at, has_doors_at;
    int64_t starts_at_us, doors_at_us;
    int64_t amount;
    struct text currency; /* ptr NULL: not given */
    bool is_general;      /* a capacity was given; a new show gets labels made here, 001 to 500 */
    size_t seat_count;    /* 0: nothing was said of seats */
    struct text *seats;
};

/* Reads what was sent; false, and the problems, if it cannot be a show. `id` is the one of the path or, of a new show
 * that brings none, the one it gets. */
bool catalog_read(const struct json_t *document, enum catalog_how how, struct text id, struct problems *problems,
                  struct catalog_show *show);

struct catalog_seat {
    struct text label;
    bool is_price_given, has_price; /* given and none: the show's */
    int64_t amount;
    struct text currency; /* ptr NULL: not given */
};

/* One seat; `label` as above, ptr NULL for a new one. */
bool catalog_read_seat(const struct json_t *document, enum catalog_how how, struct text label,
                       struct problems *problems, struct catalog_seat *seat);
/* New seats: one, or an array of different ones (*is_array). */
bool catalog_read_seats(const struct json_t *document, struct problems *problems, bool *is_array,
                        struct catalog_seat **seats, size_t *count);

#endif
