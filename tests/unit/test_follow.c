/* follow: what a follower tells, and that it never misses anything in silence. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/follow.h"
#include "common/log.h"
#include "common/loop.h"
#include "tests/unit/fake_redis.h"

struct scene {
    struct loop *loop;
    struct fake_redis *server;
    struct follow *follow;
    char url[64];
    char story[4096]; /* what the follower told, in order */
    size_t story_len;
    const char *awaited;
    char answers[16][512]; /* the server's, which must stay */
    size_t answer_count;
    bool wakes_when_told;
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

static void on_entry(const struct entry *entry, void *context)
{
    struct scene *scene = context;
    const struct text key = stream_key(entry->stream), booking = entry_field(entry, "booking_id");

    if (booking.len < 100)
        tell(scene, "%.*s %.*s %.*s; ", (int)key.len, key.ptr, (int)entry->id_text.len, entry->id_text.ptr,
             (int)booking.len, booking.ptr);
    if (scene->wakes_when_told)
        follow_wake(scene->follow);
}

static void on_ready(void *context)
{
    tell(context, "ready; ");
}

static void on_gap(void *context)
{
    tell(context, "gap; ");
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);

    log_open("test", LOG_ERROR + 1);
    scene->loop = loop_new();
    scene->server = fake_redis_new(scene->loop);
    fake_redis_answer(scene->server, "XREAD", ""); /* waits */
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    follow_close(scene->follow);
    fake_redis_free(scene->server);
    loop_free(scene->loop);
    free(scene);
    return 0;
}

static void start(struct scene *scene, const struct entry_id *from)
{
    static const enum stream streams[] = {SEAT_HELD, BOOKING_CLOSED};

    snprintf(scene->url, sizeof scene->url, "redis://127.0.0.1:%d", fake_redis_port(scene->server));
    scene->follow = follow_open(scene->loop, &(struct follow_options){.url = scene->url,
                                                                      .name = "test",
                                                                      .stream_count = 2,
                                                                      .streams = streams,
                                                                      .from = from,
                                                                      .on_entry = on_entry,
                                                                      .on_ready = on_ready,
                                                                      .on_gap = on_gap,
                                                                      .context = scene});
}

/* The stream stands so from now on. `first` may be NULL: it holds nothing. */
static void stands(struct scene *scene, const char *command, int length, int added, const char *first, const char *last)
{
    char entry[128] = "$-1\r\n", *answer = scene->answers[scene->answer_count++];

    assert_true(scene->answer_count <= COUNT_OF(scene->answers));
    if (first)
        snprintf(entry, sizeof entry, "*2\r\n$%zu\r\n%s\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n", strlen(first), first);
    snprintf(answer, sizeof scene->answers[0],
             "*8\r\n$6\r\nlength\r\n:%d\r\n$17\r\nlast-generated-id\r\n$%zu\r\n%s\r\n"
             "$13\r\nentries-added\r\n:%d\r\n$11\r\nfirst-entry\r\n%s",
             length, strlen(last), last, added, entry);
    fake_redis_answer(scene->server, command, answer);
}

#define HELD   "XINFO STREAM seat.held"
#define CLOSED "XINFO STREAM booking.closed"

static void both_stand(struct scene *scene)
{
    stands(scene, HELD, 3, 10, "5-0", "7-0");
    stands(scene, CLOSED, 0, 0, NULL, "0-0");
}

static void there_is_none(struct scene *scene, const char *command)
{
    fake_redis_answer(scene->server, command, "-ERR no such key\r\n");
}

static void say_entry(struct scene *scene, const char *stream, const char *id, const char *booking)
{
    char bytes[512];
    const int len =
        snprintf(bytes, sizeof bytes,
                 "*1\r\n*2\r\n$%zu\r\n%s\r\n*1\r\n*2\r\n$%zu\r\n%s\r\n*2\r\n$10\r\nbooking_id\r\n$%zu\r\n%s\r\n",
                 strlen(stream), stream, strlen(id), id, strlen(booking), booking);

    fake_redis_say(scene->server, bytes, (size_t)len);
}

/* The first after both_stand, and the stream stands so: who had to wait for a processor looks before it reads on. */
static void adds_entry(struct scene *scene, const char *stream, const char *id, const char *booking)
{
    if (strcmp(stream, "seat.held") == 0)
        stands(scene, HELD, 4, 11, "5-0", id);
    else
        stands(scene, CLOSED, 1, 1, id, id);
    say_entry(scene, stream, id, booking);
}

static bool is_heard(void *context)
{
    const struct scene *scene = context;

    return strstr(fake_redis_heard(scene->server), scene->awaited);
}

static void wait_heard(struct scene *scene, const char *command)
{
    scene->awaited = command;
    loop_until(scene->loop, is_heard, scene);
}

static bool is_told(void *context)
{
    const struct scene *scene = context;

    return strstr(scene->story, scene->awaited);
}

static void wait_told(struct scene *scene, const char *what)
{
    scene->awaited = what;
    loop_until(scene->loop, is_told, scene);
}

static void forget(struct scene *scene)
{
    fake_redis_forget(scene->server);
    scene->story_len = 0;
    scene->story[0] = '\0';
}

#define READ "XREAD COUNT 500 BLOCK 2000 STREAMS seat.held booking.closed "

/* ---- what comes ---- */

static void from_now_on_every_entry_is_told_once(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    assert_false(follow_is_ready(scene->follow));
    wait_heard(scene, READ "7-0 0-0;");
    assert_true(follow_is_ready(scene->follow));
    adds_entry(scene, "seat.held", "8-0", "a");
    wait_heard(scene, READ "8-0 0-0;");
    adds_entry(scene, "booking.closed", "8-1", "a");
    wait_heard(scene, READ "8-0 8-1;");
    fake_redis_say(scene->server, "*-1\r\n", 5); /* nothing came while it waited */
    fake_redis_forget(scene->server);
    wait_heard(scene, READ "8-0 8-1;");
    assert_string_equal(scene->story, "ready; seat.held 8-0 a; booking.closed 8-1 a; ");
}

static void it_begins_behind_the_ids_it_was_given(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, (struct entry_id[]){{6, 0}, {0, 0}});
    wait_heard(scene, READ "6-0 0-0;");
    assert_string_equal(scene->story, "ready; ");
}

static void an_id_of_which_the_next_may_be_gone_is_a_gap(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, (struct entry_id[]){{4, 0}, {0, 0}});
    wait_heard(scene, READ "4-0 0-0;"); /* what is there is told all the same */
    assert_string_equal(scene->story, "gap; ready; ");
}

static void an_id_that_the_stream_never_had_is_a_gap(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, (struct entry_id[]){{6, 0}, {9, 0}});
    wait_heard(scene, READ "6-0 0-0;");
    assert_string_equal(scene->story, "gap; ready; ");
}

static void a_stream_that_is_not_there_yet_is_followed_from_its_beginning(void **state)
{
    struct scene *scene = *state;

    there_is_none(scene, HELD);
    there_is_none(scene, CLOSED);
    start(scene, NULL);
    wait_heard(scene, READ "0-0 0-0;");
    assert_string_equal(scene->story, "ready; ");
}

static void large_entries_are_read_fewer_at_a_time(void **state)
{
    enum { LARGE = 9 << 20 };
    struct scene *scene = *state;
    char *bytes = calloc(1, LARGE + 256);
    const int head = sprintf(
        bytes, "*1\r\n*2\r\n$9\r\nseat.held\r\n*1\r\n*2\r\n$3\r\n8-0\r\n*2\r\n$10\r\nbooking_id\r\n$%d\r\n", LARGE);

    memset(bytes + head, 'x', LARGE);
    strcpy(bytes + head + LARGE, "\r\n");
    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    fake_redis_say(scene->server, bytes, (size_t)head + LARGE + 2);
    wait_heard(scene, "XREAD COUNT 125 ");
    say_entry(scene, "seat.held", "8-1", "b");
    wait_heard(scene, "XREAD COUNT 250 ");
    free(bytes);
}

/* ---- losing the connection, and entries ---- */

static void after_a_loss_of_the_connection_it_goes_on_where_it_was(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    adds_entry(scene, "seat.held", "8-0", "a");
    wait_told(scene, "8-0");
    forget(scene);
    stands(scene, HELD, 1, 12, "9-0", "9-0");
    fake_redis_hang_up(scene->server);
    wait_heard(scene, READ "8-0 0-0;");
    assert_string_equal(scene->story, "");
}

static void what_was_seen_may_be_trimmed(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    forget(scene);
    stands(scene, HELD, 2, 12, "8-0", "9-0"); /* both added since */
    fake_redis_hang_up(scene->server);
    wait_heard(scene, READ "7-0 0-0;");
    assert_string_equal(scene->story, "");
}

static void what_was_not_seen_and_is_trimmed_is_a_gap(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    forget(scene);
    stands(scene, HELD, 1, 12, "9-0", "9-0"); /* 8-0 came and went */
    fake_redis_hang_up(scene->server);
    wait_heard(scene, READ "7-0 0-0;"); /* 9-0 is still there and is told */
    assert_string_equal(scene->story, "gap; ");
    forget(scene);
    say_entry(scene, "seat.held", "9-0", "a");
    wait_told(scene, "9-0");
    fake_redis_hang_up(scene->server);
    wait_heard(scene, READ "9-0 0-0;");
    assert_string_equal(scene->story, "seat.held 9-0 a; "); /* the gap is told once */
}

/* The rows: how seat.held stands after Redis came back, and where it is read from then. */
static void a_redis_that_forgot_is_a_gap(void **state)
{
    static const struct {
        const char *name;
        int length, added; /* added -1: there is no such stream */
        const char *first, *last, *read;
    } cases[] = {
        {"flushed", 0, -1, NULL, NULL, READ "0-0 0-0;"},
        {"flushed, and later ids since", 2, 2, "20-0", "21-0", READ "21-0 0-0;"},
        {"an older copy", 2, 9, "5-0", "6-0", READ "6-0 0-0;"},
        {"as many entries, but earlier ones", 3, 10, "4-0", "6-0", READ "6-0 0-0;"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *state_of_row = NULL;
        struct scene *scene;

        if (i > 0)
            open_scene(&state_of_row);
        scene = i > 0 ? state_of_row : *state;
        both_stand(scene);
        start(scene, NULL);
        wait_heard(scene, READ "7-0 0-0;");
        forget(scene);
        if (cases[i].added < 0)
            there_is_none(scene, HELD);
        else
            stands(scene, HELD, cases[i].length, cases[i].added, cases[i].first, cases[i].last);
        fake_redis_hang_up(scene->server);
        wait_heard(scene, cases[i].read);
        check_row(strcmp(scene->story, "gap; ") == 0, "%s: %s", cases[i].name, scene->story);
        if (i > 0)
            close_scene(&state_of_row);
    }
}

static bool gap_is_told(void *context)
{
    struct scene *scene = context;

    /* Each read ends empty, as after REDIS_READ_BLOCK_MS, until the time for a look has come. */
    if (strstr(fake_redis_heard(scene->server), "XREAD")) {
        fake_redis_forget(scene->server);
        fake_redis_say(scene->server, "*-1\r\n", 5);
    }
    return strstr(scene->story, "gap; ");
}

static void a_loss_is_noticed_on_a_connection_that_stays(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    there_is_none(scene, HELD);
    loop_until(scene->loop, gap_is_told, scene);
    assert_int_equal(fake_redis_visits(scene->server), 1);
}

static void a_server_that_refuses_is_asked_again(void **state)
{
    struct scene *scene = *state;

    stands(scene, CLOSED, 0, 0, NULL, "0-0");
    fake_redis_answer(scene->server, HELD, "-NOPERM no permission\r\n");
    start(scene, NULL);
    wait_heard(scene, CLOSED);
    stands(scene, HELD, 3, 10, "5-0", "7-0");
    wait_heard(scene, READ "7-0 0-0;");
    assert_string_equal(scene->story, "ready; ");
}

/* ---- resting ---- */

static void while_it_rests_nothing_is_read(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    follow_rest(scene->follow);
    forget(scene);
    say_entry(scene, "seat.held", "8-0", "a"); /* it was waiting for that one */
    wait_told(scene, "8-0");
    assert_false(follow_is_ready(scene->follow));
    assert_string_equal(fake_redis_heard(scene->server), "");
    stands(scene, HELD, 1, 20, "18-0", "18-0");
    follow_wake(scene->follow);
    wait_heard(scene, READ "18-0 0-0;");
    assert_string_equal(scene->story, "seat.held 8-0 a; ready; "); /* no gap: nobody wanted to hear the others */
}

static void woken_before_it_came_to_rest_it_goes_on(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    forget(scene);
    follow_rest(scene->follow);
    follow_wake(scene->follow);
    assert_true(follow_is_ready(scene->follow));
    adds_entry(scene, "seat.held", "8-0", "a");
    wait_heard(scene, READ "8-0 0-0;");
    assert_string_equal(scene->story, "seat.held 8-0 a; ");
}

static void woken_while_it_tells_it_reads_once(void **state)
{
    struct scene *scene = *state;

    both_stand(scene);
    start(scene, NULL);
    wait_heard(scene, READ "7-0 0-0;");
    forget(scene);
    scene->wakes_when_told = true;
    follow_rest(scene->follow);
    adds_entry(scene, "seat.held", "8-0", "a");
    wait_heard(scene, READ "8-0 0-0;");
    assert_int_equal(fake_redis_count(scene->server, "XREAD"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(from_now_on_every_entry_is_told_once),
        TEST(it_begins_behind_the_ids_it_was_given),
        TEST(an_id_of_which_the_next_may_be_gone_is_a_gap),
        TEST(an_id_that_the_stream_never_had_is_a_gap),
        TEST(a_stream_that_is_not_there_yet_is_followed_from_its_beginning),
        TEST(large_entries_are_read_fewer_at_a_time),
        TEST(after_a_loss_of_the_connection_it_goes_on_where_it_was),
        TEST(what_was_seen_may_be_trimmed),
        TEST(what_was_not_seen_and_is_trimmed_is_a_gap),
        TEST(a_redis_that_forgot_is_a_gap),
        TEST(a_loss_is_noticed_on_a_connection_that_stays),
        TEST(a_server_that_refuses_is_asked_again),
        TEST(while_it_rests_nothing_is_read),
        TEST(woken_before_it_came_to_rest_it_goes_on),
        TEST(woken_while_it_tells_it_reads_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
