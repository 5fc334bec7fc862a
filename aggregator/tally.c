/* See tally.h. */
#include "aggregator/tally.h"

#include <assert.h>

#include "aggregator/tally.sql.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/json.h"

static const struct statement *const statements[] = {SQL(tally_bookings), SQL(tally_payments), NULL};

static struct {
    struct store *store;
    struct arena *arenas[2]; /* of the last tally, and of the one that is being made */
    int newest;
    struct tally last; /* bookings.ptr NULL: none yet */
    int64_t took_us, ended_us;
    bool is_counting;
    int64_t begun_us;
    struct tally next;
    tally_fn *fn; /* who waits; NULL: nobody */
    void *context;
} state;

/* {"first column":second column} */
static struct text object_of_rows(const struct rows *rows)
{
    struct json json = json_in(state.arenas[!state.newest]);

    json_begin_object(&json);
    for (size_t row = 0; row < rows_count(rows); row++) {
        json_key_text(&json, rows_text(rows, row, 0));
        json_int(&json, rows_int(rows, row, 1));
    }
    json_end_object(&json);
    return json_take(&json);
}

static void on_bookings(const struct rows *rows, void *context)
{
    (void)context;
    state.next.bookings = object_of_rows(rows);
}

static void on_payments(const struct rows *rows, void *context)
{
    (void)context;
    state.next.payments = object_of_rows(rows);
}

static void tell(const struct tally *tally, const struct store_failure *failure)
{
    tally_fn *fn = state.fn;

    state.fn = NULL;
    if (fn)
        fn(tally, failure, state.context);
}

static void on_counted(struct store *store, const struct store_failure *failure, void *context)
{
    (void)store;
    (void)context;
    state.is_counting = false;
    if (failure) {
        tell(NULL, failure);
        return;
    }
    state.ended_us = clock_monotonic_us();
    state.took_us = state.ended_us - state.begun_us;
    state.last = state.next;
    state.newest = !state.newest;
    tell(&state.last, NULL);
}

static void count(void)
{
    state.is_counting = true;
    state.begun_us = clock_monotonic_us();
    state.next.counted_at_us = clock_now_us();
    arena_reset(state.arenas[!state.newest]);
    store_send(state.store, SQL(tally_bookings), NULL, on_bookings, NULL);
    store_send(state.store, SQL(tally_payments), NULL, on_payments, NULL);
    store_sync(state.store, on_counted, NULL);
}

static bool is_due(int64_t age_us)
{
    return age_us >= TALLY_KEPT_US_MIN && age_us >= state.took_us * TALLY_KEPT_TIMES;
}

static bool is_usable(int64_t age_us)
{
    return state.last.bookings.ptr && state.took_us > TALLY_QUICK_US &&
           age_us < TALLY_KEPT_US_MIN + state.took_us * TALLY_OLD_TIMES;
}

bool tally_can_be_asked(void)
{
    return store_is_up(state.store);
}

void tally_ask(tally_fn *fn, void *context)
{
    const int64_t age_us = clock_monotonic_us() - state.ended_us;
    const bool may_use_last = is_usable(age_us);

    assert(!state.fn);
    if (!tally_can_be_asked()) {
        fn(NULL, NULL, context);
        return;
    }
    if (!state.is_counting && (!may_use_last || is_due(age_us)))
        count();
    if (may_use_last) {
        fn(&state.last, NULL, context);
        return;
    }
    state.fn = fn;
    state.context = context;
}

void tally_start(struct loop *loop)
{
    state.arenas[0] = arena_new();
    state.arenas[1] = arena_new();
    state.store = store_open(
        loop,
        &(struct store_options){.url = config()->database_url, .name = "aggregator-tally", .statements = statements});
}

void tally_stop(void)
{
    store_close(state.store);
    arena_free(state.arenas[0]);
    arena_free(state.arenas[1]);
}
