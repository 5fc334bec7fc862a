/* POST /shows: what can be booked. A show and all its seats come into being in one statement. */
#ifndef KARCIS_CATALOG_H
#define KARCIS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/route.h"
#include "common/text.h"

struct json;
struct json_t;
struct problems;
struct statement;

/* The routes; their context is the struct store, which has prepared the statements. */
extern const struct route catalog_routes[];
extern const struct statement *const catalog_statements[];

struct catalog_show {
    struct text show_id;
    struct text title, venue, time_zone, organizer_url; /* ptr NULL: not given */
    bool has_starts_at, has_doors_at;
    int64_t starts_at_us, doors_at_us;
    int64_t amount;
    struct text currency;
    bool is_general; /* general admission: labels made here, 001 to 500 */
    size_t seat_count;
    struct text *seats;
};

/* Reads what was sent; false, and the problems, if it cannot be a show. A show without an id gets `new_id`. */
bool catalog_read(const struct json_t *document, struct text new_id, struct problems *problems,
                  struct catalog_show *show);
/* The show as it is shown, all seats open. */
void catalog_write(struct json *json, const struct catalog_show *show);

#endif
