/* http: the server on a loop, with handlers that answer at once, later, never, or for as long as anybody listens. */
#include "tests/unit/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/answer.h"
#include "common/bounds.h"
#include "common/http.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/request.h"

#define HEAD(target, version) "GET " target " HTTP/" version "\r\nHost: h\r\n\r\n"
#define GET(target)           HEAD(target, "1.1")

struct client {
    int fd; /* -1: closed */
    bool has_ended;
    size_t len;
    char heard[65536]; /* terminated; what does not fit is not kept */
};

struct listener {
    struct scene *scene;
    struct answer_stream *stream;
};

struct scene {
    struct loop *loop;
    struct http *http;
    unsigned short port;
    struct client client, other;
    size_t asked; /* requests that handlers got */
    struct request *unanswered[8];
    size_t unanswered_count;
    struct listener listeners[2];
    size_t listening;
    struct answer_stream *stream; /* of the last listener */
    bool ends_other;              /* who hears that one has gone ends the other */
    size_t gone, stopped;
    bool is_inside; /* a call of ours: nobody may be told anything */
};

/* ---- the handlers ---- */

static void answer_now(struct request *request, void *context)
{
    ((struct scene *)context)->asked++;
    answer_header(request, "X-Peer", request->peer);
    answer_text(request, 200, "text/plain", TEXT("now"));
}

static void answer_later(struct request *request, void *context)
{
    struct scene *scene = context;

    assert_true(scene->unanswered_count < COUNT_OF(scene->unanswered));
    scene->unanswered[scene->unanswered_count++] = request;
    scene->asked++;
}

static void on_gone(void *context)
{
    const struct listener *listener = context;
    struct scene *scene = listener->scene;

    assert_false(scene->is_inside);
    scene->gone++;
    if (scene->ends_other)
        answer_stream_end(scene->listeners[listener == scene->listeners].stream);
}

static void answer_stream_of_events(struct request *request, void *context)
{
    struct scene *scene = context;
    struct listener *listener = &scene->listeners[scene->listening++];

    scene->asked++;
    answer_header(request, "X-A", TEXT("b"));
    scene->is_inside = true;
    scene->stream = answer_stream(request, "text/event-stream", on_gone, listener);
    scene->is_inside = false;
    *listener = (struct listener){scene, scene->stream};
}

static const struct route routes[] = {
    {"GET", "/now", ANYONE, answer_now},
    {"GET", "/later", ANYONE, answer_later},
    {"GET", "/stream", ANYONE, answer_stream_of_events},
    {0},
};

static void make_answer(struct scene *scene, size_t number, const char *text)
{
    answer_text(scene->unanswered[number], 200, "text/plain", text_of(text));
}

static bool write_stream(struct scene *scene, struct text text)
{
    bool is_written;

    scene->is_inside = true;
    is_written = answer_stream_write(scene->stream, text);
    scene->is_inside = false;
    return is_written;
}

/* ---- the clients ---- */

static void client_open(struct client *client, const struct scene *scene)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(scene->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&address, sizeof address), 0);
}

static void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

static void client_send(struct client *client, const char *text)
{
    assert_int_equal(send(client->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void client_hear(struct client *client)
{
    char bytes[65536];
    ssize_t len;

    while ((len = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        const size_t room = sizeof client->heard - 1 - client->len;
        const size_t kept = (size_t)len < room ? (size_t)len : room;

        memcpy(client->heard + client->len, bytes, kept);
        client->len += kept;
    }
    client->has_ended = client->has_ended || len == 0 || (len < 0 && errno != EAGAIN);
}

static size_t times(const struct client *client, const char *what)
{
    size_t found = 0;

    for (const char *at = client->heard; (at = strstr(at, what)); at += strlen(what))
        found++;
    return found;
}

static void check_heard(const struct client *client, const char *what)
{
    check_row(strstr(client->heard, what), "%s is not in:\n%s", what, client->heard);
}

/* ---- what is waited for ---- */

struct wait {
    struct scene *scene;
    size_t number;
    const char *text;
};

static bool has_asked(void *context)
{
    const struct wait *wait = context;

    return wait->scene->asked >= wait->number;
}

static bool has_heard(void *context)
{
    const struct wait *wait = context;

    client_hear(&wait->scene->client);
    return times(&wait->scene->client, wait->text) >= wait->number;
}

static bool has_ended(void *context)
{
    struct scene *scene = context;

    client_hear(&scene->client);
    return scene->client.has_ended;
}

static bool has_other_ended(void *context)
{
    struct scene *scene = context;

    client_hear(&scene->other);
    return scene->other.has_ended;
}

static bool is_gone(void *context)
{
    return ((struct scene *)context)->gone > 0;
}

static bool has_stopped(void *context)
{
    return ((struct scene *)context)->stopped > 0;
}

static void wait_asked(struct scene *scene, size_t number)
{
    loop_until(scene->loop, has_asked, (&(struct wait){scene, number, NULL}));
}

static void wait_heard(struct scene *scene, size_t number, const char *text)
{
    loop_until(scene->loop, has_heard, (&(struct wait){scene, number, text}));
}

/* All that is under way in the loop, and nothing that takes time. */
static void let_settle(struct scene *scene)
{
    for (int i = 0; i < 20; i++)
        event_base_loop(scene->loop->base, EVLOOP_NONBLOCK);
}

/* ---- the scene ---- */

static unsigned short free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int open_scene(void **state)
{
    struct scene *scene = test_calloc(1, sizeof *scene);
    char address[32];

    log_open("test", LOG_ERROR + 1); /* what is logged is not looked at here */
    scene->loop = loop_new();
    scene->port = free_port();
    snprintf(address, sizeof address, "127.0.0.1:%u", scene->port);
    scene->http = http_open(scene->loop, &(struct http_options){.listen = address});
    http_add_routes(scene->http, routes, scene);
    client_open(&scene->client, scene);
    scene->other.fd = -1;
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    client_close(&scene->client);
    client_close(&scene->other);
    http_close(scene->http);
    loop_free(scene->loop);
    test_free(scene);
    return 0;
}

/* ---- requests ---- */

static void requests_of_one_connection_are_handled_one_after_the_other(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/later") GET("/now") GET("/later"));
    wait_asked(scene, 1);
    let_settle(scene);
    assert_int_equal(scene->asked, 1);
    make_answer(scene, 0, "first");
    wait_asked(scene, 3);
    make_answer(scene, 1, "third");
    wait_heard(scene, 1, "third");
    assert_int_equal(times(&scene->client, "HTTP/1.1 200 OK\r\n"), 3);
    assert_true(strstr(scene->client.heard, "first") < strstr(scene->client.heard, "now"));
    assert_true(strstr(scene->client.heard, "now") < strstr(scene->client.heard, "third"));
    assert_false(scene->client.has_ended);
}

static void a_client_that_says_no_more_still_gets_its_answers(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/later") GET("/now"));
    shutdown(scene->client.fd, SHUT_WR);
    wait_asked(scene, 1);
    let_settle(scene);
    make_answer(scene, 0, "first");
    loop_until(scene->loop, has_ended, scene);
    check_heard(&scene->client, "first");
    check_heard(&scene->client, "now");
    check_heard(&scene->client, "X-Peer: 127.0.0.1\r\n");
}

static void a_request_may_be_answered_after_its_client_has_left(void **state)
{
    struct scene *scene = *state;
    const struct linger reset = {.l_onoff = 1};

    client_send(&scene->client, GET("/later"));
    client_open(&scene->other, scene);
    client_send(&scene->other, GET("/later"));
    wait_asked(scene, 2);
    setsockopt(scene->client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    client_close(&scene->client);
    client_close(&scene->other);
    let_settle(scene);
    make_answer(scene, 0, "into nothing");
    make_answer(scene, 1, "into nothing");
    let_settle(scene);
    client_open(&scene->client, scene);
    client_send(&scene->client, GET("/now"));
    wait_heard(scene, 1, "now");
}

static void what_nobody_answered_is_gone_with_the_server(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/later"));
    client_open(&scene->other, scene);
    client_send(&scene->other, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhal");
    wait_asked(scene, 1);
    let_settle(scene);
    client_close(&scene->client);
    let_settle(scene);
}

/* The sanitizer's count of what is allocated and not freed; there is none without it. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static void leave_half_sent_requests(struct scene *scene, size_t times)
{
    const struct linger reset = {.l_onoff = 1};

    for (size_t i = 0; i < times; i++) {
        client_open(&scene->other, scene);
        client_send(&scene->other, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhal");
        let_settle(scene);
        setsockopt(scene->other.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        client_close(&scene->other);
        let_settle(scene);
    }
}

static void half_sent_requests_leave_nothing_behind(void **state)
{
    struct scene *scene = *state;
    size_t before;

    if (!__sanitizer_get_current_allocated_bytes)
        skip();
    leave_half_sent_requests(scene, 10);
    before = __sanitizer_get_current_allocated_bytes();
    leave_half_sent_requests(scene, 100);
    assert_true(__sanitizer_get_current_allocated_bytes() < before + ARENA_BLOCK_BYTES);
}

/* More than the input that may wait: the rest is read as the answers go out. */
static void many_pipelined_requests_wait_outside_while_one_is_answered(void **state)
{
    struct scene *scene = *state;
    const size_t count = 2 * HTTP_INPUT_WAITING_MAX / strlen(GET("/now"));

    client_send(&scene->client, GET("/later"));
    for (size_t i = 0; i < count; i++)
        client_send(&scene->client, GET("/now"));
    client_send(&scene->client, HEAD("/later", "1.0"));
    wait_asked(scene, 1);
    let_settle(scene);
    make_answer(scene, 0, "first");
    wait_asked(scene, count + 2);
    let_settle(scene);
}

/* On the loopback a write of this size is one segment, and the client's kernel counts them. */
static void answers_that_become_ready_together_are_one_write(void **state)
{
    struct scene *scene = *state;
    struct tcp_info info;
    socklen_t len = sizeof info;

    client_send(&scene->client, GET("/later") GET("/now") GET("/now") GET("/now") GET("/now") GET("/now"));
    wait_asked(scene, 1);
    let_settle(scene);
    make_answer(scene, 0, "first");
    wait_heard(scene, 5, "now");
    assert_int_equal(getsockopt(scene->client.fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_data_segs_in, 1);
}

/* ---- streams ---- */

static void a_stream_reaches_its_listener_piece_by_piece(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/stream"));
    wait_heard(scene, 1, "\r\n\r\n");
    check_heard(&scene->client, "HTTP/1.1 200 OK\r\n");
    check_heard(&scene->client, "Content-Type: text/event-stream\r\n");
    check_heard(&scene->client, "Transfer-Encoding: chunked\r\n");
    check_heard(&scene->client, "X-A: b\r\n");
    assert_int_equal(times(&scene->client, "Content-Length"), 0);
    assert_true(write_stream(scene, TEXT("data: 1\n\n")));
    assert_true(write_stream(scene, TEXT("")));
    wait_heard(scene, 1, "\r\n\r\n9\r\ndata: 1\n\n\r\n");
    assert_true(write_stream(scene, TEXT("data: a longer one\n\n")));
    wait_heard(scene, 1, "14\r\ndata: a longer one\n\n\r\n");
    assert_int_equal(times(&scene->client, "\r\n0\r\n"), 0);
    answer_stream_end(scene->stream);
    wait_heard(scene, 1, "\r\n0\r\n\r\n");
    client_send(&scene->client, GET("/now"));
    wait_heard(scene, 1, "now");
    assert_int_equal(scene->gone, 0);
}

static void an_old_client_hears_a_stream_until_the_connection_closes(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    wait_heard(scene, 1, "\r\n\r\n");
    assert_int_equal(times(&scene->client, "Transfer-Encoding"), 0);
    check_heard(&scene->client, "Connection: close\r\n");
    assert_true(write_stream(scene, TEXT("data: 1\n\n")));
    answer_stream_end(scene->stream);
    loop_until(scene->loop, has_ended, scene);
    check_heard(&scene->client, "\r\n\r\ndata: 1\n\n");
    assert_int_equal(scene->gone, 0);
}

static void a_listener_that_leaves_is_told_once(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/stream"));
    wait_heard(scene, 1,
               "\r\n\r\n"); /* all of it, so that the client's kernel says that it closes, and not that it resets */
    client_close(&scene->client);
    loop_until(scene->loop, is_gone, scene);
    let_settle(scene);
    assert_int_equal(scene->gone, 1);
}

static void a_listener_that_does_not_read_is_cut_off(void **state)
{
    static const char bytes[16384];
    struct scene *scene = *state;
    size_t written = 0;

    client_send(&scene->client, GET("/stream"));
    wait_asked(scene, 1);
    while (write_stream(scene, (struct text){bytes, sizeof bytes})) {
        written += sizeof bytes;
        assert_true(written < 64 << 20);
        event_base_loop(scene->loop->base, EVLOOP_NONBLOCK);
    }
    assert_true(written >= HTTP_STREAM_WAITING_MAX - sizeof bytes);
    assert_int_equal(scene->gone, 0);
    assert_false(write_stream(scene, TEXT("x")));
    loop_until(scene->loop, is_gone, scene);
    let_settle(scene);
    assert_int_equal(scene->gone, 1);
}

static void a_stream_that_is_ended_after_it_was_cut_off_tells_nobody(void **state)
{
    static const char bytes[HTTP_STREAM_WAITING_MAX + 1];
    struct scene *scene = *state;

    client_send(&scene->client, GET("/stream"));
    wait_asked(scene, 1);
    assert_false(write_stream(scene, (struct text){bytes, sizeof bytes}));
    answer_stream_end(scene->stream);
    loop_until(scene->loop, has_ended, scene);
    let_settle(scene);
    assert_int_equal(scene->gone, 0);
}

static void who_asks_for_the_head_of_a_stream_gets_no_stream(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n" GET("/now"));
    wait_heard(scene, 1, "now");
    loop_until(scene->loop, is_gone, scene);
    assert_int_equal(times(&scene->client, "HTTP/1.1 200 OK\r\n"), 2);
    assert_int_equal(scene->gone, 1);
}

/* ---- stopping ---- */

static void on_stopped(void *context)
{
    ((struct scene *)context)->stopped++;
}

static void stopping_waits_for_what_is_under_way_and_for_nothing_else(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/later"));
    client_open(&scene->other, scene); /* idle */
    wait_asked(scene, 1);
    http_stop(scene->http, on_stopped, scene);
    assert_int_equal(scene->stopped, 0);
    loop_until(scene->loop, has_other_ended, scene);
    let_settle(scene);
    assert_int_equal(scene->stopped, 0);
    make_answer(scene, 0, "at last");
    loop_until(scene->loop, has_stopped, scene);
    loop_until(scene->loop, has_ended, scene);
    check_heard(&scene->client, "Connection: close\r\n");
    check_heard(&scene->client, "at last");
    let_settle(scene);
    assert_int_equal(scene->stopped, 1);
}

static void a_request_that_has_come_in_before_the_stop_is_answered(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/now"));
    wait_heard(scene, 1, "now");
    client_send(&scene->client, GET("/now")); /* and the loop does not hear of it before */
    http_stop(scene->http, on_stopped, scene);
    loop_until(scene->loop, has_stopped, scene);
    loop_until(scene->loop, has_ended, scene);
    assert_int_equal(times(&scene->client, "HTTP/1.1 200 OK\r\n"), 2);
}

static void a_stream_does_not_hold_up_the_stop(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/stream"));
    wait_asked(scene, 1);
    assert_true(write_stream(scene, TEXT("x")));
    scene->is_inside = true;
    http_stop(scene->http, on_stopped, scene);
    scene->is_inside = false;
    loop_until(scene->loop, has_stopped, scene);
    assert_int_equal(scene->gone, 1);
    loop_until(scene->loop, has_ended, scene);
    check_heard(&scene->client, "\r\n1\r\nx\r\n0\r\n\r\n");
}

static void who_hears_that_one_stream_has_gone_may_end_another_that_has(void **state)
{
    struct scene *scene = *state;

    client_send(&scene->client, GET("/stream"));
    client_open(&scene->other, scene);
    client_send(&scene->other, GET("/stream"));
    wait_asked(scene, 2);
    scene->ends_other = true;
    http_stop(scene->http, on_stopped, scene);
    loop_until(scene->loop, has_stopped, scene);
    assert_int_equal(scene->gone, 1);
}

static void a_server_that_nobody_uses_stops_at_once(void **state)
{
    struct scene *scene = *state;

    client_close(&scene->client);
    http_stop(scene->http, on_stopped, scene);
    loop_until(scene->loop, has_stopped, scene);
}

#define scene_test(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(requests_of_one_connection_are_handled_one_after_the_other),
        scene_test(a_client_that_says_no_more_still_gets_its_answers),
        scene_test(a_request_may_be_answered_after_its_client_has_left),
        scene_test(what_nobody_answered_is_gone_with_the_server),
        scene_test(half_sent_requests_leave_nothing_behind),
        scene_test(many_pipelined_requests_wait_outside_while_one_is_answered),
        scene_test(answers_that_become_ready_together_are_one_write),
        scene_test(a_stream_reaches_its_listener_piece_by_piece),
        scene_test(an_old_client_hears_a_stream_until_the_connection_closes),
        scene_test(a_listener_that_leaves_is_told_once),
        scene_test(a_listener_that_does_not_read_is_cut_off),
        scene_test(a_stream_that_is_ended_after_it_was_cut_off_tells_nobody),
        scene_test(who_asks_for_the_head_of_a_stream_gets_no_stream),
        scene_test(stopping_waits_for_what_is_under_way_and_for_nothing_else),
        scene_test(a_request_that_has_come_in_before_the_stop_is_answered),
        scene_test(a_stream_does_not_hold_up_the_stop),
        scene_test(who_hears_that_one_stream_has_gone_may_end_another_that_has),
        scene_test(a_server_that_nobody_uses_stops_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
