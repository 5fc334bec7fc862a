/* store: the connection to PostgreSQL with a real server: what is sent arrives, what fails says how, what is lost comes
 * back. */
#include "tests/steps/engine.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"

#define STATEMENTS_MAX 8

struct scene {
    struct loop *loop;
    struct store *store;
    struct arena *arena;
    const struct statement *statements[STATEMENTS_MAX + 1];
    char story[16384]; /* what the callbacks were told, in order */
    size_t story_len, groups, ups, downs;
    struct store_failure failure;
};

static void tell(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct scene *scene, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    scene->story_len +=
        (size_t)vsnprintf(scene->story + scene->story_len, sizeof scene->story - scene->story_len, format, args);
    va_end(args);
    assert_true(scene->story_len < sizeof scene->story);
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);

    log_open("test", LOG_ERROR + 1);
    database_do(
        "CREATE SCHEMA IF NOT EXISTS test; GRANT USAGE ON SCHEMA test TO PUBLIC; DROP TABLE IF EXISTS test.things; "
        "CREATE TABLE test.things (id bigint PRIMARY KEY, name text NOT NULL CHECK (name <> 'forbidden')); "
        "GRANT SELECT, INSERT ON test.things TO PUBLIC; "
        "CREATE OR REPLACE FUNCTION test.fail(code text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION E'it failed\\nfor more than one line' USING ERRCODE = code, DETAIL = 'not for the log'; END $$");
    scene->loop = loop_new();
    scene->arena = arena_new();
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    store_close(scene->store);
    arena_free(scene->arena);
    loop_free(scene->loop);
    free(scene);
    return 0;
}

static void on_state(struct store *store, bool is_up, void *context)
{
    struct scene *scene = context;

    assert_true(store_is_up(store) == is_up);
    tell(scene, is_up ? "up; " : "down; ");
    if (is_up)
        scene->ups++;
    else
        scene->downs++;
}

static void start(struct scene *scene, uint64_t life_lock)
{
    scene->store = store_open(scene->loop, &(struct store_options){.url = database_url("TICKET"),
                                                                   .name = "test store",
                                                                   .statements = scene->statements,
                                                                   .on_state = on_state,
                                                                   .context = scene,
                                                                   .life_lock = life_lock});
}

static bool is_up(void *context)
{
    return store_is_up(((struct scene *)context)->store);
}

/* Opens the store with these statements; they are named s0, s1, … */
static void start_with(struct scene *scene, size_t count, const char *const *sql)
{
    static const char *const names[STATEMENTS_MAX] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};

    for (size_t i = 0; i < count; i++) {
        struct statement *statement = ARENA_NEW(scene->arena, struct statement);

        *statement = (struct statement){names[i], sql[i]};
        scene->statements[i] = statement;
    }
    start(scene, 0);
    assert_false(store_is_up(scene->store)); /* nothing happens inside the call */
    loop_until(scene->loop, is_up, scene);
    scene->story_len = 0;
    scene->story[0] = '\0';
}

#define START_WITH(scene, ...)                                                                                         \
    start_with((scene), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

static void on_done(struct store *store, const struct store_failure *failure, void *context)
{
    static const char *const names[] = {
        [STORE_OK] = "OK",
        [STORE_LOST] = "LOST",
        [STORE_AWAY] = "AWAY",
        [STORE_CONFLICT] = "CONFLICT",
        [STORE_BAD_DATA] = "BAD_DATA",
        [STORE_BROKEN] = "BROKEN",
    };
    struct scene *scene = context;

    (void)store;
    if (failure) {
        scene->failure = *failure;
        tell(scene, "%s %s; ", names[failure->result], failure->sqlstate);
    } else {
        tell(scene, "OK; ");
    }
    scene->groups++;
}

static void on_rows(const struct rows *rows, void *context)
{
    struct scene *scene = context;

    tell(scene, "%zu rows; ", rows_count(rows)); /* also of a statement that has none to give */
}

/* Statement n with one number as its only parameter. */
static void send_number(struct scene *scene, size_t n, int64_t number)
{
    struct params *params = params_new(scene->arena);

    params_int64(params, number);
    store_send(scene->store, scene->statements[n], params, on_rows, scene);
}

static size_t wanted;

static bool has_groups(void *context)
{
    return ((struct scene *)context)->groups >= wanted;
}

static bool has_ups(void *context)
{
    return ((struct scene *)context)->ups >= wanted;
}

static bool has_downs(void *context)
{
    return ((struct scene *)context)->downs >= wanted;
}

static void end_group(struct scene *scene)
{
    store_sync(scene->store, on_done, scene);
}

static void wait_groups(struct scene *scene, size_t count)
{
    wanted = count;
    loop_until(scene->loop, has_groups, scene);
}

#define INSERT "INSERT INTO test.things VALUES ($1::bigint, 'thing')"
#define THINGS "SELECT id FROM test.things ORDER BY id"

/* ---- what is sent arrives ---- */

static void take_values(const struct rows *rows, void *context)
{
    struct scene *scene = context;

    assert_int_equal(rows_count(rows), 1);
    tell(scene, "%.*s %.*s %lld %d %d", (int)rows_text(rows, 0, 0).len, rows_text(rows, 0, 0).ptr, UUID_TEXT_BYTES,
         uuid_text(scene->arena, rows_uuid(rows, 0, 1)).ptr, (long long)rows_int(rows, 0, 2), rows_bool(rows, 0, 3),
         rows_bool(rows, 0, 4));
    tell(scene, " %lld %lld %s %s", (long long)rows_time(rows, 0, 5), (long long)rows_int(rows, 0, 6),
         rows_is_null(rows, 0, 7) ? "null" : "?",
         rows_text(rows, 0, 8).ptr && rows_text(rows, 0, 8).len == 0 ? "empty" : "?");
    tell(scene, " %g %.*s; ", rows_double(rows, 0, 9), (int)rows_text(rows, 0, 10).len, rows_text(rows, 0, 10).ptr);
}

static void every_kind_of_value_goes_there_and_back(void **state)
{
    struct scene *scene = *state;
    struct params *params;
    struct uuid id;

    START_WITH(
        scene,
        "SELECT $1::text, $2::uuid, $3::bigint, $4::boolean, $5::boolean, $6::timestamptz, $7::smallint, $8::text, "
        "$9::text, 1.5::float8, $10::timestamptz::text");
    params = params_new(scene->arena);
    assert_true(uuid_parse(TEXT("01563e3a-b5d3-d676-4c61-efb99302bd5b"), &id));
    params_text(params, TEXT("caf\xC3\xA9 'quoted' $1"));
    params_uuid(params, id);
    params_int64(params, INT64_MIN);
    params_bool(params, true);
    params_bool(params, false);
    params_time(params, 1795224125123456);
    params_int16(params, -7);
    params_text(params, TEXT_NONE);
    params_text(params, TEXT(""));
    params_time(params, 1795224125123456);
    store_send(scene->store, scene->statements[0], params, take_values, scene);
    end_group(scene);
    wait_groups(scene, 1);
    assert_string_equal(scene->story,
                        "caf\xC3\xA9 'quoted' $1 01563e3a-b5d3-d676-4c61-efb99302bd5b -9223372036854775808 1 0 "
                        "1795224125123456 -7 null empty 1.5 2026-11-21 01:22:05.123456+00; OK; ");
}

static void take_arrays(const struct rows *rows, void *context)
{
    struct scene *scene = context;

    for (size_t row = 0; row < rows_count(rows); row++) {
        const struct text text = rows_text(rows, row, 0);

        tell(scene, "%.*s; ", (int)text.len, text.ptr);
    }
}

static void every_kind_of_array_arrives(void **state)
{
    static const enum column_type types[] = {COLUMN_TEXT,  COLUMN_UUID, COLUMN_INT64, COLUMN_INT32,
                                             COLUMN_INT16, COLUMN_TIME, COLUMN_PLACE, COLUMN_BOOL};
    struct scene *scene = *state;
    struct params *params;
    struct column *texts, *uuids, *longs, *ints, *shorts, *times, *places, *bools;

    START_WITH(
        scene,
        "SELECT concat_ws(' ', coalesce(t, '-'), left(u::text, 8), l, i, s, to_char(m, 'YYYY'), p, b) "
        "FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::integer[], $5::smallint[], $6::timestamptz[], $7::tid[], "
        "$8::boolean[]) AS row(t, u, l, i, s, m, p, b)");
    params = params_new(scene->arena);
    texts = params_column(params, COLUMN_TEXT);
    uuids = params_column(params, COLUMN_UUID);
    longs = params_column(params, COLUMN_INT64);
    ints = params_column(params, COLUMN_INT32);
    shorts = params_column(params, COLUMN_INT16);
    times = params_column(params, COLUMN_TIME);
    places = params_column(params, COLUMN_PLACE);
    bools = params_column(params, COLUMN_BOOL);
    for (int i = 0; i < 3; i++) {
        column_text(texts, i == 1 ? TEXT_NONE : i == 2 ? TEXT("") : TEXT("{a,\"b\"}"));
        column_uuid(uuids, (struct uuid){{(uint8_t)i}});
        column_int(longs, i == 0 ? INT64_MAX : -i);
        column_int(ints, i == 0 ? INT32_MIN : i);
        column_int(shorts, i == 0 ? INT16_MAX : i);
        column_time(times, i == 0 ? 0 : 1795224125123456);
        column_place(places, i == 0 ? 0xFFFFFFFEFFFF : (uint64_t)i << 16 | 7);
        column_bool(bools, i == 0);
    }
    store_send(scene->store, scene->statements[0], params, take_arrays, scene);
    params = params_new(scene->arena);
    for (size_t i = 0; i < COUNT_OF(types); i++)
        params_column(params, types[i]); /* all empty */
    store_send(scene->store, scene->statements[0], params, on_rows, scene);
    end_group(scene);
    wait_groups(scene, 1);
    assert_string_equal(scene->story,
                        "{a,\"b\"} 00000000 9223372036854775807 -2147483648 32767 1970 (4294967294,65535) t; "
                        "- 01000000 -1 1 1 2026 (1,7) f;  02000000 -2 2 2 2026 (2,7) f; 0 rows; OK; ");
}

static void take_numbers(const struct rows *rows, void *context)
{
    struct scene *scene = context;

    for (int field = 0; field < 3; field++) {
        size_t count;
        const int64_t *numbers = rows_int_array(rows, 0, field, scene->arena, &count);

        for (size_t i = 0; i < count; i++)
            tell(scene, "%lld ", (long long)numbers[i]);
        tell(scene, "; ");
    }
}

static void an_array_of_numbers_comes_back(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, "SELECT ARRAY[5, -1, 9223372036854775807]::bigint[], '{}'::bigint[], NULL::bigint[]");
    store_send(scene->store, scene->statements[0], NULL, take_numbers, scene);
    end_group(scene);
    wait_groups(scene, 1);
    assert_string_equal(scene->story, "5 -1 9223372036854775807 ; ; ; OK; ");
}

static void take_length(const struct rows *rows, void *context)
{
    tell(context, "%lld %zu; ", (long long)rows_int(rows, 0, 0), rows_text(rows, 0, 1).len);
}

/* More than the sockets hold, in both directions. */
static void twenty_megabytes_go_there_and_back(void **state)
{
    struct scene *scene = *state;
    struct params *params;
    const size_t len = 20 << 20;
    const char *large = memset(arena_alloc_raw(scene->arena, len), 'x', len);

    START_WITH(scene, "SELECT length($1::text), $1::text");
    params = params_new(scene->arena);
    params_text(params, (struct text){large, len});
    store_send(scene->store, scene->statements[0], params, take_length, scene);
    end_group(scene);
    wait_groups(scene, 1);
    assert_string_equal(scene->story, "20971520 20971520; OK; ");
}

static void groups_are_answered_in_their_order(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT, "SELECT generate_series(1, $1::bigint)");
    for (int64_t i = 1; i <= 100; i++) {
        send_number(scene, 1, i);
        send_number(scene, 0, i == 50 ? 49 : i); /* the fiftieth fails */
        end_group(scene);
    }
    assert_false(store_is_idle(scene->store));
    wait_groups(scene, 100);
    assert_true(store_is_idle(scene->store));
    assert_true(strncmp(scene->story, "1 rows; 0 rows; OK; 2 rows; 0 rows; OK; ", 40) == 0);
    assert_non_null(strstr(scene->story, "49 rows; 0 rows; OK; 50 rows; CONFLICT 23505; 51 rows; 0 rows; OK; "));
    assert_non_null(strstr(scene->story, "100 rows; 0 rows; OK; "));
    check_rows("SELECT count(*) FROM test.things", "99");
}

/* ---- transactions ---- */

static void a_group_is_a_transaction_of_its_own(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    send_number(scene, 0, 1);
    send_number(scene, 0, 2);
    send_number(scene, 0, 1); /* again */
    send_number(scene, 0, 3);
    end_group(scene);
    send_number(scene, 0, 4);
    end_group(scene);
    wait_groups(scene, 2);
    assert_string_equal(scene->story, "0 rows; 0 rows; CONFLICT 23505; 0 rows; OK; ");
    check_rows(THINGS, "4");
}

static void a_transaction_spans_groups_until_it_is_committed(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    store_begin(scene->store);
    send_number(scene, 0, 1);
    end_group(scene);
    wait_groups(scene, 1);
    check_rows(THINGS, "");
    send_number(scene, 0, 2);
    store_commit(scene->store);
    end_group(scene);
    wait_groups(scene, 2);
    assert_string_equal(scene->story, "0 rows; OK; 0 rows; OK; ");
    check_rows(THINGS, "1 2");
}

static void a_failed_transaction_leaves_nothing_and_the_connection_goes_on(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    store_begin(scene->store);
    send_number(scene, 0, 1);
    end_group(scene);
    send_number(scene, 0, 1);
    store_commit(scene->store);
    end_group(scene);
    store_rollback(scene->store);
    end_group(scene);
    store_begin(scene->store);
    send_number(scene, 0, 7);
    store_commit(scene->store);
    end_group(scene);
    wait_groups(scene, 4);
    assert_string_equal(scene->story, "0 rows; OK; CONFLICT 23505; OK; 0 rows; OK; ");
    check_rows(THINGS, "7");
}

/* The server answers COMMIT with ROLLBACK, which is no error to it. */
static void a_commit_that_rolls_back_is_a_failure(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    store_begin(scene->store);
    send_number(scene, 0, 1);
    send_number(scene, 0, 1);
    end_group(scene);
    store_commit(scene->store);
    end_group(scene);
    wait_groups(scene, 2);
    assert_string_equal(scene->story, "0 rows; CONFLICT 23505; AWAY 25P02; ");
    check_rows(THINGS, "");
}

/* ---- failures ---- */

static void failures_are_told_apart(void **state)
{
    static const struct {
        const char *sqlstate, *story;
    } cases[] = {
        {"40001", "CONFLICT 40001; "}, {"40P01", "CONFLICT 40P01; "}, {"23505", "CONFLICT 23505; "},
        {"55P03", "CONFLICT 55P03; "}, {"22012", "BAD_DATA 22012; "}, {"22021", "BAD_DATA 22021; "},
        {"23502", "BAD_DATA 23502; "}, {"23514", "BAD_DATA 23514; "}, {"23503", "BAD_DATA 23503; "},
        {"42501", "BROKEN 42501; "},   {"42P01", "BROKEN 42P01; "},   {"42883", "BROKEN 42883; "},
        {"0A000", "BROKEN 0A000; "},   {"53100", "AWAY 53100; "},     {"53200", "AWAY 53200; "},
        {"53300", "AWAY 53300; "},     {"57014", "AWAY 57014; "},     {"25006", "AWAY 25006; "},
        {"58030", "AWAY 58030; "},     {"XX000", "AWAY XX000; "},     {"55000", "AWAY 55000; "},
        {"P0001", "AWAY P0001; "},
    };
    struct scene *scene = *state;

    START_WITH(scene, "SELECT test.fail($1::text)");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct params *params = params_new(scene->arena);

        scene->story_len = 0;
        params_text(params, text_of(cases[i].sqlstate));
        store_send(scene->store, scene->statements[0], params, on_rows, scene);
        end_group(scene);
        wait_groups(scene, i + 1);
        assert_string_equal(scene->story, cases[i].story);
        assert_string_equal(scene->failure.message, "it failed");
    }
    assert_int_equal(scene->downs, 0);
}

#define SLEEPER                                                                                                        \
    "(SELECT pid FROM pg_stat_activity WHERE application_name = 'test store' AND query LIKE 'SELECT pg_sleep%%')"

static bool is_asleep(void *context)
{
    (void)context;
    return strcmp(database_rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), "1") == 0;
}

static void real_failures_are_told_apart_too(void **state)
{
    struct scene *scene = *state;
    struct params *params = params_new(scene->arena);

    START_WITH(scene, "SELECT 1 / $1::bigint", "INSERT INTO test.things VALUES (1, NULL)",
               "INSERT INTO test.things VALUES (1, 'forbidden')", "DELETE FROM test.things", "SELECT $1::text",
               "SELECT pg_sleep(20)");
    send_number(scene, 0, 0);
    end_group(scene);
    store_send(scene->store, scene->statements[1], NULL, on_rows, scene);
    end_group(scene);
    store_send(scene->store, scene->statements[2], NULL, on_rows, scene);
    end_group(scene);
    store_send(scene->store, scene->statements[3], NULL, on_rows, scene);
    end_group(scene);
    params_text(params, TEXT("\xFF"));
    store_send(scene->store, scene->statements[4], params, on_rows, scene);
    end_group(scene);
    wait_groups(scene, 5);
    assert_string_equal(scene->story, "BAD_DATA 22012; BAD_DATA 23502; BAD_DATA 23514; BROKEN 42501; BAD_DATA 22021; ");
    scene->story_len = 0;
    store_send(scene->store, scene->statements[5], NULL, on_rows, scene);
    end_group(scene);
    loop_until(scene->loop, is_asleep, scene);
    database_do("SELECT pg_cancel_backend(" SLEEPER ")");
    wait_groups(scene, 6);
    assert_string_equal(scene->story, "AWAY 57014; ");
}

/* Together they take longer than the store waits for one that does not answer (STORE_STATEMENT_MS). */
static void a_group_may_wait_long_for_slow_ones_before_it(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, "SELECT pg_sleep(3.9)");
    for (size_t i = 0; i < 3; i++) {
        store_send(scene->store, scene->statements[0], NULL, NULL, NULL);
        end_group(scene);
    }
    for (size_t i = 1; i <= 3; i++)
        wait_groups(scene, i);
    assert_string_equal(scene->story, "OK; OK; OK; ");
}

static void a_failure_is_said_without_what_stands_in_the_rows(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, "INSERT INTO test.things VALUES ($1::bigint, 'a secret name')");
    send_number(scene, 0, 1);
    end_group(scene);
    send_number(scene, 0, 1);
    end_group(scene);
    wait_groups(scene, 2);
    assert_string_equal(scene->failure.message, "duplicate key value violates unique constraint \"things_pkey\"");
}

/* ---- coming up ---- */

static bool has_error(void *context)
{
    return store_last_error(((struct scene *)context)->store)[0] != '\0';
}

static void a_statement_that_does_not_fit_the_schema_is_found_at_the_start(void **state)
{
    static const struct statement wrong = {"wrong", "SELECT nothing FROM test.things"};
    struct scene *scene = *state;

    scene->statements[0] = &wrong;
    start(scene, 0);
    loop_until(scene->loop, has_error, scene);
    assert_string_equal(store_last_error(scene->store), "cannot prepare: 42703 column \"nothing\" does not exist");
    assert_false(store_is_up(scene->store));
    /* It is tried again, and used as soon as the schema fits. */
    database_do("ALTER TABLE test.things ADD COLUMN nothing integer");
    loop_until(scene->loop, is_up, scene);
    assert_string_equal(store_last_error(scene->store), "");
}

static void a_wrong_password_is_said_and_tried_again(void **state)
{
    struct scene *scene = *state;

    database_do("ALTER ROLE karcis_ticket RENAME TO karcis_renamed"); /* the role is not there for a while */
    start(scene, 0);
    loop_until(scene->loop, has_error, scene);
    database_do("ALTER ROLE karcis_renamed RENAME TO karcis_ticket");
    assert_non_null(strstr(store_last_error(scene->store), "password authentication failed"));
    assert_int_equal(scene->ups, 0);
    assert_string_equal(scene->story, "");
    loop_until(scene->loop, is_up, scene); /* renaming keeps a SCRAM password */
}

static void open_url(void *context)
{
    struct loop *loop = loop_new();

    log_open("test", LOG_INFO);
    store_close(store_open(loop, &(struct store_options){.url = context, .name = "test"}));
    loop_free(loop);
}

static void a_url_that_cannot_be_read_ends_the_process_with_code_100(void **state)
{
    static char wrong[][64] = {"postgres://user:password@host:port:1/x?y", "nonsense", "host='"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct child child = support_run_in_child(open_url, wrong[i]);

        check_row(child.exit_code == 100, "%s: %d %s", wrong[i], child.exit_code, child.output);
        check_row(strstr(child.output, "DATABASE_URL"), "%s: %s", wrong[i], child.output);
        check_row(!strstr(child.output, "password@"), "%s", child.output);
    }
}

static void a_server_that_is_not_there_is_asked_again_and_again(void **state)
{
    struct scene *scene = *state;

    scene->store = store_open(scene->loop, &(struct store_options){.url = "postgres://karcis_ticket@127.0.0.1:1/karcis",
                                                                   .name = "test store",
                                                                   .statements = scene->statements,
                                                                   .on_state = on_state,
                                                                   .context = scene});
    loop_until(scene->loop, has_error, scene);
    assert_non_null(strstr(store_last_error(scene->store), "Connection refused"));
    assert_string_equal(scene->story, "");
}

static void take_settings(const struct rows *rows, void *context)
{
    tell(context, "%.*s; ", (int)rows_text(rows, 0, 0).len, rows_text(rows, 0, 0).ptr);
}

static void a_session_has_the_settings_that_the_design_relies_on(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, "SELECT concat_ws(' ', current_setting('plan_cache_mode'), current_setting('enable_seqscan'), "
                      "current_setting('synchronous_commit'), current_setting('timezone'), "
                      "current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'))");
    store_send(scene->store, scene->statements[0], NULL, take_settings, scene);
    end_group(scene);
    wait_groups(scene, 1);
    assert_string_equal(scene->story, "force_generic_plan off on UTC 2s test store; OK; ");
}

/* ---- losing it ---- */

static void terminate(void)
{
    database_do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test store'");
}

static void a_lost_connection_is_noticed_and_made_again(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    terminate();
    wanted = 1;
    loop_until(scene->loop, has_downs, scene);
    wanted = 2;
    loop_until(scene->loop, has_ups, scene);
    send_number(scene, 0, 1);
    end_group(scene);
    wait_groups(scene, 1);
    assert_string_equal(scene->story, "down; up; 0 rows; OK; ");
    check_rows(THINGS, "1");
}

static void groups_under_way_are_lost_in_their_order(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT, "SELECT pg_sleep($1::bigint)");
    send_number(scene, 0, 1);
    end_group(scene);
    wait_groups(scene, 1);
    send_number(scene, 1, 20);
    end_group(scene);
    send_number(scene, 0, 2);
    end_group(scene);
    store_sync(scene->store, NULL, NULL);
    loop_until(scene->loop, is_asleep, scene);
    database_do("SELECT pg_terminate_backend(" SLEEPER ")");
    wanted = 2;
    loop_until(scene->loop, has_ups, scene);
    assert_string_equal(scene->story, "0 rows; OK; LOST ; LOST ; down; up; ");
    assert_true(store_is_idle(scene->store));
    check_rows(THINGS, "1");
    send_number(scene, 0, 3);
    end_group(scene);
    wait_groups(scene, 4);
    check_rows(THINGS, "1 3");
}

static void what_is_sent_over_a_connection_that_just_died_is_lost(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    terminate(); /* the loop has not run since: the store thinks that it is up */
    assert_true(store_is_up(scene->store));
    store_begin(scene->store);
    send_number(scene, 0, 1);
    store_commit(scene->store);
    end_group(scene);
    wait_groups(scene, 1);
    wanted = 2;
    loop_until(scene->loop, has_ups, scene);
    assert_string_equal(scene->story, "LOST ; down; up; ");
    check_rows(THINGS, "");
}

static void reconnecting_loses_what_is_under_way(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    send_number(scene, 0, 1);
    end_group(scene);
    store_reconnect(scene->store, "the test says so");
    assert_string_equal(scene->story, "LOST ; down; ");
    assert_string_equal(store_last_error(scene->store), "the test says so");
    loop_until(scene->loop, is_up, scene);
}

static void closing_loses_what_is_under_way_and_says_no_more(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    send_number(scene, 0, 1);
    end_group(scene);
    store_close(scene->store);
    scene->store = NULL;
    assert_string_equal(scene->story, "LOST ; ");
    store_close(NULL);
}

static void closing_before_it_is_up_is_fine(void **state)
{
    struct scene *scene = *state;

    for (int turns = 0; turns < 6; turns++) { /* in each state on the way */
        start(scene, 0);
        for (int i = 0; i < turns; i++)
            event_base_loop(scene->loop->base, EVLOOP_ONCE);
        store_close(scene->store);
        scene->store = NULL;
    }
    assert_int_equal(scene->downs, 0);
}

/* A worker that stops in the middle holds locks that others wait for. */
static void who_stops_inside_a_transaction_is_thrown_out(void **state)
{
    struct scene *scene = *state;

    START_WITH(scene, INSERT);
    store_begin(scene->store);
    send_number(scene, 0, 1);
    end_group(scene);
    wait_groups(scene, 1);
    wanted = 1;
    loop_until(scene->loop, has_downs, scene);
    check_rows(THINGS, "");
    loop_until(scene->loop, is_up, scene);
}

/* ---- the life lock ---- */

#define LOCK 7777

static bool is_lock_free(void *context)
{
    (void)context;
    return strcmp(database_rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7777"), "0") ==
           0;
}

static bool is_lock_held(void *context)
{
    return !is_lock_free(context);
}

static void the_life_lock_is_held_while_the_session_lives(void **state)
{
    struct scene *scene = *state;

    start(scene, LOCK);
    loop_until(scene->loop, is_up, scene);
    assert_true(is_lock_held(NULL));
    assert_string_equal(database_rows("SELECT pg_try_advisory_lock(7777)"), "f");
    terminate();
    wanted = 2;
    loop_until(scene->loop, has_ups, scene);
    loop_until(scene->loop, is_lock_held, scene); /* the new session's */
    store_close(scene->store);
    scene->store = NULL;
    loop_until(scene->loop, is_lock_free, scene);
}

static void a_life_lock_that_is_still_held_keeps_nobody_from_coming_up(void **state)
{
    struct scene *scene = *state;

    database_do("SELECT pg_advisory_lock(7777)");
    start(scene, LOCK);
    loop_until(scene->loop, is_up, scene);
    database_do("SELECT pg_advisory_unlock(7777)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

static int end(void **state)
{
    (void)state;
    database_do("DROP SCHEMA test CASCADE");
    database_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_value_goes_there_and_back),
        TEST(every_kind_of_array_arrives),
        TEST(an_array_of_numbers_comes_back),
        TEST(twenty_megabytes_go_there_and_back),
        TEST(groups_are_answered_in_their_order),
        TEST(a_group_is_a_transaction_of_its_own),
        TEST(a_transaction_spans_groups_until_it_is_committed),
        TEST(a_failed_transaction_leaves_nothing_and_the_connection_goes_on),
        TEST(a_commit_that_rolls_back_is_a_failure),
        TEST(failures_are_told_apart),
        TEST(real_failures_are_told_apart_too),
        TEST(a_group_may_wait_long_for_slow_ones_before_it),
        TEST(a_failure_is_said_without_what_stands_in_the_rows),
        TEST(a_statement_that_does_not_fit_the_schema_is_found_at_the_start),
        TEST(a_wrong_password_is_said_and_tried_again),
        TEST(a_url_that_cannot_be_read_ends_the_process_with_code_100),
        TEST(a_server_that_is_not_there_is_asked_again_and_again),
        TEST(a_session_has_the_settings_that_the_design_relies_on),
        TEST(a_lost_connection_is_noticed_and_made_again),
        TEST(groups_under_way_are_lost_in_their_order),
        TEST(what_is_sent_over_a_connection_that_just_died_is_lost),
        TEST(reconnecting_loses_what_is_under_way),
        TEST(closing_loses_what_is_under_way_and_says_no_more),
        TEST(closing_before_it_is_up_is_fine),
        TEST(who_stops_inside_a_transaction_is_thrown_out),
        TEST(the_life_lock_is_held_while_the_session_lives),
        TEST(a_life_lock_that_is_still_held_keeps_nobody_from_coming_up),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
