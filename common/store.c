/* A connection to PostgreSQL in pipeline mode.
 *
 * States: DOWN (a timer will connect) -> RESOLVING -> CONNECTING -> PREPARING -> UP, and from each of them back to DOWN
 * through lose(), the only place that gives a connection up. What was sent and not answered waits in a ring, in order.
 */
#include "common/store.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/store_wire.h"

#define DIGITS_OF(number) #number
#define DIGITS(bound)     DIGITS_OF(bound)

enum state { DOWN, RESOLVING, CONNECTING, PREPARING, UP };

/* Plans are made once, when tables may be empty, and must hold for millions of rows: with these settings a key look-up
 * is an index look-up from the first day (test: plans_use_indexes_even_when_made_on_empty_tables). A worker that stops
 * inside a transaction is thrown out, so that its locks are free for whoever takes its entries over. Without bitmap
 * scans
 * "= ANY(keys)" also locks in the order of the keys, which is what keeps two workers from deadlocks. */
static const char session_options[] =
    "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan "
    "-c jit=off -c default_transaction_isolation=read\\ committed -c synchronous_commit=on -c lock_timeout=4s "
    "-c idle_in_transaction_session_timeout=2s -c timezone=UTC -c statement_timeout=%lld";

enum waiting_kind { STATEMENT, COMMIT, SYNC };

struct waiting { /* something sent whose answer has not come */
    enum waiting_kind kind;
    store_rows_fn *rows_fn;
    store_done_fn *done_fn;
    void *context;
    int64_t sent_us; /* SYNC */
};

struct store {
    struct loop *loop;
    struct store_options options;
    enum state state;
    bool is_closing, has_failed;
    unsigned attempt; /* how many in a row have failed; a connection that was up and is lost counts as one */
    PGconn *connection;
    struct evdns_getaddrinfo_request *lookup;
    char address[INET6_ADDRSTRLEN]; /* of the host, "" when it needs no look-up */
    struct event *readable, *writable;
    struct loop_timer *reconnect, *watchdog;
    struct loop_waiter waiter;
    int64_t hurry_us;     /* by then all that is asked now must be answered; 0: no hurry */
    struct waiting *ring; /* capacity is a power of two */
    size_t ring_capacity, ring_first, ring_count;
    int64_t answered_us;          /* when the last group was */
    struct store_failure failure; /* of the group being answered, if has_failed */
    char last_error[200];
};

/* ---- what is under way ---- */

static void push_waiting(struct store *store, struct waiting waiting)
{
    if (store->ring_count == store->ring_capacity) {
        const size_t capacity = store->ring_capacity ? store->ring_capacity * 2 : 64;
        struct waiting *ring = malloc(capacity * sizeof *ring);

        if (!ring)
            log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
        for (size_t i = 0; i < store->ring_count; i++)
            ring[i] = store->ring[(store->ring_first + i) & (store->ring_capacity - 1)];
        free(store->ring);
        store->ring = ring;
        store->ring_capacity = capacity;
        store->ring_first = 0;
    }
    store->ring[(store->ring_first + store->ring_count++) & (store->ring_capacity - 1)] = waiting;
}

static struct waiting *first_waiting(struct store *store)
{
    return store->ring_count ? &store->ring[store->ring_first] : NULL;
}

static struct waiting pop_waiting(struct store *store)
{
    const struct waiting first = store->ring[store->ring_first];

    store->ring_first = (store->ring_first + 1) & (store->ring_capacity - 1);
    store->ring_count--;
    return first;
}

/* ---- losing the connection ---- */

static void note_failure(struct store *store, enum store_result result, const char *sqlstate, const char *message)
{
    if (store->has_failed)
        return; /* the first says why; the rest follows from it */
    store->has_failed = true;
    store->failure.result = result;
    snprintf(store->failure.sqlstate, sizeof store->failure.sqlstate, "%s", sqlstate ? sqlstate : "");
    snprintf(store->failure.message, sizeof store->failure.message, "%.*s", (int)strcspn(message, "\n"), message);
}

static void free_events(struct store *store)
{
    if (store->readable)
        event_free(store->readable);
    if (store->writable)
        event_free(store->writable);
    store->readable = store->writable = NULL;
}

static void lose(struct store *store, const char *why)
{
    const bool was_up = store->state == UP;

    if (store->state == DOWN)
        return;
    store->state = DOWN;
    snprintf(store->last_error, sizeof store->last_error, "%.*s", (int)strcspn(why, "\n"), why);
    if (!store->is_closing && (was_up || store->attempt == 0 || store->attempt % 10 == 0))
        log_warn("postgres lost", LOG_STRING("connection", store->options.name), LOG_STRING("why", store->last_error));
    if (store->lookup)
        evdns_getaddrinfo_cancel(store->lookup);
    store->lookup = NULL;
    free_events(store);
    PQfinish(store->connection);
    store->connection = NULL;
    loop_timer_clear(store->watchdog);
    while (store->ring_count > 0) {
        const struct waiting lost = pop_waiting(store);

        if (lost.kind == SYNC && lost.done_fn) {
            const struct store_failure failure = {.result = STORE_LOST, .message = "the connection was lost"};
            lost.done_fn(store, &failure, lost.context);
        }
    }
    store->has_failed = false;
    if (was_up && store->options.on_state)
        store->options.on_state(store, false, store->options.context);
    if (!store->is_closing)
        loop_timer_set(store->reconnect, jitter_ms(RECONNECT_MS_BASE, RECONNECT_MS_CAP, store->attempt++));
}

void store_reconnect(struct store *store, const char *why)
{
    lose(store, why);
}

static int64_t statement_ms(const struct store *store)
{
    return store->options.statement_ms ? store->options.statement_ms : STORE_STATEMENT_MS;
}

/* A group's time runs from when it is the first: that slow ones go before it does not make it slow. */
static bool is_overdue(const struct store *store, const struct waiting *sync)
{
    const int64_t now_us = clock_monotonic_us();
    const int64_t since_us = sync->sent_us > store->answered_us ? sync->sent_us : store->answered_us;

    if (store->hurry_us && now_us > store->hurry_us && now_us > since_us + DRAIN_ANSWER_MS_MIN * 1000)
        return true;
    return now_us > since_us + statement_ms(store) * 1000;
}

static void on_watchdog(void *context)
{
    struct store *store = context;

    if (store->state != UP) {
        lose(store, "no connection in time");
        return;
    }
    for (size_t i = 0; i < store->ring_count; i++) {
        const struct waiting *waiting = &store->ring[(store->ring_first + i) & (store->ring_capacity - 1)];

        if (waiting->kind != SYNC)
            continue;
        if (is_overdue(store, waiting)) {
            lose(store, "no answer in time");
            return;
        }
        break;
    }
    if (store->ring_count == 0 && PQtransactionStatus(store->connection) == PQTRANS_IDLE)
        store_sync(store, NULL, NULL); /* who asks nothing would not notice that the server is frozen */
    loop_timer_set(store->watchdog, store->hurry_us ? DRAIN_LOOK_MS : STORE_LOOK_MS);
}

/* What is slow on purpose is not hurried. */
static void on_hurry(void *context)
{
    struct store *store = context;

    if (store->options.statement_ms)
        return;
    store->hurry_us = clock_monotonic_us() + DRAIN_ANSWER_MS * 1000;
    if (store->state == UP)
        loop_timer_set(store->watchdog, DRAIN_LOOK_MS);
}

/* ---- answers ---- */

static enum store_result class_of(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum store_result result;
    } classes[] = {
        {"40", STORE_CONFLICT}, {"23505", STORE_CONFLICT}, {"55P03", STORE_CONFLICT}, {"22", STORE_BAD_DATA},
        {"23", STORE_BAD_DATA}, {"42", STORE_BROKEN},      {"0A", STORE_BROKEN},      {STORE_REFUSED, STORE_BAD_DATA},
    };

    for (size_t i = 0; sqlstate && i < sizeof classes / sizeof *classes; i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].result;
    return STORE_AWAY; /* 08, 25, 53, 57, 58, XX: the server's trouble, not this data's */
}

static void take_result(struct store *store, const struct waiting *waiting, PGresult *result)
{
    const struct rows rows = {result};
    const char *sqlstate;

    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
        if (waiting->rows_fn && !store->has_failed)
            waiting->rows_fn(&rows, waiting->context);
        break;
    case PGRES_COMMAND_OK:
        if (waiting->rows_fn && !store->has_failed)
            waiting->rows_fn(&rows, waiting->context); /* of no rows */
        if (waiting->kind == COMMIT && strcmp(PQcmdStatus(result), "COMMIT") != 0)
            note_failure(store, STORE_AWAY, "25P02", "the transaction had failed before");
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        note_failure(store, class_of(sqlstate), sqlstate,
                     PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                         ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                         : PQresultErrorMessage(result));
    }
}

static void finish_group(struct store *store)
{
    const struct waiting sync = pop_waiting(store);
    const bool has_failed = store->has_failed;
    const struct store_failure failure = store->failure;

    store->has_failed = false;
    store->answered_us = clock_monotonic_us();
    if (sync.done_fn)
        sync.done_fn(store, has_failed ? &failure : NULL, sync.context);
}

static void flush(struct store *store)
{
    const int left = PQflush(store->connection);

    if (left < 0)
        event_active(store->readable, EV_READ,
                     0); /* on_readable finds the connection dead: never inside a caller's call */
    else if (left > 0)
        event_add(store->writable, NULL);
}

static void take_answers(struct store *store)
{
    while (store->state >= PREPARING && store->ring_count > 0 && !PQisBusy(store->connection)) {
        PGresult *result = PQgetResult(store->connection);
        const struct waiting *first = first_waiting(store);

        if (!result) {
            /* Between statements a NULL ends each; after a lost connection it would come for ever. */
            if (PQstatus(store->connection) == CONNECTION_BAD || first->kind == SYNC) {
                lose(store, PQerrorMessage(store->connection));
                return;
            }
            pop_waiting(store);
            continue;
        }
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            assert(first->kind == SYNC);
            finish_group(store);
            continue;
        }
        take_result(store, first, result);
        PQclear(result);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct store *store = context;

    (void)fd;
    (void)what;
    if (!PQconsumeInput(store->connection)) {
        /* What the server said before it hung up is still worth reading: it says why. */
        take_answers(store);
        lose(store, store->connection ? PQerrorMessage(store->connection) : "closed");
        return;
    }
    take_answers(store);
    if (store->state >= PREPARING)
        flush(store);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    flush(context);
}

/* ---- making the connection ---- */

static void on_prepared(struct store *store, const struct store_failure *failure, void *context)
{
    (void)context;
    if (failure) {
        char why[400];

        if (store->state == DOWN)
            return;
        snprintf(why, sizeof why, "cannot prepare: %s %s", failure->sqlstate, failure->message);
        log_error("postgres does not fit", LOG_STRING("connection", store->options.name), LOG_STRING("why", why));
        lose(store, why);
        return;
    }
    store->state = UP;
    store->attempt = 0;
    store->last_error[0] = '\0';
    loop_timer_set(store->watchdog, STORE_LOOK_MS);
    log_debug("postgres ready", LOG_STRING("connection", store->options.name));
    if (store->options.on_state)
        store->options.on_state(store, true, store->options.context);
}

static void prepare_one(struct store *store, const char *name, const char *text)
{
    if (!PQsendPrepare(store->connection, name, text, 0, NULL))
        return; /* the connection is gone; on_readable will hear of it */
    push_waiting(store, (struct waiting){.kind = STATEMENT});
}

static void prepare(struct store *store)
{
    PGconn *connection = store->connection;

    store->state = PREPARING;
    free_events(store);
    store->readable = event_new(store->loop->base, PQsocket(connection), EV_READ | EV_PERSIST, on_readable, store);
    store->writable = event_new(store->loop->base, PQsocket(connection), EV_WRITE, on_writable, store);
    if (!store->readable || !store->writable || PQsetnonblocking(connection, 1) != 0 ||
        !PQenterPipelineMode(connection)) {
        lose(store, "cannot enter pipeline mode");
        return;
    }
    event_add(store->readable, NULL);
    prepare_one(store, "begin", "BEGIN");
    prepare_one(store, "commit", "COMMIT");
    prepare_one(store, "rollback", "ROLLBACK");
    for (const struct statement *const *statement = store->options.statements; statement && *statement; statement++)
        prepare_one(store, (*statement)->name, (*statement)->text);
    if (store->options.life_lock) {
        char lock[80];

        /* Not waiting for it: a session that we lost may hold it still, until the server notices; it says the same. */
        snprintf(lock, sizeof lock, "SELECT pg_try_advisory_lock(%lld)", (long long)store->options.life_lock);
        if (PQsendQueryParams(connection, lock, 0, NULL, NULL, NULL, NULL, 1))
            push_waiting(store, (struct waiting){.kind = STATEMENT});
    }
    store_sync(store, on_prepared, NULL);
}

static void on_connecting(evutil_socket_t fd, short what, void *context);

/* libpq may change its socket from one poll to the next, so each wait gets a new event. */
static void wait_for_connection(struct store *store, short what)
{
    free_events(store);
    store->readable = event_new(store->loop->base, PQsocket(store->connection), what, on_connecting, store);
    if (!store->readable)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    event_add(store->readable, NULL);
}

static void on_connecting(evutil_socket_t fd, short what, void *context)
{
    struct store *store = context;

    (void)fd;
    (void)what;
    switch (PQconnectPoll(store->connection)) {
    case PGRES_POLLING_OK:
        prepare(store);
        break;
    case PGRES_POLLING_READING:
        wait_for_connection(store, EV_READ);
        break;
    case PGRES_POLLING_WRITING:
        wait_for_connection(store, EV_WRITE);
        break;
    default:
        lose(store, PQerrorMessage(store->connection));
    }
}

/* Warnings of the server belong into our log, not raw on standard error. */
static void on_notice(void *context, const char *message)
{
    const struct store *store = context;

    log_warn("postgres warns", LOG_STRING("connection", store->options.name),
             LOG_TEXT("what", ((struct text){message, strcspn(message, "\n")})));
}

static void start_connection(struct store *store)
{
    char settings[sizeof session_options + 20];
    const char *const names[] = {"dbname",
                                 "hostaddr",
                                 "application_name",
                                 "options",
                                 "fallback_application_name",
                                 "connect_timeout",
                                 "tcp_user_timeout",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 NULL};
    const char *const values[] = {store->options.url,
                                  store->address[0] ? store->address : NULL,
                                  store->options.name,
                                  settings,
                                  "karcis",
                                  "3",
                                  "10000",
                                  DIGITS(KEEPALIVE_IDLE_S),
                                  DIGITS(KEEPALIVE_INTERVAL_S),
                                  DIGITS(KEEPALIVE_COUNT),
                                  NULL};

    /* The server ends a statement before we give the connection up. */
    snprintf(settings, sizeof settings, session_options, (long long)statement_ms(store) - STORE_ANSWER_MS);
    store->state = CONNECTING;
    store->connection = PQconnectStartParams(names, values, 1);
    if (!store->connection)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    PQsetNoticeProcessor(store->connection, on_notice, store);
    if (PQstatus(store->connection) == CONNECTION_BAD || PQsocket(store->connection) < 0) {
        lose(store, PQerrorMessage(store->connection));
        return;
    }
    wait_for_connection(store, EV_WRITE);
}

static void on_resolved(int error, struct evutil_addrinfo *found, void *context)
{
    struct store *store = context;

    if (error == EVUTIL_EAI_CANCEL)
        return;
    store->lookup = NULL;
    if (error || !found) {
        lose(store, evutil_gai_strerror(error));
        return;
    }
    getnameinfo(found->ai_addr, (socklen_t)found->ai_addrlen, store->address, sizeof store->address, NULL, 0,
                NI_NUMERICHOST);
    evutil_freeaddrinfo(found);
    start_connection(store);
}

/* The host's name, if it must be resolved; libpq itself would block the loop for it. */
static char *host_to_resolve(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    char *host = NULL;

    for (PQconninfoOption *option = options; option && option->keyword; option++) {
        if (strcmp(option->keyword, "hostaddr") == 0 && option->val) {
            free(host);
            host = NULL;
            break;
        }
        if (strcmp(option->keyword, "host") == 0 && option->val && option->val[0] != '/') {
            free(host);
            host = strdup(option->val);
        }
    }
    PQconninfoFree(options);
    return host;
}

static void connect_now(void *context)
{
    struct store *store = context;
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char *host = host_to_resolve(store->options.url);
    struct evdns_getaddrinfo_request *lookup;

    store->state = RESOLVING;
    loop_timer_set(store->watchdog, STORE_CONNECT_MS);
    store->address[0] = '\0';
    if (!host) {
        start_connection(store);
        return;
    }
    /* The answer may come inside the call (a number, /etc/hosts); then there is no request to remember. */
    lookup = evdns_getaddrinfo(store->loop->dns, host, NULL, &hints, on_resolved, store);
    free(host);
    if (store->state == RESOLVING)
        store->lookup = lookup;
}

struct store *store_open(struct loop *loop, const struct store_options *options)
{
    struct store *store = calloc(1, sizeof *store);
    PQconninfoOption *parsed;
    char *message = NULL;

    if (!store)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    parsed = PQconninfoParse(options->url, &message);
    if (!parsed)
        log_fatal(EXIT_CONFIGURATION, "DATABASE_URL cannot be read", "see libpq's connection strings");
    PQconninfoFree(parsed);
    store->loop = loop;
    store->options = *options;
    store->reconnect = loop_timer_new(loop, connect_now, store);
    store->watchdog = loop_timer_new(loop, on_watchdog, store);
    loop_timer_set(store->reconnect, 0);
    store->waiter = (struct loop_waiter){.on_hurry = on_hurry, .context = store};
    loop_wait(loop, &store->waiter);
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store->is_closing = true;
    store->options.on_state = NULL;
    lose(store, "closing");
    loop_leave(&store->waiter);
    loop_timer_free(store->reconnect);
    loop_timer_free(store->watchdog);
    free(store->ring);
    free(store);
}

bool store_is_up(const struct store *store)
{
    return store->state == UP;
}

bool store_was_tried(const struct store *store)
{
    return store->state == UP || store->attempt > 0;
}

bool store_is_idle(const struct store *store)
{
    return store->ring_count == 0;
}

const char *store_last_error(const struct store *store)
{
    return store->last_error;
}

/* ---- sending ---- */

static void send_prepared(struct store *store, const char *name, const struct params *params, struct waiting waiting)
{
    const int sent = params ? PQsendQueryPrepared(store->connection, name, params->count, params->values,
                                                  params->lengths, params->formats, 1)
                            : PQsendQueryPrepared(store->connection, name, 0, NULL, NULL, NULL, 1);

    if (sent)
        push_waiting(store, waiting);
    else
        note_failure(store, STORE_AWAY, "", PQerrorMessage(store->connection));
}

void store_begin(struct store *store)
{
    send_prepared(store, "begin", NULL, (struct waiting){.kind = STATEMENT});
}

void store_commit(struct store *store)
{
    send_prepared(store, "commit", NULL, (struct waiting){.kind = COMMIT});
}

void store_rollback(struct store *store)
{
    send_prepared(store, "rollback", NULL, (struct waiting){.kind = STATEMENT});
}

void store_send(struct store *store, const struct statement *statement, struct params *params, store_rows_fn *fn,
                void *context)
{
    if (params)
        params_finish(params);
    send_prepared(store, statement->name, params,
                  (struct waiting){.kind = STATEMENT, .rows_fn = fn, .context = context});
}

void store_sync(struct store *store, store_done_fn *fn, void *context)
{
    PQpipelineSync(store->connection);
    push_waiting(store,
                 (struct waiting){.kind = SYNC, .done_fn = fn, .context = context, .sent_us = clock_monotonic_us()});
    flush(store);
}
