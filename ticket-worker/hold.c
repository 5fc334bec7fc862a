/* hold: a booking asks for seats and gets all of them or none. Requests are decided one after the other in the order in
 * which they arrived (the engine sees to that), so of two that want one seat the earlier wins. Every request leaves a
 * row in bookings: HELD, RESERVED (its organizer must be asked first), WAITLISTED or REJECTED. */
#include "ticket-worker/steps.h"

#include <assert.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/config.h"
#include "ticket-worker/closed.h"
#include "ticket-worker/hold.sql.h"
#include "ticket-worker/request.h"

struct seat { /* as it was loaded; is_open also says whether this batch has taken it */
    int64_t seat_id, amount;
    uint64_t place;
    struct text show, label;
    bool is_found, is_open, has_amount;
    bool is_relied_on; /* somebody goes to the waitlist because it is taken */
    struct uuid booking;
};

struct show { /* one that the batch asks for */
    struct text id, currency;
    int64_t amount;
    bool is_found, is_general, has_organizer;
    int64_t wanted;   /* any seats: how many are asked for */
    struct seat *any; /* the first open ones */
    size_t any_count, any_next;
};

struct user {
    struct text name;
    bool is_found;
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

static const struct request *request_of(const struct batch *batch, size_t i)
{
    return batch->entries[i]->detail;
}

/* Where in a show open seats were last found. Only where the search begins: a wrong one costs time, not a seat. */
#define SEARCHES_MAX 64

static struct search {
    uint64_t show; /* hash of its id; shows that share a place take turns */
    int64_t position;
} searches[SEARCHES_MAX];

static struct search *search_of(struct text show)
{
    const uint64_t hash = content_hash(&show, 1);
    struct search *search = &searches[hash % SEARCHES_MAX];

    if (search->show != hash)
        *search = (struct search){.show = hash};
    return search;
}

/* ---- what the batch asks about: sorted lists without repetition ---- */

static int compare_seats(const void *a, const void *b)
{
    const struct seat *x = a, *y = b;
    const int order = text_compare(x->show, y->show);

    return order ? order : text_compare(x->label, y->label);
}

static int compare_shows(const void *a, const void *b)
{
    return text_compare(((const struct show *)a)->id, ((const struct show *)b)->id);
}

static int compare_users(const void *a, const void *b)
{
    return text_compare(((const struct user *)a)->name, ((const struct user *)b)->name);
}

/* Sorts and drops repetitions; how many are left. */
static size_t unique(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    char *items = list;
    size_t left = 0;

    qsort(items, count, size, compare);
    for (size_t i = 0; i < count; i++)
        if (left == 0 || compare(items + (left - 1) * size, items + i * size) != 0)
            memmove(items + left++ * size, items + i * size, size);
    return left;
}

static struct show *find_show(struct hold_work *work, struct text id)
{
    return bsearch(&(struct show){.id = id}, work->shows, work->show_count, sizeof *work->shows, compare_shows);
}

static struct seat *find_seat(struct hold_work *work, struct text show, struct text label)
{
    return bsearch(&(struct seat){.show = show, .label = label}, work->seats, work->seat_count, sizeof *work->seats,
                   compare_seats);
}

static struct user *find_user(struct hold_work *work, struct text name)
{
    return bsearch(&(struct user){.name = name}, work->users, work->user_count, sizeof *work->users, compare_users);
}

static void begin(struct batch *batch)
{
    struct hold_work *work = batch->work;

    work->known = ARENA_ARRAY(batch->arena, struct known, batch->count);
    work->bookings = ARENA_ARRAY(batch->arena, struct booking, batch->count);
    work->shows = ARENA_ARRAY(batch->arena, struct show, batch->count);
    work->users = ARENA_ARRAY(batch->arena, struct user, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        work->seat_count += request_of(batch, i)->label_count;
    work->seats = ARENA_ARRAY(batch->arena, struct seat, work->seat_count + 1);
    work->seats_by_id = ARENA_ARRAY(batch->arena, struct seat *, work->seat_count + 1);
    work->seat_count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct request *request = request_of(batch, i);
        const struct text show = entry_value(batch, i, REQUEST_SHOW)->text;

        work->shows[i].id = show;
        work->users[i].name = entry_value(batch, i, REQUEST_USER)->text;
        for (size_t label = 0; label < request->label_count; label++)
            work->seats[work->seat_count++] = (struct seat){.show = show, .label = request->labels[label]};
    }
    work->show_count = unique(work->shows, batch->count, sizeof *work->shows, compare_shows);
    work->user_count = unique(work->users, batch->count, sizeof *work->users, compare_users);
    work->seat_count = unique(work->seats, work->seat_count, sizeof *work->seats, compare_seats);
    for (size_t i = 0; i < batch->count; i++)
        if (request_of(batch, i)->label_count == 0)
            find_show(work, entry_value(batch, i, REQUEST_SHOW)->text)->wanted += request_of(batch, i)->quantity;
}

/* ---- loading ---- */

static bool bind_keys(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

static void take_known(struct batch *batch, const struct rows *rows)
{
    struct hold_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        size_t i;

        if (!batch_find(batch, rows_uuid(rows, row, 0), &i))
            continue;
        work->known[i] = (struct known){
            .is_known = true,
            .fingerprint = rows_int(rows, row, 1),
            .status = text_copy(batch->arena, rows_text(rows, row, 2)),
            .user = text_copy(batch->arena, rows_text(rows, row, 3)),
            .show = text_copy(batch->arena, rows_text(rows, row, 4)),
            .seats = text_copy(batch->arena, rows_text(rows, row, 5)),
            .amount = rows_int(rows, row, 6),
            .currency = text_copy(batch->arena, rows_text(rows, row, 7)),
            .hold_expires_at_us = rows_time(rows, row, 8),
            .pays_by_link = rows_bool(rows, row, 9),
            .reason = text_copy(batch->arena, rows_text(rows, row, 10)),
            .requested_at_us = rows_time(rows, row, 11),
        };
    }
}

static bool bind_shows(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < work->show_count; i++)
        column_text(ids, work->shows[i].id);
    return true;
}

static void take_shows(struct batch *batch, const struct rows *rows)
{
    for (size_t row = 0; row < rows_count(rows); row++) {
        struct show *show = find_show(batch->work, rows_text(rows, row, 0));

        show->is_found = true;
        show->amount = rows_int(rows, row, 1);
        show->currency = text_copy(batch->arena, rows_text(rows, row, 2));
        show->is_general = rows_bool(rows, row, 3);
        show->has_organizer = !rows_is_null(rows, row, 4);
    }
}

static bool bind_users(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *names = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < work->user_count; i++)
        column_text(names, work->users[i].name);
    return true;
}

static void take_users(struct batch *batch, const struct rows *rows)
{
    for (size_t row = 0; row < rows_count(rows); row++)
        find_user(batch->work, rows_text(rows, row, 0))->is_found = true;
}

static bool bind_seats(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *shows = params_column(params, COLUMN_TEXT), *labels = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < work->seat_count; i++) {
        column_text(shows, work->seats[i].show);
        column_text(labels, work->seats[i].label);
    }
    return work->seat_count > 0;
}

static int compare_seat_ids(const void *a, const void *b)
{
    const struct seat *x = *(struct seat *const *)a, *y = *(struct seat *const *)b;

    return (x->seat_id > y->seat_id) - (x->seat_id < y->seat_id);
}

static void take_seats(struct batch *batch, const struct rows *rows)
{
    struct hold_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        struct seat *seat = &work->seats[rows_int(rows, row, 0) - 1];

        seat->is_found = true;
        seat->seat_id = rows_int(rows, row, 1);
        seat->place = rows_place(rows, row, 2);
        seat->is_open = rows_bool(rows, row, 3);
        seat->has_amount = !rows_is_null(rows, row, 4);
        seat->amount = rows_int(rows, row, 4);
        work->seats_by_id[work->seats_by_id_count++] = seat;
    }
    qsort(work->seats_by_id, work->seats_by_id_count, sizeof *work->seats_by_id, compare_seat_ids);
}

/* Some of the open seats may go to requests of this batch that name them: so many more are loaded. */
static bool bind_any(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *shows = params_column(params, COLUMN_TEXT), *quantities = params_column(params, COLUMN_INT64),
                  *positions = params_column(params, COLUMN_INT32);
    bool is_needed = false;

    for (size_t i = 0; i < work->show_count; i++) {
        const struct show *show = &work->shows[i];

        if (show->wanted == 0)
            continue;
        column_text(shows, show->id);
        column_int(quantities, show->wanted + (int64_t)work->seat_count);
        column_int(positions, search_of(show->id)->position);
        is_needed = true;
    }
    return is_needed;
}

/* Statements count only the shows that were asked about. */
static struct show *nth_wanted(struct hold_work *work, int64_t place)
{
    for (size_t i = 0; i < work->show_count; i++)
        if (work->shows[i].wanted > 0 && --place == 0)
            return &work->shows[i];
    return NULL;
}

static void take_any(struct batch *batch, const struct rows *rows)
{
    struct hold_work *work = batch->work;
    struct seat *seats = ARENA_ARRAY(batch->arena, struct seat, rows_count(rows) + 1);
    struct show *show = NULL;

    for (size_t row = 0; row < rows_count(rows); row++) {
        if (row == 0 || rows_int(rows, row, 0) != rows_int(rows, row - 1, 0)) {
            show = nth_wanted(work, rows_int(rows, row, 0));
            show->any = &seats[row];
            search_of(show->id)->position = rows_int(rows, row, 5);
        }
        show->any_count++;
        seats[row] = (struct seat){
            .seat_id = rows_int(rows, row, 1),
            .place = rows_place(rows, row, 2),
            .show = show->id,
            .label = text_copy(batch->arena, rows_text(rows, row, 3)),
            .has_amount = !rows_is_null(rows, row, 4),
            .amount = rows_int(rows, row, 4),
            .is_found = true,
            .is_open = true,
        };
    }
}

/* ---- deciding ---- */

/* The next seat of the show that nobody has; one that the batch also knows by its label is that seat, not a copy. */
static struct seat *next_any(struct hold_work *work, struct show *show, size_t *at)
{
    while (*at < show->any_count) {
        struct seat *seat = &show->any[(*at)++], **named;

        named = bsearch(&seat, work->seats_by_id, work->seats_by_id_count, sizeof *work->seats_by_id, compare_seat_ids);
        if (named)
            seat = *named;
        if (seat->is_open)
            return seat;
    }
    return NULL;
}

/* The seats that the request would get, all open; 0 if it cannot have all of them now. Sets *unknown if one does not
 * exist. */
static size_t choose(struct batch *batch, size_t i, struct show *show, struct seat **chosen, bool *unknown)
{
    struct hold_work *work = batch->work;
    const struct request *request = request_of(batch, i);
    size_t count = 0, at = show->any_next;
    bool all_open = true;

    for (; count < request->label_count; count++) {
        chosen[count] = find_seat(work, show->id, request->labels[count]);
        *unknown = *unknown || !chosen[count]->is_found;
        all_open = all_open && chosen[count]->is_open;
    }
    for (; count < (size_t)request->quantity; count++) {
        chosen[count] = next_any(work, show, &at);
        if (!chosen[count])
            return 0;
    }
    show->any_next = at;
    return all_open ? count : 0;
}

static void take(struct batch *batch, size_t i, struct show *show, struct seat **chosen, size_t count)
{
    struct booking *booking = &((struct hold_work *)batch->work)->bookings[i];
    char *labels = arena_alloc_raw(batch->arena, count * (SEAT_LABEL_BYTES_MAX + 1)), *label_end = labels;
    char *ids = arena_alloc_raw(batch->arena, count * 21), *id_end = ids;

    for (size_t s = 0; s < count; s++) {
        const struct text id = text_of_int64(batch->arena, chosen[s]->seat_id);

        chosen[s]->is_open = false;
        chosen[s]->booking = batch->entries[i]->key;
        booking->amount += chosen[s]->has_amount ? chosen[s]->amount : show->amount;
        if (s > 0)
            *label_end++ = *id_end++ = ',';
        memcpy(label_end, chosen[s]->label.ptr, chosen[s]->label.len);
        label_end += chosen[s]->label.len;
        memcpy(id_end, id.ptr, id.len);
        id_end += id.len;
    }
    booking->seats = (struct text){labels, (size_t)(label_end - labels)};
    booking->seat_ids = (struct text){ids, (size_t)(id_end - ids)};
    booking->hold_expires_at_us = batch->now_us + config()->hold_ttl_s * 1000000;
    booking->status = show->has_organizer ? "RESERVED" : "HELD";
}

static struct text asked_seats(struct batch *batch, size_t i)
{
    const struct request *request = request_of(batch, i);
    char *list = arena_alloc_raw(batch->arena, BOOKING_SEATS_MAX * (SEAT_LABEL_BYTES_MAX + 1)), *end = list;

    for (size_t s = 0; s < request->label_count; s++) {
        if (s > 0)
            *end++ = ',';
        memcpy(end, request->labels[s].ptr, request->labels[s].len);
        end += request->labels[s].len;
    }
    return (struct text){list, (size_t)(end - list)};
}

static void say_held(struct batch *batch, size_t i, const struct known *known)
{
    const bool is_reserved = text_is(known->status, "RESERVED");
    struct fact *event = say(batch, i, is_reserved ? SEAT_RESERVED : SEAT_HELD, is_reserved ? "reserved" : "held");

    say_field(batch, event, "user", known->user);
    say_field(batch, event, "show", known->show);
    say_field(batch, event, "seats", known->seats);
    say_field(batch, event, "amount", text_of_int64(batch->arena, known->amount));
    say_field(batch, event, "currency", known->currency);
    say_field(batch, event, "hold_expires_at", time_text(batch->arena, known->hold_expires_at_us / 1000));
    say_field(batch, event, "payment", known->pays_by_link ? TEXT("link") : TEXT("auto"));
}

/* What follows from a booking's row as hold left it; nothing, if the flow has gone on from there. */
static void say_what_follows(struct batch *batch, size_t i, const struct known *known)
{
    if (text_is(known->status, "HELD") || text_is(known->status, "RESERVED"))
        say_held(batch, i, known);
    else if (text_is(known->status, "REJECTED"))
        say_closed(batch, i,
                   &(struct closing){known->user, known->show, known->seats, "rejected", known->reason,
                                     known->requested_at_us});
}

static const char *why_rejected(struct batch *batch, size_t i, const struct show *show)
{
    struct hold_work *work = batch->work;
    const struct request *request = request_of(batch, i);

    if (!show->is_found)
        return "unknown_show";
    if (strcmp(config()->unknown_users, "reject") == 0 &&
        !find_user(work, entry_value(batch, i, REQUEST_USER)->text)->is_found)
        return "unknown_user";
    if (show->is_general && request->label_count > 0)
        return "seats_are_not_numbered";
    return NULL;
}

static void rely_on_taken(struct seat **chosen, size_t count)
{
    for (size_t s = 0; s < count; s++)
        if (!chosen[s]->is_open)
            chosen[s]->is_relied_on = true;
}

static const char *decide_new(struct batch *batch, size_t i)
{
    struct hold_work *work = batch->work;
    const struct request *request = request_of(batch, i);
    struct booking *booking = &work->bookings[i];
    struct show *show = find_show(work, entry_value(batch, i, REQUEST_SHOW)->text);
    struct seat *chosen[BOOKING_SEATS_MAX] = {NULL};
    bool unknown_seat = false;
    size_t count = 0;

    booking->currency = show->is_found ? show->currency : TEXT("IDR");
    booking->seats = asked_seats(batch, i);
    booking->seat_ids = TEXT("");
    booking->reason = why_rejected(batch, i, show);
    if (!booking->reason) { /* who is rejected chooses nothing, so that the seats stay for the next */
        count = choose(batch, i, show, chosen, &unknown_seat);
        booking->reason = unknown_seat ? "unknown_seat" : NULL;
    }
    if (booking->reason) {
        booking->status = "REJECTED";
        return "rejected";
    }
    if (count > 0) {
        take(batch, i, show, chosen, count);
        return "seat held";
    }
    if (request->waits) {
        rely_on_taken(chosen, request->label_count);
        booking->status = "WAITLISTED";
        return "waitlisted";
    }
    booking->status = "REJECTED";
    booking->reason = request->label_count > 0 ? "seat_taken" : "not_enough_seats";
    return "rejected";
}

static void decide(struct batch *batch)
{
    struct hold_work *work = batch->work;

    for (size_t i = 0; i < batch->count; i++) {
        struct known *known = &work->known[i];
        const struct booking *booking = &work->bookings[i];
        const char *what = "held before";

        if (known->is_known && known->fingerprint != request_of(batch, i)->fingerprint) {
            reject(batch, i, "booking_id_reused", TEXT("this booking_id was used for another request"));
            continue;
        }
        if (!known->is_known) {
            what = decide_new(batch, i);
            *known = (struct known){
                .status = text_of(booking->status),
                .user = entry_value(batch, i, REQUEST_USER)->text,
                .show = entry_value(batch, i, REQUEST_SHOW)->text,
                .seats = booking->seats,
                .amount = booking->amount,
                .currency = booking->currency,
                .hold_expires_at_us = booking->hold_expires_at_us,
                .pays_by_link = request_of(batch, i)->pays_by_link,
                .reason = text_of(booking->reason),
                .requested_at_us = batch->entries[i]->at_us,
            };
        }
        say_what_follows(batch, i, known);
        done(batch, i, what);
    }
}

/* ---- storing ---- */

static bool is_stored(const struct batch *batch, size_t i)
{
    return ((const struct hold_work *)batch->work)->bookings[i].status != NULL;
}

static bool bind_guests(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *names = params_column(params, COLUMN_TEXT);

    if (strcmp(config()->unknown_users, "create") != 0)
        return false;
    for (size_t i = 0; i < work->user_count; i++)
        if (!work->users[i].is_found)
            column_text(names, work->users[i].name);
    return column_count(names) > 0;
}

static bool bind_bookings(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_UUID), *fingerprints = params_column(params, COLUMN_INT64),
                  *ms = params_column(params, COLUMN_INT64), *seqs = params_column(params, COLUMN_INT64),
                  *amounts = params_column(params, COLUMN_INT64), *expiries = params_column(params, COLUMN_TIME),
                  *requested = params_column(params, COLUMN_TIME), *closed = params_column(params, COLUMN_TIME),
                  *statuses = params_column(params, COLUMN_TEXT), *quantities = params_column(params, COLUMN_INT16),
                  *links = params_column(params, COLUMN_BOOL), *users = params_column(params, COLUMN_TEXT),
                  *shows = params_column(params, COLUMN_TEXT), *currencies = params_column(params, COLUMN_TEXT),
                  *seats = params_column(params, COLUMN_TEXT), *seat_ids = params_column(params, COLUMN_TEXT),
                  *reasons = params_column(params, COLUMN_TEXT), *traces = params_column(params, COLUMN_TEXT);

    for (size_t k = 0; k < batch->count; k++) {
        const size_t i = batch->by_key[k].position;
        const struct entry *entry = batch->entries[i];
        const struct booking *booking = &work->bookings[i];

        if (!is_stored(batch, i))
            continue;
        column_uuid(ids, entry->key);
        column_int(fingerprints, request_of(batch, i)->fingerprint);
        column_int(ms, (int64_t)entry->id.ms);
        column_int(seqs, (int64_t)entry->id.seq);
        column_int(amounts, booking->amount);
        if (booking->hold_expires_at_us)
            column_time(expiries, booking->hold_expires_at_us);
        else
            column_null(expiries);
        column_time(requested, entry->at_us);
        if (booking->reason)
            column_time(closed, batch->now_us);
        else
            column_null(closed);
        column_text(statuses, text_of(booking->status));
        column_int(quantities, request_of(batch, i)->quantity);
        column_bool(links, request_of(batch, i)->pays_by_link);
        column_text(users, entry_value(batch, i, REQUEST_USER)->text);
        column_text(shows, entry_value(batch, i, REQUEST_SHOW)->text);
        column_text(currencies, booking->currency);
        column_text(seats, booking->seats);
        column_text(seat_ids, booking->seat_ids);
        column_text(reasons, text_of(booking->reason));
        column_text(traces, entry->traceparent);
    }
    return column_count(ids) > 0;
}

static void add_taken(const struct seat *seat, struct column *places, struct column *ids, struct column *bookings)
{
    if (uuid_is_nil(seat->booking))
        return;
    column_place(places, seat->place);
    column_int(ids, seat->seat_id);
    column_uuid(bookings, seat->booking);
}

static bool bind_taken(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *places = params_column(params, COLUMN_PLACE), *ids = params_column(params, COLUMN_INT64),
                  *bookings = params_column(params, COLUMN_UUID);

    for (size_t i = 0; i < work->seats_by_id_count; i++)
        add_taken(work->seats_by_id[i], places, ids, bookings);
    for (size_t i = 0; i < work->show_count; i++)
        for (size_t s = 0; s < work->shows[i].any_count; s++)
            add_taken(&work->shows[i].any[s], places, ids, bookings);
    params_int64(params, (int64_t)column_count(places));
    return column_count(places) > 0;
}

static bool bind_waiting(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *shows = params_column(params, COLUMN_TEXT), *ms = params_column(params, COLUMN_INT64),
                  *seqs = params_column(params, COLUMN_INT64), *ids = params_column(params, COLUMN_UUID);

    for (size_t i = 0; i < batch->count; i++)
        if (is_stored(batch, i) && strcmp(work->bookings[i].status, "WAITLISTED") == 0) {
            column_text(shows, entry_value(batch, i, REQUEST_SHOW)->text);
            column_int(ms, (int64_t)batch->entries[i]->id.ms);
            column_int(seqs, (int64_t)batch->entries[i]->id.seq);
            column_uuid(ids, batch->entries[i]->key);
        }
    return column_count(ids) > 0;
}

/* Seats that this batch itself takes are relied on too, but the take guards them. */
static bool bind_relied_on(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *ids = params_column(params, COLUMN_INT64);

    for (size_t i = 0; i < work->seats_by_id_count; i++)
        if (work->seats_by_id[i]->is_relied_on && uuid_is_nil(work->seats_by_id[i]->booking))
            column_int(ids, work->seats_by_id[i]->seat_id);
    params_int64(params, (int64_t)column_count(ids));
    return column_count(ids) > 0;
}

const struct step hold = {
    .name = "hold",
    .reads = {BOOKING_REQUESTED},
    .reads_count = 1,
    .fields = request_fields,
    .field_count = REQUEST_FIELDS,
    .key = REQUEST_BOOKING_ID,
    .is_ordered = true,
    .check = request_check,
    .loads = {{SQL(hold_known), bind_keys, take_known},
              {SQL(hold_shows), bind_shows, take_shows},
              {SQL(hold_users), bind_users, take_users},
              {SQL(hold_seats), bind_seats, take_seats},
              {SQL(hold_any), bind_any, take_any}},
    .work_bytes = sizeof(struct hold_work),
    .begin = begin,
    .decide = decide,
    .stores = {{SQL(hold_guests), bind_guests, NULL},
               {SQL(hold_bookings), bind_bookings, NULL},
               {SQL(hold_take), bind_taken, NULL},
               {SQL(hold_wait), bind_waiting, NULL},
               {SQL(hold_still_taken), bind_relied_on, NULL}},
};
