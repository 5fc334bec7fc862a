/* hold's working memory: what its loads bring, its decide works on and its stores take. Only hold's files see it. */
#ifndef KARCIS_TICKET_WORKER_HOLD_H
#define KARCIS_TICKET_WORKER_HOLD_H

#include "common/step.h"
#include "ticket-worker/request.h"

struct seat { /* as it was loaded; is_open also says whether this batch has taken it */
    int64_t seat_id, amount;
    uint64_t place;
    struct text show, label, owner; /* owner: the user whose booking has it; ptr NULL: nobody that is known */
    bool is_found, is_open, has_amount;
    bool is_relied_on;  /* somebody goes to the waitlist because it is taken, */
    bool is_waited_for; /* or wants it, though it is open, with one that is taken */
    struct uuid booking;
};

struct show { /* one that the batch asks for */
    struct text id, currency;
    int64_t amount;
    bool is_found, is_general, has_organizer;
    bool is_relied_on; /* somebody waits for any of its seats, or is refused for seats that it lacks */
    int64_t wanted;    /* any seats: how many are asked for */
    struct seat *any;  /* the first open ones */
    size_t any_count, any_next;
};

struct user {
    struct text name;
    bool is_found;
    bool asks_anew; /* not only what is known: the user must be there when it is stored */
};

struct known { /* the row of a request that came before */
    bool is_known, pays_by_link;
    int64_t fingerprint, amount, hold_expires_at_us, requested_at_us;
    struct text status, user, show, seats, currency, reason;
};

struct booking {        /* what the batch decided for a request that is new */
    const char *status; /* NULL: nothing to store */
    const char *reason;
    int64_t amount, hold_expires_at_us;
    struct text seats, seat_ids, currency;
};

struct hold_work {
    struct known *known;       /* one for each entry */
    struct booking *bookings;  /* one for each entry */
    struct seat *seats;        /* asked for by label, by (show, label) */
    struct seat **seats_by_id; /* those of them that were found */
    struct show *shows;        /* by id */
    struct user *users;        /* by name */
    size_t seat_count, seats_by_id_count, show_count, user_count;
};

static inline const struct request *request_of(const struct batch *batch, size_t i)
{
    return batch->entries[i]->detail;
}

/* A row of hold_known. */
struct known hold_read_known(struct arena *arena, const struct rows *rows, size_t row);
struct show *hold_find_show(struct hold_work *work, struct text id);
struct seat *hold_find_seat(struct hold_work *work, struct text show,
                            struct text label);                             /* one that the batch asks for */
struct seat *hold_find_seat_by_id(struct hold_work *work, int64_t seat_id); /* NULL: not asked for by label */
struct user *hold_find_user(struct hold_work *work, struct text name);

void hold_begin(struct batch *batch); /* collects what the batch asks about */
void hold_say_held(struct batch *batch, size_t i, const struct known *known);
/* What follows from a booking's row as hold left it; nothing, if the flow has gone on from there. */
void hold_say_what_follows(struct batch *batch, size_t i, const struct known *known);
extern const struct query hold_loads[], hold_stores[];

#endif
