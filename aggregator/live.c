/* GET /live: what happens, told to whoever listens (Server-Sent Events): seats, bookings, statistics. ?show= or
 * ?booking= narrows it.
 *
 * The idea to hold in mind: one follower reads the streams while anybody listens, and everything up to `told` has been
 * told to all who are in a channel. Whoever comes back with Last-Event-ID, which is such a place, is read what lies
 * between his place and `told`, again if `told` has moved meanwhile, and then joins: nothing is missed and nothing
 * comes twice. If that cannot be had he is told `reset`: look at everything anew. */
#include <stdlib.h>

#include "aggregator/live_channel.h"
#include "aggregator/live_event.h"
#include "aggregator/live_replay.h"
#include "aggregator/stats.h"
#include "aggregator/view.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/follow.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "common/problem.h"
#include "common/request.h"

#define FIRST_WORDS TEXT("retry: 1000\n\n")
#define RESET       TEXT("event: reset\ndata: {}\n\n")
#define HEARTBEAT   TEXT(":\n")

struct listener {
    struct live_listener in; /* first: a channel's listener is this one */
    struct listener *next_arrival;
    enum live_subject subject;
    bool has_place;          /* he comes back */
    bool is_strange;         /* with a place that is none: he is to begin anew */
    bool is_asking, is_gone; /* gone while he is being read what he missed: freed when that is answered */
    struct live_place place;
    struct arena *arena; /* of what he missed; NULL: joined */
    struct text name;    /* in the arena, until he has joined */
};

static struct {
    struct sources *sources;
    struct follow *follow;
    struct loop_timer *tick, *heartbeat;
    bool is_ticking;
    size_t count;
    struct listener *arrivals; /* wait until it is known where the streams stand */
    bool is_placed, is_asking_place;
    bool has_missed; /* who has joined is to be told to begin anew when the place is known */
    struct live_place told;
    struct arena *arena, *place_arena; /* of what is to be told at the next tick, and of the question for the place */
    struct arena *numbers_arena;       /* of the numbers told last */
    struct live_event events[LIVE_WAITING_MAX];
    size_t event_count;
    struct text numbers; /* the last statistics told; malloc'd */
    struct metrics_gauge *listeners;
    struct metrics_counter *gone, *told_total;
} state;

static struct text place_text(struct arena *arena, const struct live_place *place)
{
    struct buffer buffer = buffer_in(arena);

    buffer_add(&buffer, TEXT("id: "));
    live_place_write(&buffer, place);
    buffer_add(&buffer, TEXT("\n\n"));
    return buffer_take(&buffer);
}

/* ---- telling ---- */

static void forget_events(void)
{
    arena_reset(state.arena);
    state.event_count = 0;
}

static void tell(void)
{
    qsort(state.events, state.event_count, sizeof *state.events, live_compare);
    for (size_t i = 0; i < state.event_count; i++) {
        const struct live_event *event = &state.events[i];

        if (live_is_told(&state.told, event->stream, event->id))
            continue;
        live_tell(&state.told, event->stream, event->id);
        live_add(state.arena, LIVE_ALL, TEXT_NONE, event->text);
        live_add(state.arena, LIVE_BOOKING, event->booking, event->text);
        if (event->show.ptr)
            live_add(state.arena, LIVE_SHOW, event->show, event->text);
    }
    metrics_count(state.told_total, state.event_count);
    live_send(place_text(state.arena, &state.told));
    forget_events();
}

static void ask_place(void);

static void tick_in(int64_t delay_ms)
{
    if (state.is_ticking)
        return;
    state.is_ticking = true;
    loop_timer_set(state.tick, delay_ms);
}

static void on_tick(void *context)
{
    (void)context;
    state.is_ticking = false;
    if (state.is_placed)
        tell();
    else if (state.count > 0)
        ask_place();
}

/* What is more than anybody could read is not told: begin anew. */
static void overflow(void)
{
    log_warn("listeners are told to begin anew", LOG_NUMBER("events", state.event_count));
    for (size_t i = 0; i < state.event_count; i++) /* of each stream the last comes last */
        live_tell(&state.told, state.events[i].stream, state.events[i].id);
    forget_events();
    live_send_all(RESET);
}

static void on_entry(const struct entry *entry, void *context)
{
    struct buffer buffer = buffer_in(state.arena);

    (void)context;
    if (!live_format(&buffer, entry, &state.events[state.event_count]))
        return;
    if (++state.event_count == LIVE_WAITING_MAX)
        overflow();
    tick_in(LIVE_EVERY_MS);
}

static bool write_to(const struct listener *listener, struct text text)
{
    return answer_stream_write(listener->in.stream, text);
}

static void on_heartbeat(void *context)
{
    struct arena *arena = arena_new();
    const struct text place = state.is_placed ? place_text(arena, &state.told) : TEXT("\n");

    (void)context;
    loop_timer_set(state.heartbeat, LIVE_HEARTBEAT_MS);
    live_send_all(text_format(arena, "%.*s%.*s", (int)HEARTBEAT.len, HEARTBEAT.ptr, (int)place.len, place.ptr));
    for (const struct listener *each = state.arrivals; each; each = each->next_arrival)
        write_to(each, TEXT(":\n\n"));
    arena_free(arena);
}

/* ---- coming ---- */

static void free_listener(struct listener *listener)
{
    arena_free(listener->arena);
    free(listener);
}

static void join(struct listener *listener)
{
    write_to(listener, place_text(listener->arena, &state.told));
    live_join(&listener->in, listener->subject, listener->name);
    arena_free(listener->arena);
    listener->arena = NULL;
}

static bool concerns(const struct listener *listener, const struct live_event *event)
{
    return listener->subject == LIVE_ALL ||
           (listener->subject == LIVE_SHOW && text_equal(event->show, listener->name)) ||
           (listener->subject == LIVE_BOOKING && text_equal(event->booking, listener->name));
}

static void catch_up(struct listener *listener);

/* All of it or nothing: what is more than he could read at once is not begun. */
static bool tell_missed(struct listener *listener, const struct live_event *list, size_t count)
{
    struct buffer buffer = buffer_in(listener->arena);

    for (size_t i = 0; i < count; i++)
        if (concerns(listener, &list[i]))
            buffer_add(&buffer, list[i].text);
    if (buffer.len > LIVE_REPLAY_BYTES_MAX)
        return false;
    return buffer.len == 0 || write_to(listener, buffer_take(&buffer));
}

static void wait_for_place(struct listener *listener)
{
    listener->next_arrival = state.arrivals;
    state.arrivals = listener;
}

static void on_missed(enum live_missed missed, const struct live_event *list, size_t count, void *context)
{
    struct listener *listener = context;
    const bool is_known = missed == LIVE_MISSED_KNOWN;

    listener->is_asking = false;
    if (listener->is_gone) {
        free_listener(listener);
        return;
    }
    if (!state.is_placed) { /* something was missed by all meanwhile */
        wait_for_place(listener);
        return;
    }
    if (is_known && tell_missed(listener, list, count)) {
        catch_up(listener);
        return;
    }
    write_to(listener, RESET);
    join(listener);
}

static bool is_same(const struct live_place *a, const struct live_place *b)
{
    for (int i = 0; i < LIVE_STREAMS; i++)
        if (entry_id_compare(a->ids[i], b->ids[i]) != 0)
            return false;
    return true;
}

/* Up to what is told by now; by the time that is read, a little more may be. */
static void catch_up(struct listener *listener)
{
    const struct live_place from = listener->place;

    if (!listener->has_place || is_same(&from, &state.told)) {
        if (listener->is_strange)
            write_to(listener, RESET);
        join(listener);
        return;
    }
    listener->place = state.told;
    listener->is_asking = live_replay(state.sources->redis, listener->arena, &from, &state.told, on_missed, listener);
    if (!listener->is_asking) {
        write_to(listener, RESET);
        join(listener);
    }
}

static void take_arrivals(void)
{
    struct listener *listener = state.arrivals;

    state.arrivals = NULL;
    while (listener) {
        struct listener *next = listener->next_arrival;

        catch_up(listener);
        listener = next;
    }
}

/* ---- following ---- */

static void on_place(const struct live_place *place, void *context)
{
    (void)context;
    state.is_asking_place = false;
    if (state.count == 0) /* all have gone meanwhile */
        return;
    if (!place) {
        tick_in(LIVE_AGAIN_MS);
        return;
    }
    state.told = *place;
    state.is_placed = true;
    if (state.has_missed)
        live_send_all(RESET);
    state.has_missed = false;
    take_arrivals();
}

static void ask_place(void)
{
    if (state.is_asking_place || state.is_placed || !follow_is_ready(state.follow))
        return; /* on_ready will come, or the answer */
    arena_reset(state.place_arena);
    state.is_asking_place = live_find_place(state.sources->redis, state.place_arena, on_place, NULL);
    if (!state.is_asking_place)
        tick_in(LIVE_AGAIN_MS);
}

static void on_ready(void *context)
{
    (void)context;
    ask_place();
}

/* Where it goes on is asked again, and only then are they told to look: what happened before they are is seen, and what
 * comes later is told. */
static void on_gap(void *context)
{
    (void)context;
    forget_events();
    state.has_missed = true;
    state.is_placed = false;
    ask_place();
}

static void begin_following(void)
{
    follow_wake(state.follow);
    ask_place(); /* if it had not come to rest */
}

static void stop_following(void)
{
    follow_rest(state.follow);
    state.is_placed = state.has_missed = false;
    forget_events();
}

/* At once, since Redis may be away for long, and many come and go meanwhile. */
static void forget_arrival(const struct listener *listener)
{
    struct listener **at = &state.arrivals;

    while (*at && *at != listener)
        at = &(*at)->next_arrival;
    if (*at)
        *at = listener->next_arrival;
}

static void on_gone(void *context)
{
    struct listener *listener = context;

    metrics_count(state.gone, 1);
    metrics_set(state.listeners, (double)--state.count);
    live_leave(&listener->in);
    if (listener->is_asking) {
        listener->is_gone = true;
    } else {
        forget_arrival(listener);
        free_listener(listener);
    }
    if (state.count == 0)
        stop_following();
}

/* False: it cannot be, and the request has been answered. */
static bool read_subject(struct request *request, struct listener *listener)
{
    const struct text show = request_query_value(request, "show"), booking = request_query_value(request, "booking");
    struct problems problems = {.arena = request->arena};
    struct uuid id;

    if (show.ptr && booking.ptr)
        problems_add(&problems, TEXT("/booking"), "only one of show and booking can be given");
    else if (show.ptr && !text_is_identifier(show, IDENTIFIER_BYTES_MAX))
        problems_add(&problems, TEXT("/show"), "must be 1 to 64 of A-Z a-z 0-9 . _ -");
    else if (booking.ptr && !uuid_parse(booking, &id))
        problems_add(&problems, TEXT("/booking"), "must be a UUID");
    if (problems.count) {
        answer_invalid(request, &problems);
        return false;
    }
    listener->subject = show.ptr ? LIVE_SHOW : booking.ptr ? LIVE_BOOKING : LIVE_ALL;
    listener->name = booking.ptr ? uuid_text(listener->arena, id) : text_copy(listener->arena, show);
    return true;
}

static void open_stream(struct request *request, struct listener *listener)
{
    const struct text last = request_header(request, "Last-Event-ID");

    listener->is_strange = last.len && !live_place_parse(last, &listener->place);
    listener->has_place = last.len && !listener->is_strange;
    answer_header(request, "Cache-Control", TEXT("no-cache"));
    answer_header(request, "X-Accel-Buffering", TEXT("no")); /* nginx passes each event on at once */
    listener->in.stream = answer_stream(request, "text/event-stream", on_gone, listener);
    write_to(listener, FIRST_WORDS);
    metrics_set(state.listeners, (double)++state.count);
}

static void listen(struct request *request, void *context)
{
    struct listener *listener;

    (void)context;
    if (state.count >= LIVE_LISTENERS_MAX) {
        answer_overloaded(request, "too many are listening");
        return;
    }
    listener = calloc(1, sizeof *listener);
    if (!listener)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    listener->arena = arena_new();
    if (!read_subject(request, listener)) {
        free_listener(listener);
        return;
    }
    open_stream(request, listener);
    if (state.is_placed) {
        catch_up(listener);
        return;
    }
    wait_for_place(listener);
    begin_following();
}

/* ---- statistics ---- */

/* The same numbers again are not told. */
static void on_numbers(struct text numbers)
{
    struct arena *arena;

    if (state.count == 0 || text_equal(numbers, state.numbers))
        return;
    arena_reset(state.numbers_arena);
    state.numbers = text_copy(state.numbers_arena, numbers);
    arena = arena_new();
    live_add(arena, LIVE_ALL, TEXT_NONE,
             text_format(arena, "event: stats\ndata: %.*s\n\n", (int)numbers.len, numbers.ptr));
    live_send(TEXT(""));
    arena_free(arena);
}

static bool is_anybody_there(void)
{
    return state.count > 0;
}

static void start(struct sources *sources)
{
    state.sources = sources;
    state.arena = arena_new();
    state.place_arena = arena_new();
    state.numbers_arena = arena_new();
    state.listeners = metrics_gauge("karcis_live_listeners", "Who listens to GET /live.", NULL);
    state.gone = metrics_counter("karcis_live_gone_total", "Listeners that have gone, or read too slowly.", NULL);
    state.told_total = metrics_counter("karcis_live_events_total", "Entries told to listeners.", NULL);
    state.tick = loop_timer_new(sources->loop, on_tick, NULL);
    state.heartbeat = loop_timer_new(sources->loop, on_heartbeat, NULL);
    loop_timer_set(state.heartbeat, LIVE_HEARTBEAT_MS);
    state.follow = follow_open(sources->loop, &(struct follow_options){.url = config()->redis_url,
                                                                       .name = "aggregator-live",
                                                                       .stream_count = LIVE_STREAMS,
                                                                       .streams = live_streams,
                                                                       .on_entry = on_entry,
                                                                       .on_ready = on_ready,
                                                                       .on_gap = on_gap});
    follow_rest(state.follow);
    stats_tell(on_numbers, is_anybody_there);
}

static void stop(void)
{
    follow_close(state.follow);
    loop_timer_free(state.tick);
    loop_timer_free(state.heartbeat);
    arena_free(state.arena);
    arena_free(state.place_arena);
    arena_free(state.numbers_arena);
}

static const struct route routes[] = {
    {"GET", "/live", ANYONE, listen},
    {0},
};

static const struct statement *const statements[] = {NULL};

const struct view live = {.routes = routes, .statements = statements, .start = start, .stop = stop};
