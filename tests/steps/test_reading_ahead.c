/* The engine reads the next entries while the store works on a full batch. The runner, its reader and the store are the
 * real ones; Redis is a fake whose answers come when a test wants them. */
#include "tests/steps/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/runner.h"
#include "tests/unit/fake_redis.h"

#define READ            "XREADGROUP GROUP record me COUNT 2 BLOCK 2000 STREAMS events >"
#define HISTORY         "XREADGROUP GROUP record me COUNT 2 STREAMS events 0"
#define NOTHING         "*0\r\n"
#define HOLD            "SELECT pg_advisory_lock(4711)"
#define RELEASE         "SELECT pg_advisory_unlock(4711)"
#define LET_ONE_THROUGH RELEASE ", pg_advisory_lock(4711)" /* who waits comes first */
#define LOSE            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'record'"
#define ENTRY(n)        "*2\r\n$3\r\n1-" #n "\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
#define PAGE            "*1\r\n*2\r\n$6\r\nevents\r\n"
#define FIRST           PAGE "*2\r\n" ENTRY(1) ENTRY(2)
#define SECOND          PAGE "*2\r\n" ENTRY(3) ENTRY(4)
#define ALONE           PAGE "*1\r\n" ENTRY(5)

static bool bind_always(struct batch *batch, struct params *params)
{
    (void)batch;
    (void)params;
    return true;
}

static void decide(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        done(batch, i, NULL);
}

static const struct statement wait_for_the_test = {"wait_for_the_test", "SELECT pg_advisory_xact_lock(4711)"};

static const struct step step = {
    .name = "record", /* a group that reads events */
    .reads = {EVENTS},
    .reads_count = 1,
    .key = -1,
    .reads_ahead = true,
    .wants_refused = true, /* as record does; too large entries are such */
    .loads = NO_QUERIES,
    .stores = (const struct query[]){{&wait_for_the_test, bind_always, NULL}, {NULL, NULL, NULL}},
    .decide = decide,
};

static struct loop *loop;
static struct fake_redis *fake;

struct scene {
    struct worker worker;
    struct runner *runner;
    bool is_held;
};

static void on_idle(struct worker *worker)
{
    (void)worker;
}

static int start(void **state)
{
    char url[64];

    (void)state;
    log_open("test", LOG_ERROR + 1);
    loop = loop_new();
    fake = fake_redis_new(loop);
    fake_redis_answer(fake, "CLIENT ID", ":7\r\n");
    fake_redis_answer(fake, "XREADGROUP", "");
    fake_redis_answer(fake, HISTORY, NOTHING);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", fake_redis_port(fake));
    setenv("REDIS_URL", url, 1);
    setenv("DATABASE_URL", database_url("AGGREGATOR"), 1);
    setenv("BATCH", "2", 1);
    config_load();
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_redis_free(fake);
    loop_free(loop);
    database_close();
    return 0;
}

/* ---- what is waited for ---- */

static bool waits_for_entries(void *context)
{
    const struct scene *scene = context;

    return store_is_up(scene->runner->store) && fake_redis_count(fake, READ) == 1;
}

static bool is_storing(void *context)
{
    return ((struct scene *)context)->runner->state == RUNNER_STORING;
}

static bool has_read_again(void *context)
{
    (void)context;
    return fake_redis_count(fake, READ) > 0;
}

static bool is_reading(void *context)
{
    return fake_redis_count(fake, "XREADGROUP") > 0 && ((struct scene *)context)->runner->is_reading;
}

static bool has_more_to_do(void *context)
{
    return ((struct scene *)context)->runner->inbox.todo.count == 2;
}

/* The server has come to it: whoever is let through next is the store. */
static bool is_held_up(void *context)
{
    (void)context;
    return strcmp(database_rows(
                      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"),
                  "1") == 0;
}

static bool has_acknowledged_all(void *context)
{
    (void)context;
    return fake_redis_count(fake, "XACK events record 1-1 1-2;") > 0 &&
           fake_redis_count(fake, "XACK events record 1-3 1-4;") > 0;
}

static bool has_acknowledged_one(void *context)
{
    (void)context;
    return fake_redis_count(fake, "XACK events record 1-5;") == 1;
}

static bool has_history_to_read(void *context)
{
    const struct scene *scene = context;

    return scene->runner->has_history && redis_is_up(scene->runner->reader);
}

static bool has_begun_again(void *context)
{
    return ((struct scene *)context)->runner->failures > 0 && is_storing(context);
}

/* ---- a scene: a step that waits for entries, and a store that waits for the test ---- */

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);

    *state = scene;
    fake_redis_forget(fake);
    fake_redis_answer(fake, HISTORY, NOTHING);
    scene->worker =
        (struct worker){.loop = loop, .program = "test", .consumer = TEXT("me"), .is_alive = true, .on_idle = on_idle};
    scene->worker.commands = redis_open(
        loop, &(struct redis_options){.url = config()->redis_url, .name = "commands", .command_ms = REDIS_COMMAND_MS});
    scene->runner = runner_new(&scene->worker, &step);
    loop_until(loop, waits_for_entries, scene);
    fake_redis_forget(fake);
    return 0;
}

static void hold(struct scene *scene)
{
    database_do(HOLD);
    scene->is_held = true;
}

static void release(struct scene *scene)
{
    if (scene->is_held)
        database_do(RELEASE);
    scene->is_held = false;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    release(scene);
    redis_close(scene->worker.commands);
    runner_free(scene->runner);
    free(scene);
    return 0;
}

/* To the read that waits; the reader's connection is the newest. */
static void give(const char *answer)
{
    fake_redis_say(fake, answer, strlen(answer));
}

/* The first entries are being stored, and the next have been read. */
static void read_ahead(struct scene *scene)
{
    hold(scene);
    give(FIRST);
    loop_until(loop, is_storing, scene);
    loop_until(loop, has_read_again, scene);
    give(SECOND);
    loop_until(loop, has_more_to_do, scene);
}

/* ---- tests ---- */

static void behind_a_full_batch_the_next_entries_are_read_and_no_more(void **state)
{
    struct scene *scene = *state;

    read_ahead(scene);
    assert_true(is_storing(scene));
    release(scene);
    assert_int_equal(fake_redis_count(fake, READ), 1); /* what was read ahead is to be done first */
    loop_until(loop, has_acknowledged_all, scene);
}

static void behind_a_batch_that_is_not_full_nothing_is_read(void **state)
{
    struct scene *scene = *state;

    hold(scene);
    give(ALONE);
    loop_until(loop, is_storing, scene);
    assert_false(scene->runner->is_reading);
    release(scene);
    loop_until(loop, has_acknowledged_one, scene);
    loop_until(loop, is_reading, scene);
}

static void what_was_read_ahead_stays_when_the_batch_fails(void **state)
{
    struct scene *scene = *state;

    read_ahead(scene);
    database_do(LOSE);
    loop_until(loop, has_begun_again, scene);
    assert_int_equal(scene->runner->inbox.under_way.count + scene->runner->inbox.todo.count, 4);
    assert_false(scene->runner->is_reading);
    release(scene);
    loop_until(loop, has_acknowledged_all, scene);
}

/* What Redis had given out when its connection was lost is read again, but not before the batch under way is through:
 * a page of history would show what is in hand, and nothing behind it. */
static void what_was_on_its_way_when_redis_was_lost_is_read_again(void **state)
{
    struct scene *scene = *state;

    hold(scene);
    give(FIRST);
    loop_until(loop, is_storing, scene);
    loop_until(loop, has_read_again, scene);
    fake_redis_forget(fake);
    fake_redis_answer(fake, HISTORY, SECOND);
    fake_redis_hang_up(fake);
    loop_until(loop, has_history_to_read, scene);
    database_do(LOSE);
    loop_until(loop, has_begun_again, scene);
    assert_int_equal(fake_redis_count(fake, HISTORY), 0);
    release(scene);
    loop_until(loop, has_acknowledged_all, scene);
}

/* What a rescue took over and could not bring (redis_was_too_large) is history, too, and a read for news is under way.
 */
static void history_that_comes_while_news_are_waited_for_is_not_forgotten(void **state)
{
    struct scene *scene = *state;

    scene->runner->has_history = true;
    give(ALONE);
    loop_until(loop, has_acknowledged_one, scene);
    loop_until(loop, is_reading, scene);
    assert_int_equal(fake_redis_count(fake, HISTORY), 1);
}

static size_t wanted_reads;

static bool has_read_so_often(void *context)
{
    const struct runner *runner = ((struct scene *)context)->runner;

    return is_storing(context) && fake_redis_count(fake, READ) == wanted_reads && runner->inbox.todo.count > 0;
}

/* However long a crowd goes on, two reads are in memory: that of the batch under way, and the next. */
static void what_was_read_is_freed_behind_its_batch(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(fake, READ, FIRST);
    hold(scene);
    give(FIRST);
    for (wanted_reads = 1; wanted_reads <= 20; wanted_reads++) {
        loop_until(loop, has_read_so_often, scene);
        loop_until(loop, is_held_up, scene);
        assert_int_equal(scene->runner->inbox.reading_count, 2);
        database_do(LET_ONE_THROUGH);
    }
    fake_redis_answer(fake, READ, "");
    release(scene);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(behind_a_full_batch_the_next_entries_are_read_and_no_more),
        TEST(behind_a_batch_that_is_not_full_nothing_is_read),
        TEST(what_was_read_ahead_stays_when_the_batch_fails),
        TEST(what_was_on_its_way_when_redis_was_lost_is_read_again),
        TEST(history_that_comes_while_news_are_waited_for_is_not_forgotten),
        TEST(what_was_read_is_freed_behind_its_batch),
    };

    return cmocka_run_group_tests(tests, start, end);
}
