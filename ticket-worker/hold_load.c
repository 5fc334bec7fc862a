/* What hold looks at before it decides: earlier rows of these bookings, their shows, users and seats. */
#include "ticket-worker/hold.h"

#include <stdlib.h>

#include "common/arena.h"
#include "ticket-worker/hold_load.sql.h"

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

struct show *hold_find_show(struct hold_work *work, struct text id)
{
    return bsearch(&(struct show){.id = id}, work->shows, work->show_count, sizeof *work->shows, compare_shows);
}

struct seat *hold_find_seat(struct hold_work *work, struct text show, struct text label)
{
    return bsearch(&(struct seat){.show = show, .label = label}, work->seats, work->seat_count, sizeof *work->seats,
                   compare_seats);
}

struct user *hold_find_user(struct hold_work *work, struct text name)
{
    return bsearch(&(struct user){.name = name}, work->users, work->user_count, sizeof *work->users, compare_users);
}

void hold_begin(struct batch *batch)
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
            hold_find_show(work, entry_value(batch, i, REQUEST_SHOW)->text)->wanted += request_of(batch, i)->quantity;
}

/* ---- loading ---- */

static bool bind_keys(struct batch *batch, struct params *params)
{
    params_keys(batch, params);
    return true;
}

struct known hold_read_known(struct arena *arena, const struct rows *rows, size_t row)
{
    return (struct known){
        .is_known = true,
        .fingerprint = rows_int(rows, row, 1),
        .status = text_copy(arena, rows_text(rows, row, 2)),
        .user = text_copy(arena, rows_text(rows, row, 3)),
        .show = text_copy(arena, rows_text(rows, row, 4)),
        .seats = text_copy(arena, rows_text(rows, row, 5)),
        .amount = rows_int(rows, row, 6),
        .currency = text_copy(arena, rows_text(rows, row, 7)),
        .hold_expires_at_us = rows_time(rows, row, 8),
        .pays_by_link = rows_bool(rows, row, 9),
        .reason = text_copy(arena, rows_text(rows, row, 10)),
        .requested_at_us = rows_time(rows, row, 11),
    };
}

static void take_known(struct batch *batch, const struct rows *rows)
{
    struct hold_work *work = batch->work;

    for (size_t row = 0; row < rows_count(rows); row++) {
        size_t i;

        if (!batch_find(batch, rows_uuid(rows, row, 0), &i))
            continue;
        work->known[i] = hold_read_known(batch->arena, rows, row);
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
        struct show *show = hold_find_show(batch->work, rows_text(rows, row, 0));

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
        hold_find_user(batch->work, rows_text(rows, row, 0))->is_found = true;
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
        seat->owner = text_copy(batch->arena, rows_text(rows, row, 5));
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

struct seat *hold_find_seat_by_id(struct hold_work *work, int64_t seat_id)
{
    struct seat *wanted = &(struct seat){.seat_id = seat_id}, **found;

    found = bsearch(&wanted, work->seats_by_id, work->seats_by_id_count, sizeof *work->seats_by_id, compare_seat_ids);
    return found ? *found : NULL;
}

const struct query hold_loads[] = {{SQL(hold_known), bind_keys, take_known},  {SQL(hold_shows), bind_shows, take_shows},
                                   {SQL(hold_users), bind_users, take_users}, {SQL(hold_seats), bind_seats, take_seats},
                                   {SQL(hold_any), bind_any, take_any},       {NULL, NULL, NULL}};
