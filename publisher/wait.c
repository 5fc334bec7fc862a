/* Who waits, and looking for them. */
#include "publisher/wait.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/follow.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/store.h"
#include "publisher/booked.h"
#include "publisher/wait.sql.h"

#define BUCKETS 8192 /* a power of two, somewhat more than WAITERS_MAX */

struct waiter {
    struct uuid booking_id;
    enum wait_goal goal;
    wait_fn *fn;
    void *context;
    struct loop_timer *timer;
    bool has_begun;
    bool is_late; /* its time was up before it began */
    bool is_told; /* a stream told of its booking; it is among `told` if it has begun */
    LIST_ENTRY(waiter) in_bucket, in_all;
    TAILQ_ENTRY(waiter) in_told;
};

LIST_HEAD(waiter_list, waiter);
TAILQ_HEAD(waiter_queue, waiter);

static struct {
    struct loop *loop;
    struct store *store;
    struct follow *follow;
    struct loop_timer *look, *look_at_all, *rest;
    struct arena *arena;       /* of the look under way */
    struct params *placing;    /* of the look under way: */
    struct column *waitlisted; /* whose places are to be counted */
    bool is_looking, is_stopping;
    bool cannot_count; /* it failed: at the next look who is WAITLISTED is told so without a place */
    size_t count;
    struct waiter_list all, buckets[BUCKETS];
    struct waiter_queue told;                    /* to be looked for */
    uint8_t hash_key[crypto_shorthash_KEYBYTES]; /* clients may choose booking ids; not into one bucket */
    struct metrics_gauge *waiting;
    struct metrics_counter *looks;
} state;

/* ---- who waits ---- */

static size_t bucket_of(struct uuid booking_id)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t number;

    crypto_shorthash(hash, booking_id.bytes, sizeof booking_id.bytes, state.hash_key);
    memcpy(&number, hash, sizeof number);
    return (size_t)(number & (BUCKETS - 1));
}

void wait_forget(struct waiter *waiter)
{
    if (!waiter)
        return;
    if (waiter->is_told && waiter->has_begun)
        TAILQ_REMOVE(&state.told, waiter, in_told);
    LIST_REMOVE(waiter, in_bucket);
    LIST_REMOVE(waiter, in_all);
    loop_timer_free(waiter->timer);
    free(waiter);
    metrics_set(state.waiting, (double)--state.count);
    if (state.count == 0)
        loop_timer_set(state.rest, WAIT_REST_MS);
}

static void finish(struct waiter *waiter, const struct booked *booked)
{
    wait_fn *fn = waiter->fn;
    void *context = waiter->context;

    wait_forget(waiter);
    fn(booked, context);
}

/* What was asked for has been put on its stream by now, or that is not known yet. */
static void on_time_up(void *context)
{
    struct waiter *waiter = context;

    if (waiter->has_begun)
        finish(waiter, NULL);
    else
        waiter->is_late = true;
}

static void tell(struct waiter *waiter)
{
    if (waiter->is_told)
        return;
    waiter->is_told = true;
    if (!waiter->has_begun)
        return;
    TAILQ_INSERT_TAIL(&state.told, waiter, in_told);
    loop_timer_set(state.look, 0); /* at the end of this turn, when others have been told too */
}

struct waiter *wait_add(struct uuid booking_id, enum wait_goal goal, int seconds, wait_fn *fn, void *context)
{
    struct waiter *waiter;

    if (state.is_stopping || state.count == WAITERS_MAX)
        return NULL;
    waiter = calloc(1, sizeof *waiter);
    if (!waiter)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    *waiter = (struct waiter){.booking_id = booking_id, .goal = goal, .fn = fn, .context = context};
    waiter->timer = loop_timer_new(state.loop, on_time_up, waiter);
    LIST_INSERT_HEAD(&state.buckets[bucket_of(booking_id)], waiter, in_bucket);
    LIST_INSERT_HEAD(&state.all, waiter, in_all);
    loop_timer_set(waiter->timer, seconds * 1000);
    metrics_set(state.waiting, (double)++state.count);
    if (state.count == 1) {
        loop_timer_clear(state.rest);
        loop_timer_set(state.look_at_all, WAIT_LOOK_MS);
        follow_wake(state.follow);
    }
    return waiter;
}

void wait_begin(struct waiter *waiter, bool may_be_decided)
{
    const bool was_told = waiter->is_told;

    waiter->has_begun = true;
    waiter->is_told = false;
    if (waiter->is_late || state.is_stopping)
        loop_timer_set(waiter->timer, 0); /* not inside this call */
    else if (was_told || may_be_decided)
        tell(waiter);
}

/* ---- looking ---- */

static bool has_arrived(const struct waiter *waiter, const struct booked *booked)
{
    return waiter->goal == WAIT_CLOSED ? booked_is_closed(booked) : booked_is_decided(booked);
}

/* The bucket is read anew after each: whoever is told may do anything. */
static struct waiter *find_arrived(const struct booked *booked)
{
    struct waiter *waiter;

    for (waiter = LIST_FIRST(&state.buckets[bucket_of(booked->id)]); waiter; waiter = LIST_NEXT(waiter, in_bucket)) {
        if (waiter->has_begun && uuid_compare(waiter->booking_id, booked->id) == 0 && has_arrived(waiter, booked))
            return waiter;
    }
    return NULL;
}

static void finish_arrived(const struct booked *booked)
{
    struct waiter *waiter;

    while ((waiter = find_arrived(booked)))
        finish(waiter, booked);
}

static void on_rows(const struct rows *rows, void *context)
{
    (void)context;
    for (size_t row = 0; row < rows_count(rows); row++) {
        const struct booked booked = booked_of_row(rows, row);

        if (!booked_is_waitlisted(&booked) || state.cannot_count)
            finish_arrived(&booked);
        else if (find_arrived(&booked))
            column_uuid(state.waitlisted, booked.id);
    }
}

static void on_placed_rows(const struct rows *rows, void *context)
{
    (void)context;
    for (size_t row = 0; row < rows_count(rows); row++) {
        const struct booked booked = booked_of_row(rows, row);

        finish_arrived(&booked);
    }
}

static void end_look(const struct store_failure *failure)
{
    if (failure && (failure->result == STORE_BROKEN || failure->result == STORE_BAD_DATA))
        log_error("cannot look for bookings", LOG_STRING("detail", failure->message));
    state.is_looking = false;
    arena_reset(state.arena);
    if (!TAILQ_EMPTY(&state.told))
        loop_timer_set(state.look, 0);
}

/* Who has moved up meanwhile had no row, and is found by the next look at all. */
static void on_placed(struct store *store, const struct store_failure *failure, void *context)
{
    (void)store;
    (void)context;
    state.cannot_count = failure != NULL;
    if (failure)
        log_warn("cannot count places in the waitlist", LOG_STRING("detail", failure->message));
    end_look(failure);
}

/* Those who have seats were told before places are counted, which takes longer the more there are who wait for a show.
 */
static void on_looked(struct store *store, const struct store_failure *failure, void *context)
{
    (void)context;
    if (failure || column_count(state.waitlisted) == 0 || !store_is_up(store)) {
        state.cannot_count = state.cannot_count && failure;
        end_look(failure);
        return;
    }
    metrics_count(state.looks, 1);
    store_send(store, SQL(wait_waitlisted), state.placing, on_placed_rows, NULL);
    store_sync(store, on_placed, NULL);
}

/* All who were told, in one statement; meanwhile others gather for the next. Nobody is lost while the store is away:
 * whoever is found nowhere is looked for again with all. */
static void look(void *context)
{
    struct params *params;
    struct column *ids;
    struct waiter *waiter;

    (void)context;
    if (state.is_looking || TAILQ_EMPTY(&state.told))
        return;
    params = params_new(state.arena);
    ids = params_column(params, COLUMN_UUID);
    while ((waiter = TAILQ_FIRST(&state.told))) {
        TAILQ_REMOVE(&state.told, waiter, in_told);
        waiter->is_told = false;
        column_uuid(ids, waiter->booking_id);
    }
    if (!store_is_up(state.store)) {
        arena_reset(state.arena);
        return;
    }
    state.is_looking = true;
    state.placing = params_new(state.arena);
    state.waitlisted = params_column(state.placing, COLUMN_UUID);
    metrics_count(state.looks, 1);
    store_send(state.store, SQL(wait_bookings), params, on_rows, NULL);
    store_sync(state.store, on_looked, NULL);
}

static void look_at_all(void *context)
{
    struct waiter *waiter;

    (void)context;
    for (waiter = LIST_FIRST(&state.all); waiter; waiter = LIST_NEXT(waiter, in_all)) {
        if (waiter->has_begun)
            tell(waiter);
    }
    if (state.count > 0)
        loop_timer_set(state.look_at_all, WAIT_LOOK_MS);
}

/* ---- what the streams tell ---- */

static void on_entry(const struct entry *entry, void *context)
{
    struct waiter *waiter;
    struct uuid id;

    (void)context;
    if (state.count == 0 || !uuid_parse(entry_field(entry, "booking_id"), &id))
        return;
    for (waiter = LIST_FIRST(&state.buckets[bucket_of(id)]); waiter; waiter = LIST_NEXT(waiter, in_bucket)) {
        if (uuid_compare(waiter->booking_id, id) == 0 &&
            (entry->stream == BOOKING_CLOSED || waiter->goal == WAIT_DECIDED))
            tell(waiter);
    }
}

/* What was said before it was ready, or in the gap, is in the store. */
static void on_maybe_missed(void *context)
{
    look_at_all(context);
}

static void rest(void *context)
{
    (void)context;
    follow_rest(state.follow);
}

/* ---- life ---- */

void wait_start(struct loop *loop, struct store *store)
{
    static const enum stream streams[] = {SEAT_HELD, BOOKING_CLOSED};

    state.loop = loop;
    state.store = store;
    state.arena = arena_new();
    randombytes_buf(state.hash_key, sizeof state.hash_key);
    TAILQ_INIT(&state.told);
    state.waiting = metrics_gauge("karcis_waiting_requests", "Clients that wait for their booking's outcome.", NULL);
    state.looks = metrics_counter("karcis_wait_looks_total", "Statements that looked for those who wait.", NULL);
    state.look = loop_timer_new(loop, look, NULL);
    state.look_at_all = loop_timer_new(loop, look_at_all, NULL);
    state.rest = loop_timer_new(loop, rest, NULL);
    state.follow = follow_open(loop, &(struct follow_options){.url = config()->redis_url,
                                                              .name = "publisher-wait",
                                                              .stream_count = sizeof streams / sizeof *streams,
                                                              .streams = streams,
                                                              .on_entry = on_entry,
                                                              .on_ready = on_maybe_missed,
                                                              .on_gap = on_maybe_missed});
    follow_rest(state.follow); /* until somebody waits */
}

void wait_stop(void)
{
    struct waiter *waiter, *next;

    state.is_stopping = true;
    for (waiter = LIST_FIRST(&state.all); waiter; waiter = next) {
        next = LIST_NEXT(waiter, in_all);
        if (waiter->has_begun)
            finish(waiter, NULL);
    }
}

void wait_close(void)
{
    follow_close(state.follow);
    loop_timer_free(state.look);
    loop_timer_free(state.look_at_all);
    loop_timer_free(state.rest);
    arena_free(state.arena);
}

const struct statement *const wait_statements[] = {SQL(wait_bookings), SQL(wait_waitlisted), NULL};
