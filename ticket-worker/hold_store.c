/* What hold writes: guests, bookings, seats taken, places in the waitlist. */
#include "ticket-worker/hold.h"

#include "common/config.h"
#include "ticket-worker/hold_store.sql.h"

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
        if (work->users[i].asks_anew && !work->users[i].is_found)
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

/* After bind_waiting: from then on nothing that somebody waits for can be taken away. */
static bool bind_still_there(struct batch *batch, struct params *params)
{
    const struct hold_work *work = batch->work;
    struct column *seats = params_column(params, COLUMN_INT64), *shows = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < work->seats_by_id_count; i++)
        if (work->seats_by_id[i]->is_waited_for)
            column_int(seats, work->seats_by_id[i]->seat_id);
    for (size_t i = 0; i < work->show_count; i++)
        if (work->shows[i].is_relied_on)
            column_text(shows, work->shows[i].id);
    params_int64(params, (int64_t)(column_count(seats) + column_count(shows)));
    return column_count(seats) + column_count(shows) > 0;
}

const struct query hold_stores[] = {{SQL(hold_guests), bind_guests, NULL},
                                    {SQL(hold_bookings), bind_bookings, NULL},
                                    {SQL(hold_take), bind_taken, NULL},
                                    {SQL(hold_wait), bind_waiting, NULL},
                                    {SQL(hold_still_taken), bind_relied_on, NULL},
                                    {SQL(hold_still_there), bind_still_there, NULL},
                                    {NULL, NULL, NULL}};
