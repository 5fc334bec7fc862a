/* One change of the catalog under way: from its request to its answer.
 *
 * The idea to hold in mind: its statements travel as one group, which is one transaction, so none can be left out
 * because of what another found. One that finds that nothing may change ends the transaction (karcis.refuse_if), and
 * those that find no show change nothing. There is no BEGIN: a transaction that was refused would stay open for a
 * moment, and other requests share the connection. */
#ifndef KARCIS_CATALOG_CHANGE_H
#define KARCIS_CATALOG_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include "common/etag.h"
#include "common/json.h"
#include "common/text.h"
#include "publisher/catalog.h"

struct params;
struct request;
struct store;

struct change {
    struct request *request;
    struct store *store;
    const char *what;       /* for the log: "show changed" */
    struct text show, seat; /* seat: ptr NULL if it is none */
    bool is_show_found, is_seat_found;
    bool is_list;         /* the answer is a list of seats, */
    size_t seat_count;    /* of so many */
    int status;           /* of the answer, if all goes well; 204: without a body */
    const char *location; /* of what was made; NULL: nothing was */
    struct json json;
    struct text tag;
    struct etags if_match;
};

/* Begins the transaction and locks the show. NULL: it cannot be begun, and the request has been answered. */
struct change *change_begin(struct request *request, struct store *store, const char *what, int status);
/* The same, but for a show that is not there yet: nothing is locked. */
struct change *change_begin_new(struct request *request, struct store *store, const char *what, struct text show);
/* Parameters whose first is the show. */
struct params *change_params(const struct change *change);
void change_send(struct change *change, const struct statement *statement, struct params *params);
/* The statement tells by a row that the seat is there. */
void change_send_to_seat(struct change *change, const struct statement *statement, struct params *params);
/* Before anything is taken away that somebody could wait for. */
void change_stop_waiting(struct change *change);
/* They stand behind those that are there. */
void change_add_seats(struct change *change, const struct catalog_seat *seats, size_t count, bool must_be_new);
/* What the show, or these seats, have become is the answer. */
void change_show_show(struct change *change);
void change_show_seats(struct change *change, const struct catalog_seat *seats, size_t count);
/* Commits, and answers. */
void change_end(struct change *change);

extern const struct statement *const change_statements[];

#endif
