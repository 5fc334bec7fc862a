/* See engine.h. */
#include "tests/steps/engine.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/log.h"
#include "common/loop.h"

struct engine {
    struct loop *loop;
    struct store *store;
    const struct step *step;
    const struct statement *statements[2 * STEP_QUERIES_MAX + 1];
    /* of the run under way */
    struct fixture *fixture;
    engine_between_fn *between;
    void *context;
    bool is_over;
    unsigned conflicts; /* in a row */
    enum store_result result;
    struct store_failure failure;
};

const char *database_url(const char *role)
{
    char name[64];
    const char *url;

    snprintf(name, sizeof name, "%s_DATABASE_URL", role);
    url = getenv(name);
    if (!url) {
        fprintf(stderr, "%s is not set: step tests are started by tests/steps/run\n", name);
        exit(2);
    }
    return url;
}

static bool is_up(void *context)
{
    return store_is_up(((struct engine *)context)->store);
}

struct engine *engine_new(const struct step *step, const char *role)
{
    struct engine *engine = calloc(1, sizeof *engine);
    size_t count = 0;

    log_open("test", LOG_ERROR);
    engine->loop = loop_new();
    engine->step = step;
    for (size_t i = 0; i < STEP_QUERIES_MAX && step->loads[i].statement; i++)
        engine->statements[count++] = step->loads[i].statement;
    for (size_t i = 0; i < STEP_QUERIES_MAX && step->stores[i].statement; i++)
        engine->statements[count++] = step->stores[i].statement;
    engine->store = store_open(
        engine->loop,
        &(struct store_options){.url = database_url(role), .name = step->name, .statements = engine->statements});
    loop_until(engine->loop, is_up, engine);
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    store_close(engine->store);
    loop_free(engine->loop);
    free(engine);
}

/* ---- one batch ---- */

struct taken {
    struct engine *engine;
    const struct query *query;
};

static void on_rows(const struct rows *rows, void *context)
{
    const struct taken *taken = context;

    taken->query->take(taken->engine->fixture->batch, rows);
}

static void send_queries(struct engine *engine, const struct query *queries)
{
    struct batch *batch = engine->fixture->batch;

    for (size_t i = 0; i < STEP_QUERIES_MAX && queries[i].statement; i++) {
        struct params *params = params_new(batch->arena);
        struct taken *taken = ARENA_NEW(batch->arena, struct taken);

        *taken = (struct taken){engine, &queries[i]};
        if (queries[i].bind(batch, params))
            store_send(engine->store, queries[i].statement, params, queries[i].take ? on_rows : NULL, taken);
    }
}

static void on_rolled_back(struct store *store, const struct store_failure *failure, void *context)
{
    struct engine *engine = context;

    (void)store;
    (void)failure;
    engine->is_over = true;
}

static void give_up(struct engine *engine, const struct store_failure *failure)
{
    engine->result = failure->result;
    engine->failure = *failure;
    if (!store_is_up(engine->store)) {
        engine->is_over = true;
        return;
    }
    store_rollback(engine->store);
    store_sync(engine->store, on_rolled_back, engine);
}

static void on_stored(struct store *store, const struct store_failure *failure, void *context)
{
    struct engine *engine = context;

    (void)store;
    if (failure)
        give_up(engine, failure);
    else
        engine->is_over = true;
}

static void on_loaded(struct store *store, const struct store_failure *failure, void *context)
{
    struct engine *engine = context;

    if (failure) {
        give_up(engine, failure);
        return;
    }
    if (engine->between)
        engine->between(engine->context);
    engine->step->decide(engine->fixture->batch);
    send_queries(engine, engine->step->stores);
    store_commit(store);
    store_sync(store, on_stored, engine);
}

static bool is_over(void *context)
{
    return ((struct engine *)context)->is_over;
}

enum store_result engine_run(struct engine *engine, struct fixture *fixture, engine_between_fn *between, void *context)
{
    assert_true(fixture->step == engine->step);
    engine->fixture = fixture;
    engine->between = between;
    engine->context = context;
    engine->is_over = false;
    engine->result = STORE_OK;
    loop_until(engine->loop, is_up, engine);
    fixture->batch = batch_new(fixture->arena, fixture->step, fixture->entries, fixture->count, fixture->now_us);
    fixture->batch->conflicts = engine->conflicts;
    batch_begin(fixture->batch);
    store_begin(engine->store);
    send_queries(engine, engine->step->loads);
    store_sync(engine->store, on_loaded, engine);
    loop_until(engine->loop, is_over, engine);
    engine->conflicts = engine->result == STORE_CONFLICT ? engine->conflicts + 1 : 0;
    return engine->result;
}

void engine_settle(struct engine *engine, struct fixture *fixture)
{
    enum store_result result = STORE_CONFLICT;

    for (int tries = 0; result == STORE_CONFLICT && tries < 5; tries++)
        result = engine_run(engine, fixture, NULL, NULL);
    check_row(result == STORE_OK, "%s %s", engine->failure.sqlstate, engine->failure.message);
}

static void on_sent(struct store *store, const struct store_failure *failure, void *context)
{
    struct engine *engine = context;

    (void)store;
    if (failure) {
        engine->result = failure->result;
        engine->failure = *failure;
    }
    engine->is_over = true;
}

enum store_result engine_send(struct engine *engine, const char *statement, struct params *params)
{
    const struct statement *const *found = engine->statements;

    while (*found && strcmp((*found)->name, statement) != 0)
        found++;
    assert_non_null(*found);
    engine->is_over = false;
    engine->result = STORE_OK;
    store_send(engine->store, *found, params, NULL, NULL);
    store_sync(engine->store, on_sent, engine);
    loop_until(engine->loop, is_over, engine);
    return engine->result;
}

const struct store_failure *engine_failure(const struct engine *engine)
{
    return &engine->failure;
}

void check_said_the_same(const struct fixture *a, const struct fixture *b)
{
    const struct fact *x = a->batch->said, *y = b->batch->said;

    for (; x && y; x = x->next, y = y->next) {
        assert_int_equal(x->stream, y->stream);
        assert_int_equal(x->word_count, y->word_count);
        for (size_t i = 0; i < x->word_count; i++)
            if (!text_equal(x->words[i], y->words[i]))
                fail_msg("%.*s is not %.*s", (int)x->words[i].len, x->words[i].ptr, (int)y->words[i].len,
                         y->words[i].ptr);
    }
    assert_true(!x && !y);
}

/* ---- the database from outside ---- */

static PGconn *admin;

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

static PGconn *connect_admin(void)
{
    if (admin)
        return admin;
    admin = PQconnectdb(database_url("ADMIN"));
    if (PQstatus(admin) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(admin));
        exit(2);
    }
    PQsetNoticeProcessor(admin, ignore_notice, NULL);
    PQclear(PQexec(admin, "SET timezone = 'UTC'"));
    return admin;
}

void database_close(void)
{
    PQfinish(admin);
    admin = NULL;
}

void database_do(const char *format, ...)
{
    char sql[4096];
    va_list args;
    PGresult *result;

    va_start(args, format);
    assert_true(vsnprintf(sql, sizeof sql, format, args) < (int)sizeof sql);
    va_end(args);
    result = PQexec(connect_admin(), sql);
    check_row(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", sql,
              PQresultErrorMessage(result));
    PQclear(result);
}

void database_clear(void)
{
    database_do(
        "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%%I.%%I', schemaname, tablename), ', ') || "
        "' RESTART IDENTITY' FROM pg_tables WHERE schemaname IN ('ticketing', 'payment', 'log', 'access') AND tablename <> 'version'); END $$");
}

const char *database_rows(const char *sql)
{
    static char out[16384];
    size_t len = 0;
    PGresult *result = PQexec(connect_admin(), sql);

    check_row(PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", sql, PQresultErrorMessage(result));
    out[0] = '\0';
    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++) {
            len += (size_t)snprintf(out + len, sizeof out - len, "%s%s",
                                    column > 0 ? "|"
                                    : row > 0  ? " "
                                               : "",
                                    PQgetisnull(result, row, column) ? "-" : PQgetvalue(result, row, column));
            assert_true(len < sizeof out);
        }
    PQclear(result);
    return out;
}

void engine_check_rows(const char *sql, const char *expected, const char *file, int line)
{
    const char *rows = database_rows(sql);

    if (strcmp(rows, expected) == 0)
        return;
    print_error("%s\n  gives  %s\n  and not %s\n", sql, rows, expected);
    _fail(file, line);
}
