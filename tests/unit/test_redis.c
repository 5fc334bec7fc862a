/* redis: our client against a server that may be late, wrong or gone. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/redis.h"
#include "tests/unit/fake_redis.h"

/* ---- a client and its server ---- */

struct scene {
    struct loop *loop;
    struct fake_redis *server;
    struct redis *redis;
    char url[128];
    char story[65536]; /* what the client's callbacks were told, in order */
    size_t story_len;
    char why[160]; /* it was lost last: once it is up again, the client has forgotten it */
    size_t answers, ups, downs, bytes;
    bool subscribes;
    struct arena *kept;
    const struct redis_reply *kept_reply;
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

static void tell_reply(struct scene *scene, const struct redis_reply *reply)
{
    if (!reply) {
        tell(scene, "LOST");
        return;
    }
    switch (reply->type) {
    case REDIS_NIL:
        tell(scene, "nil");
        break;
    case REDIS_INTEGER:
        tell(scene, "%lld", (long long)reply->integer);
        break;
    case REDIS_STATUS:
        tell(scene, "+%.*s", (int)reply->text.len, reply->text.ptr);
        break;
    case REDIS_TEXT:
        tell(scene, "'%.*s'", (int)reply->text.len, reply->text.ptr);
        break;
    case REDIS_ERROR:
        tell(scene, "-%.*s", (int)reply->text.len, reply->text.ptr);
        break;
    case REDIS_ARRAY:
        tell(scene, "[");
        for (size_t i = 0; i < reply->count; i++) {
            tell(scene, i > 0 ? " " : "");
            tell_reply(scene, reply->items[i]);
        }
        tell(scene, "]");
        break;
    }
}

static struct scene *current; /* callbacks' contexts are used for other things */

static void on_reply(struct redis *redis, const struct redis_reply *reply, void *context)
{
    (void)redis;
    if (context)
        tell(current, "%s=", (const char *)context);
    tell_reply(current, reply);
    tell(current, "; ");
    current->answers++;
}

static void on_state(struct redis *redis, bool is_up, void *context)
{
    struct scene *scene = context;

    tell(scene, is_up ? "up; " : "down; ");
    if (is_up) {
        scene->ups++;
    } else {
        scene->downs++;
        snprintf(scene->why, sizeof scene->why, "%s", redis_last_error(redis));
    }
    assert_true(redis_is_up(redis) == is_up);
    if (is_up && scene->subscribes)
        assert_true(redis_subscribe(redis, TEXT("turn:me")));
}

static void on_message(struct redis *redis, const struct redis_reply *reply, void *context)
{
    (void)redis;
    tell(context, "message ");
    tell_reply(context, reply);
    tell(context, "; ");
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);

    log_open("test", LOG_ERROR + 1); /* what is logged is not looked at here */
    scene->loop = loop_new();
    scene->server = fake_redis_new(scene->loop);
    current = scene;
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    redis_close(scene->redis);
    fake_redis_free(scene->server);
    arena_free(scene->kept);
    loop_free(scene->loop);
    free(scene);
    return 0;
}

static void start(struct scene *scene, const char *login, int command_ms)
{
    snprintf(scene->url, sizeof scene->url, "redis://%s127.0.0.1:%d", login, fake_redis_port(scene->server));
    scene->redis = redis_open(scene->loop, &(struct redis_options){.url = scene->url,
                                                                   .name = "test",
                                                                   .command_ms = command_ms,
                                                                   .on_state = on_state,
                                                                   .on_message = on_message,
                                                                   .context = scene});
}

static bool is_up(void *context)
{
    return redis_is_up(((struct scene *)context)->redis);
}

static void start_and_wait(struct scene *scene)
{
    start(scene, "", 5000);
    assert_false(redis_is_up(scene->redis)); /* nothing happens inside the call */
    loop_until(scene->loop, is_up, scene);
}

static void forget(struct scene *scene)
{
    scene->story_len = 0;
    scene->story[0] = '\0';
    scene->answers = 0;
    fake_redis_forget(scene->server);
}

static size_t wanted;

static bool has_answers(void *context)
{
    return ((struct scene *)context)->answers >= wanted;
}

static bool has_ups(void *context)
{
    return ((struct scene *)context)->ups >= wanted;
}

static bool has_visits(void *context)
{
    return fake_redis_visits(((struct scene *)context)->server) >= wanted;
}

static bool has_heard(void *context)
{
    return fake_redis_heard(((struct scene *)context)->server)[0] != '\0';
}

static void wait_answers(struct scene *scene, size_t count)
{
    wanted = count;
    loop_until(scene->loop, has_answers, scene);
}

static void wait_ups(struct scene *scene, size_t count)
{
    wanted = count;
    loop_until(scene->loop, has_ups, scene);
}

static void ask(struct scene *scene, const char *name)
{
    static char contexts[64][8];
    static size_t next;
    char *context = contexts[next++ % COUNT_OF(contexts)];

    snprintf(context, sizeof contexts[0], "%s", name);
    assert_true(redis_sendv(scene->redis, on_reply, context, "GET", name, NULL));
}

/* ---- answers ---- */

static void every_kind_of_answer_is_read(void **state)
{
    static const struct {
        const char *answer, *story;
    } cases[] = {
        {"+OK\r\n", "+OK; "},
        {"+\r\n", "+; "},
        {"-ERR no such key\r\n", "-ERR no such key; "},
        {":0\r\n", "0; "},
        {":-1\r\n", "-1; "},
        {":9223372036854775807\r\n", "9223372036854775807; "},
        {"$5\r\nhello\r\n", "'hello'; "},
        {"$0\r\n\r\n", "''; "},
        {"$4\r\na\r\nb\r\n", "'a\r\nb'; "},
        {"$-1\r\n", "nil; "},
        {"*-1\r\n", "nil; "},
        {"*0\r\n", "[]; "},
        {"*2\r\n:1\r\n$-1\r\n", "[1 nil]; "},
        {"*2\r\n$1\r\na\r\n*2\r\n*1\r\n+x\r\n*0\r\n", "['a' [[+x] []]]; "},
        {"*1\r\n*2\r\n$6\r\nevents\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
         "[['events' [['1-0' ['f' 'v']]]]]; "},
        {"*2\r\n-ERR inside\r\n:7\r\n", "[-ERR inside 7]; "},
    };
    struct scene *scene = *state;

    start_and_wait(scene);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        forget(scene);
        fake_redis_answer(scene->server, "GET", cases[i].answer);
        assert_true(redis_sendv(scene->redis, on_reply, NULL, "GET", "a", NULL));
        wait_answers(scene, 1);
        assert_string_equal(scene->story, cases[i].story);
    }
    assert_int_equal(scene->downs, 0);
}

static void an_answer_may_come_byte_by_byte(void **state)
{
    static const char answer[] = "*2\r\n$5\r\nhello\r\n*2\r\n:-12\r\n$-1\r\n+next\r\n";
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    ask(scene, "a");
    ask(scene, "b");
    for (size_t i = 0; i + 1 < sizeof answer; i++) {
        fake_redis_say(scene->server, answer + i, 1);
        for (int turn = 0; turn < 3; turn++) {
            wanted = 0;
            loop_until(scene->loop, has_answers, scene);
        }
    }
    wait_answers(scene, 2);
    assert_string_equal(scene->story, "a=['hello' [-12 nil]]; b=+next; ");
}

static void words_travel_whole_whatever_is_in_them(void **state)
{
    struct scene *scene = *state;
    const struct text words[] = {TEXT("XADD"), TEXT("a b"), TEXT(""), TEXT("*1\r\n$4\r\nPING\r\n"), TEXT("\xFF")};

    start_and_wait(scene);
    forget(scene);
    assert_true(redis_send(scene->redis, on_reply, NULL, COUNT_OF(words), words));
    wait_answers(scene, 1);
    assert_string_equal(fake_redis_heard(scene->server), "XADD a b  *1\r\n$4\r\nPING\r\n \xFF;");
}

static void many_commands_are_answered_in_their_order(void **state)
{
    struct scene *scene = *state;
    static char names[1000][8];

    start_and_wait(scene);
    forget(scene);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(names[i], sizeof names[i], "n%zu", i);
        assert_true(redis_sendv(scene->redis, on_reply, names[i], "GET", names[i], NULL));
    }
    wait_answers(scene, COUNT_OF(names));
    for (size_t i = 0, at = 0; i < COUNT_OF(names); i++) {
        char expected[24];
        const int len = snprintf(expected, sizeof expected, "n%zu=+OK; ", i);

        assert_memory_equal(scene->story + at, expected, (size_t)len);
        at += (size_t)len;
    }
}

static void keep_it(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct scene *scene = context;

    scene->kept = redis_keep_reply(redis);
    scene->kept_reply = reply;
    scene->answers++;
}

static void count_bytes(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct scene *scene = context;

    (void)redis;
    assert_non_null(reply);
    scene->bytes += reply->text.len;
    scene->answers++;
}

/* ---- several commands at once ---- */

static struct text three_commands(struct arena *arena, const char *second)
{
    struct buffer commands = buffer_in(arena);

    redis_format(&commands, 2, (const struct text[]){TEXT("GET"), TEXT("a")});
    redis_format(&commands, 2, (const struct text[]){text_of(second), TEXT("")});
    redis_format(&commands, 3, (const struct text[]){TEXT("SET"), TEXT("c"), TEXT("1\r\n2")});
    return buffer_take(&commands);
}

static void send_three(struct scene *scene, const char *second)
{
    struct arena *arena = arena_new();
    static char context[] = "three";

    assert_true(redis_send_many(scene->redis, on_reply, context, 3, three_commands(arena, second)));
    arena_free(arena); /* what was sent is not needed any more */
    assert_true(redis_sendv(scene->redis, on_reply, NULL, "PING", NULL));
    wanted = 2;
    loop_until(scene->loop, has_answers, scene);
}

static void commands_sent_together_are_answered_once_with_the_last_answer(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SET", ":7\r\n");
    start_and_wait(scene);
    forget(scene);
    send_three(scene, "GET");
    assert_string_equal(scene->story, "three=7; +PONG; ");
    assert_string_equal(fake_redis_heard(scene->server), "GET a;GET ;SET c 1\r\n2;PING;");
}

static void commands_sent_together_are_answered_with_their_first_error(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "BAD", "-OOM full\r\n");
    fake_redis_answer(scene->server, "SET", "-ERR other\r\n");
    start_and_wait(scene);
    forget(scene);
    send_three(scene, "BAD");
    assert_string_equal(scene->story, "three=-OOM full; +PONG; ");
}

static void commands_sent_together_are_lost_once(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "BAD", "-OOM full\r\n");
    fake_redis_answer(scene->server, "SET", "");
    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "PING", "garbage\r\n"); /* which ends the connection */
    send_three(scene, "BAD");
    assert_string_equal(scene->story, "three=LOST; LOST; down; ");
    assert_false(redis_send_many(scene->redis, on_reply, NULL, 1, TEXT("*1\r\n$4\r\nPING\r\n")));
}

static void a_kept_answer_outlives_the_connection(void **state)
{
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "*1\r\n$4\r\nseat\r\n");
    assert_true(redis_sendv(scene->redis, keep_it, scene, "GET", "a", NULL));
    wait_answers(scene, 1);
    for (int i = 0; i < 10; i++)
        ask(scene, "b");
    wait_answers(scene, 11);
    redis_close(scene->redis);
    scene->redis = NULL;
    check_text(scene->kept_reply->items[0]->text, "seat");
}

/* What one answer needed is given back before the next: they may come for years. */
static void many_large_answers_need_no_more_memory_than_one(void **state)
{
    enum { LARGE = 8 << 20, TIMES = 20 }; /* more together than a process may take (ARENA_BYTES_MAX) */
    struct scene *scene = *state;
    char *answer = calloc(1, LARGE + 32);
    const int head = sprintf(answer, "$%d\r\n", LARGE);

    memset(answer + head, 'x', LARGE);
    strcpy(answer + head + LARGE, "\r\n");
    fake_redis_answer(scene->server, "GET", answer);
    start_and_wait(scene);
    for (size_t i = 1; i <= TIMES; i++) {
        assert_true(redis_sendv(scene->redis, count_bytes, scene, "GET", "a", NULL));
        wait_answers(scene, i);
    }
    assert_int_equal(scene->bytes, (size_t)LARGE * TIMES);
    free(answer);
}

/* ---- greeting ---- */

static void the_url_says_how_to_greet(void **state)
{
    static const struct {
        const char *login, *greeting;
    } cases[] = {
        {"", "PING;"},
        {":secret@", "AUTH secret;"},
        {"ticket:secret@", "AUTH ticket secret;"},
        {"secret@", "AUTH secret;"},
        {"ticket:se@cr:et@", "AUTH ticket se@cr:et;"},
        {"ticket:@", "AUTH ticket ;"},
    };
    struct scene *scene = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        forget(scene);
        start(scene, cases[i].login, 5000);
        loop_until(scene->loop, is_up, scene);
        assert_string_equal(fake_redis_heard(scene->server), cases[i].greeting);
        redis_close(scene->redis);
        scene->redis = NULL;
    }
}

static void open_url(void *context)
{
    struct loop *loop = loop_new();

    log_open("test", LOG_INFO);
    redis_close(redis_open(loop, &(struct redis_options){.url = context, .name = "test", .command_ms = 1000}));
    loop_free(loop);
}

static void a_url_that_cannot_be_read_ends_the_process_with_code_100(void **state)
{
    static char wrong[][48] = {"",
                               "127.0.0.1",
                               "127.0.0.1:6379",
                               "rediss://127.0.0.1",
                               "redis:/127.0.0.1",
                               "redis://",
                               "redis://:6379",
                               "redis://host:",
                               "redis://host:0",
                               "redis://host:65536",
                               "redis://host:-1",
                               "redis://host:port",
                               "redis://user:password@",
                               "redis://host:6379:1",
                               "REDIS://host"};
    static char right[][48] = {"redis://host", "redis://host:6379", "redis://host:6379/", "redis://host/0",
                               "redis://user:p@host:1"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct child child = support_run_in_child(open_url, wrong[i]);

        check_row(child.exit_code == 100, "%s: %d %s", wrong[i], child.exit_code, child.output);
        check_row(strstr(child.output, "REDIS_URL"), "%s: %s", wrong[i], child.output);
        check_row(!strstr(child.output, "password@"), "%s shows a password", child.output);
    }
    for (size_t i = 0; i < COUNT_OF(right); i++)
        check_row(support_run_in_child(open_url, right[i]).exit_code == 0, "%s", right[i]);
}

static void a_refused_login_is_said_and_tried_again(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "AUTH", "-WRONGPASS invalid username-password pair\r\n");
    start(scene, "ticket:secret@", 5000);
    wanted = 3;
    loop_until(scene->loop, has_visits, scene);
    assert_int_equal(scene->ups, 0);
    assert_string_equal(redis_last_error(scene->redis), "refused: WRONGPASS invalid username-password pair");
    fake_redis_answer(scene->server, "AUTH", "+OK\r\n");
    loop_until(scene->loop, is_up, scene);
    assert_string_equal(redis_last_error(scene->redis), "");
    assert_string_equal(scene->story, "up; "); /* "down" is said of what was up only */
}

static void a_server_that_is_still_loading_is_waited_for(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "PING", "-LOADING Redis is loading the dataset in memory\r\n");
    start(scene, "", 5000);
    wanted = 2;
    loop_until(scene->loop, has_visits, scene);
    assert_int_equal(scene->ups, 0);
    fake_redis_answer(scene->server, "PING", "+PONG\r\n");
    loop_until(scene->loop, is_up, scene);
}

static void a_greeting_without_an_answer_is_given_up_in_time(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "PING", "");
    start(scene, "", 40);
    wanted = 2;
    loop_until(scene->loop, has_visits, scene);
    assert_string_equal(redis_last_error(scene->redis), "no connection in time");
    fake_redis_answer(scene->server, "PING", "+PONG\r\n");
    loop_until(scene->loop, is_up, scene);
}

static void a_server_that_is_not_there_yet_is_used_once_it_is(void **state)
{
    struct scene *scene = *state;

    fake_redis_refuse(scene->server, true);
    start(scene, "", 5000);
    wanted = 3;
    loop_until(scene->loop, has_visits, scene);
    assert_int_equal(scene->ups, 0);
    fake_redis_refuse(scene->server, false);
    loop_until(scene->loop, is_up, scene);
}

/* ---- losing it ---- */

static void what_is_sent_while_it_is_not_up_is_refused_at_once(void **state)
{
    static const struct redis_script script = {"return 1"};
    struct scene *scene = *state;

    start(scene, "", 5000);
    assert_false(redis_sendv(scene->redis, on_reply, NULL, "GET", "a", NULL));
    assert_false(redis_eval(scene->redis, &script, on_reply, NULL, 0, 0, NULL));
    assert_false(redis_subscribe(scene->redis, TEXT("channel")));
    fake_redis_answer(scene->server, "PING", "");
    loop_until(scene->loop, has_heard, scene);
    assert_false(redis_sendv(scene->redis, on_reply, NULL, "GET", "a", NULL)); /* the greeting is not answered yet */
    fake_redis_say(scene->server, "+PONG\r\n", 7);
    loop_until(scene->loop, is_up, scene);
    ask(scene, "b");
    wait_answers(scene, 1);
    assert_string_equal(scene->story, "up; b=+OK; ");
}

static void commands_under_way_are_answered_with_nothing_in_their_order(void **state)
{
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    ask(scene, "a");
    ask(scene, "b");
    assert_true(redis_sendv(scene->redis, NULL, NULL, "GET", "nobody waits", NULL));
    ask(scene, "c");
    loop_until(scene->loop, has_heard, scene);
    fake_redis_hang_up(scene->server);
    wait_answers(scene, 3);
    wait_ups(scene, 2);
    assert_string_equal(scene->story, "a=LOST; b=LOST; c=LOST; down; up; ");
    fake_redis_answer(scene->server, "GET", "+OK\r\n");
    ask(scene, "d");
    wait_answers(scene, 4);
    assert_string_equal(scene->story, "a=LOST; b=LOST; c=LOST; down; up; d=+OK; ");
}

static void answers_that_came_before_the_end_are_given(void **state)
{
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    ask(scene, "a");
    ask(scene, "b");
    loop_until(scene->loop, has_heard, scene);
    fake_redis_say(scene->server, "+first\r\n+sec", 13);
    wait_answers(scene, 1);
    fake_redis_hang_up(scene->server);
    wait_answers(scene, 2);
    wait_ups(scene, 2);
    assert_string_equal(scene->story, "a=+first; b=LOST; down; up; ");
}

static void try_again(struct redis *redis, const struct redis_reply *reply, void *context)
{
    on_reply(redis, reply, context);
    if (!reply)
        tell(current, redis_sendv(redis, on_reply, NULL, "GET", "again", NULL) ? "sent; " : "not sent; ");
}

static void nothing_can_be_sent_while_losses_are_told(void **state)
{
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    assert_true(redis_sendv(scene->redis, try_again, NULL, "GET", "a", NULL));
    loop_until(scene->loop, has_heard, scene);
    fake_redis_hang_up(scene->server);
    wait_ups(scene, 2);
    assert_string_equal(scene->story, "LOST; not sent; down; up; ");
}

static void a_thousand_lost_commands_are_told_in_their_order(void **state)
{
    static char names[1000][8];
    struct scene *scene = *state;
    const char *at = scene->story;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(names[i], sizeof names[i], "n%zu", i);
        assert_true(redis_sendv(scene->redis, on_reply, names[i], "GET", names[i], NULL));
    }
    redis_reconnect(scene->redis, "the test says so");
    assert_int_equal(scene->answers, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char expected[24];

        snprintf(expected, sizeof expected, "n%zu=LOST; ", i);
        at = strstr(at, expected);
        assert_non_null(at);
    }
    assert_string_equal(redis_last_error(scene->redis), "the test says so");
    loop_until(scene->loop, is_up, scene);
}

static void closing_answers_what_is_under_way_and_says_no_more(void **state)
{
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    ask(scene, "a");
    redis_close(scene->redis);
    scene->redis = NULL;
    assert_string_equal(scene->story, "a=LOST; ");
    redis_close(NULL);
}

static void closing_before_it_ever_was_up_is_fine(void **state)
{
    struct scene *scene = *state;

    start(scene, "", 5000);
    redis_close(scene->redis);
    start(scene, "", 5000);
    wanted = 1;
    loop_until(scene->loop, has_visits, scene);
    redis_close(scene->redis);
    scene->redis = NULL;
}

/* ---- time ---- */

static void a_command_without_an_answer_in_time_is_lost(void **state)
{
    struct scene *scene = *state;

    start(scene, "", 60);
    loop_until(scene->loop, is_up, scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    ask(scene, "a");
    ask(scene, "b");
    wait_answers(scene, 2);
    assert_string_equal(scene->why, "no answer in time");
    wait_ups(scene, 2);
    assert_string_equal(scene->story, "a=LOST; b=LOST; down; up; ");
}

static int64_t late_us;

static bool is_late(void *context)
{
    (void)context;
    return clock_monotonic_us() > late_us;
}

static void a_quiet_connection_is_not_given_up(void **state)
{
    struct scene *scene = *state;
    size_t downs;

    start(scene, "", 250);
    loop_until(scene->loop, is_up, scene);
    ask(scene, "a");
    wait_answers(scene, 1);
    loop_until(scene->loop, is_up, scene); /* who had to wait for a processor was given up, and is up again */
    downs = scene->downs;
    late_us = clock_monotonic_us() + 1000000; /* four times the limit */
    loop_until(scene->loop, is_late, scene);
    assert_int_equal(scene->downs, downs);
}

static void a_command_that_may_wait_at_the_server_has_more_time(void **state)
{
    struct scene *scene = *state;

    start(scene, "", 40);
    loop_until(scene->loop, is_up, scene);
    forget(scene);
    fake_redis_answer(scene->server, "GET", "");
    redis_expect_block(scene->redis, 5000);
    ask(scene, "blocks");
    late_us = clock_monotonic_us() + 200000; /* five times the limit of a usual command */
    loop_until(scene->loop, is_late, scene);
    assert_int_equal(scene->downs, 0);
    fake_redis_say(scene->server, "*-1\r\n", 5);
    wait_answers(scene, 1);
    assert_string_equal(scene->story, "blocks=nil; ");
    /* The next one has the usual time again. */
    late_us = clock_monotonic_us() + 4500000; /* not what the other had, which is 5 s */
    ask(scene, "a");
    wait_answers(scene, 2);
    assert_string_equal(scene->why, "no answer in time");
    assert_false(is_late(NULL));
}

/* ---- nonsense ---- */

static void nonsense_from_the_server_loses_the_connection_and_nothing_else(void **state)
{
    static const char *const nonsense[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "?\r\n",
        "$abc\r\n",
        "$-2\r\n",
        "*-2\r\n",
        "*abc\r\n",
        ":12x\r\n",
        ":\r\n",
        "*2\r\n+ok\r\n!bad\r\n",
        "*99999999999999999999\r\n",
        "*2147483648\r\n",
        "$9223372036854775808\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "\x16\x03\x01\x02",
        "*2147483647\r\n",
        "*100000000\r\n+a\r\n",
    };
    struct scene *scene = *state;

    start_and_wait(scene);
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        forget(scene);
        fake_redis_answer(scene->server, "GET", nonsense[i]);
        ask(scene, "a");
        wait_answers(scene, 1);
        wait_ups(scene, i + 2);
        check_row(strcmp(scene->story, "a=LOST; down; up; ") == 0, "%s: %s", nonsense[i], scene->story);
    }
}

static void an_answer_nobody_asked_for_loses_the_connection(void **state)
{
    static const char full[] = "-ERR max number of clients reached\r\n";
    struct scene *scene = *state;

    start_and_wait(scene);
    forget(scene);
    fake_redis_say(scene->server, full, sizeof full - 1);
    wait_ups(scene, 2);
    assert_string_equal(scene->story, "down; up; ");
}

/* ---- scripts ---- */

static const struct redis_script one = {"return 1"}, two = {"return 2"};

#define HASH "0123456789012345678901234567890123456789"

static void eval(struct scene *scene, const struct redis_script *script, const char *context)
{
    static const struct text words[] = {TEXT("key"), TEXT("argument")};
    const size_t before = scene->answers;
    char copy[32];

    snprintf(copy, sizeof copy, "%s", context);
    assert_true(redis_eval(scene->redis, script, on_reply, copy, 1, 2, words));
    wait_answers(scene, before + 1);
}

static void a_script_is_sent_in_full_once_and_by_its_hash_afterwards(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SCRIPT LOAD", "$40\r\n" HASH "\r\n");
    fake_redis_answer(scene->server, "EVAL", ":1\r\n");
    start_and_wait(scene);
    forget(scene);
    eval(scene, &one, "a");
    eval(scene, &one, "b");
    eval(scene, &two, "c");
    assert_string_equal(fake_redis_heard(scene->server), "SCRIPT LOAD return 1;EVAL return 1 1 key argument;"
                                                         "EVALSHA " HASH " 1 key argument;"
                                                         "SCRIPT LOAD return 2;EVAL return 2 1 key argument;");
    assert_string_equal(scene->story, "a=1; b=1; c=1; ");
}

static void a_forgotten_script_is_sent_in_full_when_the_caller_repeats(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SCRIPT LOAD", "$40\r\n" HASH "\r\n");
    fake_redis_answer(scene->server, "EVAL ", ":1\r\n");
    fake_redis_answer(scene->server, "EVALSHA", "-NOSCRIPT No matching script.\r\n");
    start_and_wait(scene);
    eval(scene, &one, "a");
    forget(scene);
    eval(scene, &one, "b");
    assert_string_equal(fake_redis_heard(scene->server), "EVALSHA " HASH " 1 key argument;");
    assert_string_equal(scene->story, "b=-NOSCRIPT No matching script.; ");
    forget(scene);
    eval(scene, &one, "b");
    assert_string_equal(fake_redis_heard(scene->server), "SCRIPT LOAD return 1;EVAL return 1 1 key argument;");
    assert_string_equal(scene->story, "b=1; ");
}

static void a_new_connection_sends_a_script_in_full_again(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SCRIPT LOAD", "$40\r\n" HASH "\r\n");
    start_and_wait(scene);
    eval(scene, &one, "a");
    redis_reconnect(scene->redis, "the test says so");
    loop_until(scene->loop, is_up, scene);
    forget(scene);
    eval(scene, &one, "b");
    assert_string_equal(fake_redis_heard(scene->server), "SCRIPT LOAD return 1;EVAL return 1 1 key argument;");
}

static void a_script_that_may_not_be_loaded_is_sent_in_full_each_time(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SCRIPT LOAD", "-NOPERM this user has no permissions\r\n");
    start_and_wait(scene);
    forget(scene);
    eval(scene, &one, "a");
    eval(scene, &one, "b");
    assert_int_equal(fake_redis_count(scene->server, "EVAL return 1"), 2);
    assert_int_equal(fake_redis_count(scene->server, "EVALSHA"), 0);
}

/* ---- listening ---- */

static bool is_subscribed(void *context)
{
    return fake_redis_count(((struct scene *)context)->server, "SUBSCRIBE") > 0;
}

static bool story_has_message(void *context)
{
    return strstr(((struct scene *)context)->story, "1-0") != NULL;
}

#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$7\r\nturn:me\r\n:1\r\n"
#define MESSAGE    "*3\r\n$7\r\nmessage\r\n$7\r\nturn:me\r\n$3\r\n1-0\r\n"

static void a_listener_hears_messages_and_again_after_a_loss(void **state)
{
    struct scene *scene = *state;

    scene->subscribes = true;
    fake_redis_answer(scene->server, "SUBSCRIBE", SUBSCRIBED);
    start(scene, "", 5000);
    for (int life = 1; life <= 2; life++) {
        loop_until(scene->loop, is_up, scene);
        loop_until(scene->loop, is_subscribed, scene);
        fake_redis_say(scene->server, MESSAGE, sizeof MESSAGE - 1);
        loop_until(scene->loop, story_has_message, scene);
        assert_non_null(strstr(scene->story, "message ['message' 'turn:me' '1-0']; "));
        forget(scene);
        fake_redis_hang_up(scene->server);
        wait_ups(scene, (size_t)life + 1);
    }
}

static void a_command_under_way_is_answered_before_listening_begins(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SUBSCRIBE", SUBSCRIBED);
    start_and_wait(scene);
    forget(scene);
    ask(scene, "a");
    assert_true(redis_subscribe(scene->redis, TEXT("turn:me")));
    loop_until(scene->loop, is_subscribed, scene);
    fake_redis_say(scene->server, MESSAGE, sizeof MESSAGE - 1);
    loop_until(scene->loop, story_has_message, scene);
    assert_true(strncmp(scene->story, "a=+OK; ", 7) == 0);
    assert_non_null(strstr(scene->story, "message ['message' 'turn:me' '1-0']; "));
}

static void a_listener_that_is_refused_stays_a_connection(void **state)
{
    struct scene *scene = *state;

    fake_redis_answer(scene->server, "SUBSCRIBE", "-NOPERM this user has no permissions\r\n");
    start_and_wait(scene);
    forget(scene);
    assert_true(redis_subscribe(scene->redis, TEXT("turn:me")));
    ask(scene, "a");
    wait_answers(scene, 1);
    assert_string_equal(scene->story, "a=+OK; ");
}

/* ---- classes of errors ---- */

static void errors_are_told_apart_by_their_first_word(void **state)
{
    static const struct {
        const char *error;
        enum redis_problem problem;
    } cases[] = {
        {"LOADING Redis is loading the dataset in memory", REDIS_AWAY},
        {"READONLY You can't write against a read only replica.", REDIS_AWAY},
        {"MASTERDOWN Link with MASTER is down", REDIS_AWAY},
        {"MISCONF Redis is configured to save RDB snapshots", REDIS_AWAY},
        {"CLUSTERDOWN The cluster is down", REDIS_AWAY},
        {"NOSCRIPT No matching script. Please use EVAL.", REDIS_AWAY},
        {"BUSY Redis is busy running a script.", REDIS_AWAY},
        {"TRYAGAIN Multiple keys request during rehashing of slot", REDIS_AWAY},
        {"NOGROUP No such key 'events' or consumer group", REDIS_NO_GROUP},
        {"UNBLOCKED the stream key no longer exists", REDIS_NO_GROUP},
        {"OOM command not allowed when used memory > 'maxmemory'.", REDIS_FULL},
        {"OOM", REDIS_FULL},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", REDIS_REFUSED},
        {"BUSYGROUP Consumer Group name already exists", REDIS_REFUSED},
        {"ERR unknown command", REDIS_REFUSED},
        {"NOPERM this user has no permissions", REDIS_REFUSED},
        {"OOMPH", REDIS_REFUSED},
        {"ERR OOM", REDIS_REFUSED},
        {"", REDIS_REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct redis_reply reply = {.type = REDIS_ERROR, .text = text_of(cases[i].error)};

        check_row(redis_problem_of(&reply) == cases[i].problem, "%s", cases[i].error);
    }
    assert_int_equal(redis_problem_of(NULL), REDIS_LOST);
    assert_int_equal(redis_problem_of(&(struct redis_reply){.type = REDIS_NIL}), REDIS_FINE);
    assert_int_equal(redis_problem_of(&(struct redis_reply){.type = REDIS_STATUS, .text = TEXT("OOM")}), REDIS_FINE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_answer_is_read),
        TEST(an_answer_may_come_byte_by_byte),
        TEST(words_travel_whole_whatever_is_in_them),
        TEST(many_commands_are_answered_in_their_order),
        TEST(commands_sent_together_are_answered_once_with_the_last_answer),
        TEST(commands_sent_together_are_answered_with_their_first_error),
        TEST(commands_sent_together_are_lost_once),
        TEST(a_kept_answer_outlives_the_connection),
        TEST(many_large_answers_need_no_more_memory_than_one),
        TEST(the_url_says_how_to_greet),
        cmocka_unit_test(a_url_that_cannot_be_read_ends_the_process_with_code_100),
        TEST(a_refused_login_is_said_and_tried_again),
        TEST(a_server_that_is_still_loading_is_waited_for),
        TEST(a_greeting_without_an_answer_is_given_up_in_time),
        TEST(a_server_that_is_not_there_yet_is_used_once_it_is),
        TEST(what_is_sent_while_it_is_not_up_is_refused_at_once),
        TEST(commands_under_way_are_answered_with_nothing_in_their_order),
        TEST(answers_that_came_before_the_end_are_given),
        TEST(nothing_can_be_sent_while_losses_are_told),
        TEST(a_thousand_lost_commands_are_told_in_their_order),
        TEST(closing_answers_what_is_under_way_and_says_no_more),
        TEST(closing_before_it_ever_was_up_is_fine),
        TEST(a_command_without_an_answer_in_time_is_lost),
        TEST(a_quiet_connection_is_not_given_up),
        TEST(a_command_that_may_wait_at_the_server_has_more_time),
        TEST(nonsense_from_the_server_loses_the_connection_and_nothing_else),
        TEST(an_answer_nobody_asked_for_loses_the_connection),
        TEST(a_script_is_sent_in_full_once_and_by_its_hash_afterwards),
        TEST(a_forgotten_script_is_sent_in_full_when_the_caller_repeats),
        TEST(a_new_connection_sends_a_script_in_full_again),
        TEST(a_script_that_may_not_be_loaded_is_sent_in_full_each_time),
        TEST(a_listener_hears_messages_and_again_after_a_loss),
        TEST(a_command_under_way_is_answered_before_listening_begins),
        TEST(a_listener_that_is_refused_stays_a_connection),
        TEST(errors_are_told_apart_by_their_first_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
