/* hold: a booking asks for seats and gets all of them or none. Requests are decided one after the other in the order in
 * which they arrived (the engine sees to that), so of two that want one seat the earlier wins. Every request leaves a
 * row in bookings: HELD, RESERVED (its organizer must be asked first), WAITLISTED or REJECTED. A user neither books nor
 * waits for a seat by name that is the user's already. */
#include "ticket-worker/steps.h"

#include <assert.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/config.h"
#include "ticket-worker/closed.h"
#include "ticket-worker/hold.h"

/* The next seat of the show that nobody has; one that the batch also knows by its label is that seat, not a copy. */
static struct seat *next_any(struct hold_work *work, struct show *show, size_t *at)
{
    while (*at < show->any_count) {
        struct seat *seat = &show->any[(*at)++], *named = hold_find_seat_by_id(work, seat->seat_id);

        if (named)
            seat = named;
        if (seat->is_open)
            return seat;
    }
    return NULL;
}

/* The seats that the request would get, all open; 0 if it cannot have all of them now. Sets *refusal if nobody can have
 * them, because one does not exist, or the user neither gets them nor may wait for them, because one is the user's. */
static size_t choose(struct batch *batch, size_t i, struct show *show, struct seat **chosen, const char **refusal)
{
    struct hold_work *work = batch->work;
    const struct request *request = request_of(batch, i);
    const struct text user = entry_value(batch, i, REQUEST_USER)->text;
    size_t count = 0, at = show->any_next;
    bool all_open = true;

    for (; count < request->label_count; count++) {
        chosen[count] = hold_find_seat(work, show->id, request->labels[count]);
        if (!chosen[count]->is_found) {
            *refusal = "unknown_seat";
            show->is_relied_on = true;
        } else if (!*refusal && text_equal(chosen[count]->owner, user))
            *refusal = "already_yours";
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
        chosen[s]->owner = entry_value(batch, i, REQUEST_USER)->text;
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

void hold_say_held(struct batch *batch, size_t i, const struct known *known)
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

void hold_say_what_follows(struct batch *batch, size_t i, const struct known *known)
{
    if (text_is(known->status, "HELD") || text_is(known->status, "RESERVED"))
        hold_say_held(batch, i, known);
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
        !hold_find_user(work, entry_value(batch, i, REQUEST_USER)->text)->is_found)
        return "unknown_user";
    if (show->is_general && request->label_count > 0)
        return "seats_are_not_numbered";
    return NULL;
}

/* What a request waits for must be there, and taken, when it is stored. */
static void rely_on(struct seat **chosen, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        assert(chosen[s]); /* whoever names seats has them all looked up */
        if (chosen[s]->is_open)
            chosen[s]->is_waited_for = true;
        else
            chosen[s]->is_relied_on = true;
    }
}

static const char *decide_new(struct batch *batch, size_t i)
{
    struct hold_work *work = batch->work;
    const struct request *request = request_of(batch, i);
    struct booking *booking = &work->bookings[i];
    struct show *show = hold_find_show(work, entry_value(batch, i, REQUEST_SHOW)->text);
    struct seat *chosen[BOOKING_SEATS_MAX] = {NULL};
    size_t count = 0;

    hold_find_user(work, entry_value(batch, i, REQUEST_USER)->text)->asks_anew = true;
    booking->currency = show->is_found ? show->currency : TEXT("IDR");
    booking->seats = asked_seats(batch, i);
    booking->seat_ids = TEXT("");
    booking->reason = why_rejected(batch, i, show);
    if (!booking->reason) /* who is rejected chooses nothing, so that the seats stay for the next */
        count = choose(batch, i, show, chosen, &booking->reason);
    if (booking->reason) {
        booking->status = "REJECTED";
        return "rejected";
    }
    if (count > 0) {
        take(batch, i, show, chosen, count);
        return "seat held";
    }
    if (request->label_count == 0)
        show->is_relied_on = true; /* it has too few seats */
    if (request->waits) {
        rely_on(chosen, request->label_count);
        booking->status = "WAITLISTED";
        return "waitlisted";
    }
    booking->status = "REJECTED";
    booking->reason = request->label_count > 0 ? "seat_taken" : "not_enough_seats";
    return "rejected";
}

/* Whoever reads it sees what the id stands for. */
static struct text describe_reuse(struct batch *batch, size_t i, const struct known *known)
{
    const struct text id = uuid_text(batch->arena, batch->entries[i]->key);

    return text_format(batch->arena,
                       "booking %.*s was requested before with other content: user %.*s, show %.*s, seats %.*s",
                       (int)id.len, id.ptr, (int)known->user.len, known->user.ptr, (int)known->show.len,
                       known->show.ptr, (int)known->seats.len, known->seats.ptr);
}

static void decide(struct batch *batch)
{
    struct hold_work *work = batch->work;

    for (size_t i = 0; i < batch->count; i++) {
        struct known *known = &work->known[i];
        const struct booking *booking = &work->bookings[i];
        const char *what = "held before";

        if (known->is_known && known->fingerprint != request_of(batch, i)->fingerprint) {
            reject(batch, i, "booking_id_reused", describe_reuse(batch, i, known));
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
        hold_say_what_follows(batch, i, known);
        done(batch, i, what);
    }
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
    .is_timed = true,
    .loads = hold_loads,
    .work_bytes = sizeof(struct hold_work),
    .begin = hold_begin,
    .decide = decide,
    .stores = hold_stores,
    .redrive = &hold_redrive,
};
