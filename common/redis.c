/* A connection to Redis: hiredis parses and formats, libevent moves the bytes.
 *
 * States: DOWN (a timer will connect) -> CONNECTING -> GREETING (AUTH, SETNAME) -> UP, and from each of them back to
 * DOWN through lose(), the only place that gives a connection up. Commands under way wait in a ring, in order. */
#include "common/redis.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"

enum state { DOWN, CONNECTING, GREETING, UP };

struct waiting { /* what was sent and not answered: a command, or several */
    redis_reply_fn *fn;
    void *context;
    int64_t sent_us, deadline_us;
    size_t left;               /* answers to come */
    struct redis_reply *error; /* the first of several; its text stands behind it */
};

struct loaded_script { /* known to the server by its hash, as far as this connection saw */
    const struct redis_script *script;
    char hash[41]; /* "" until SCRIPT LOAD has answered */
};

#define SCRIPTS_MAX 16
#define WORDS_MAX   32 /* of redis_sendv */

struct redis {
    struct loop *loop;
    struct redis_options options;
    char *host, *user, *password;
    int port;
    enum state state;
    bool is_closing, is_listening;
    bool was_too_large; /* the connection was given up because of its last reply */
    unsigned attempt;
    struct bufferevent *socket;
    redisReader *reader;
    struct arena *arena; /* of the reply being read */
    struct loop_timer *reconnect, *watchdog;
    struct loop_waiter waiter;
    int64_t hurry_us;     /* by then all that is asked now must be answered; 0: no hurry */
    struct waiting *ring; /* capacity is a power of two */
    size_t ring_capacity, ring_first, ring_count;
    int block_ms;
    struct loaded_script scripts[SCRIPTS_MAX];
    size_t script_count;
    char last_error[160];
};

/* ---- replies in an arena: hiredis asks us to build its objects ---- */

static struct redis_reply *make_reply(const redisReadTask *task, enum redis_type type)
{
    struct redis *redis = task->privdata;
    struct redis_reply *reply = ARENA_NEW(redis->arena, struct redis_reply);

    reply->type = type;
    if (task->parent) {
        struct redis_reply *parent = task->parent->obj;

        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *make_text(const redisReadTask *task, char *bytes, size_t len)
{
    struct redis *redis = task->privdata;
    struct redis_reply *reply = make_reply(task, task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                                                 : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                                                    : REDIS_TEXT);

    /* NULL makes hiredis give the reply up. Whoever asked must ask for less (redis_was_too_large). */
    if (arena_bytes(redis->arena) + len > REDIS_REPLY_BYTES_MAX) {
        redis->was_too_large = true;
        return NULL;
    }
    reply->text = text_copy(redis->arena, (struct text){bytes, len});
    return reply;
}

/* NULL makes hiredis refuse the reply: no server of ours sends so many, so whatever announces them is none. */
static void *make_array(const redisReadTask *task, int count)
{
    struct redis *redis = task->privdata;
    struct redis_reply *reply;

    if ((size_t)count > REDIS_REPLY_ITEMS_MAX)
        return NULL;
    reply = make_reply(task, REDIS_ARRAY);
    reply->count = (size_t)count;
    reply->items = ARENA_ARRAY(redis->arena, struct redis_reply *, (size_t)count);
    return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = make_reply(task, REDIS_INTEGER);

    reply->integer = value;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    return make_reply(task, REDIS_NIL);
}

static void free_nothing(void *reply)
{
    (void)reply; /* the arena does it */
}

static redisReplyObjectFunctions reply_functions = {make_text, make_array, make_integer, make_nil, free_nothing};

struct arena *redis_keep_reply(struct redis *redis)
{
    struct arena *kept = redis->arena;

    redis->arena = arena_new();
    return kept;
}

/* ---- commands under way ---- */

static int look_ms(const struct redis *redis)
{
    return redis->hurry_us ? DRAIN_LOOK_MS : redis->options.command_ms / 4 + 1;
}

static void push_waiting(struct redis *redis, redis_reply_fn *fn, void *context, size_t count)
{
    const int64_t now_us = clock_monotonic_us();

    if (redis->ring_count == redis->ring_capacity) {
        const size_t capacity = redis->ring_capacity ? redis->ring_capacity * 2 : 64;
        struct waiting *ring = malloc(capacity * sizeof *ring);

        if (!ring)
            log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
        for (size_t i = 0; i < redis->ring_count; i++)
            ring[i] = redis->ring[(redis->ring_first + i) & (redis->ring_capacity - 1)];
        free(redis->ring);
        redis->ring = ring;
        redis->ring_capacity = capacity;
        redis->ring_first = 0;
    }
    redis->ring[(redis->ring_first + redis->ring_count++) & (redis->ring_capacity - 1)] =
        (struct waiting){.fn = fn,
                         .context = context,
                         .sent_us = now_us,
                         .deadline_us = now_us + (int64_t)(redis->options.command_ms + redis->block_ms) * 1000,
                         .left = count};
    redis->block_ms = 0;
    if (redis->ring_count == 1)
        loop_timer_set(redis->watchdog, look_ms(redis));
}

static struct waiting pop_waiting(struct redis *redis)
{
    const struct waiting first = redis->ring[redis->ring_first];

    redis->ring_first = (redis->ring_first + 1) & (redis->ring_capacity - 1);
    redis->ring_count--;
    return first;
}

/* ---- losing and making the connection ---- */

static void connect_now(void *context);

static void forget_scripts(struct redis *redis)
{
    for (size_t i = 0; i < redis->script_count; i++)
        redis->scripts[i].hash[0] = '\0';
}

static void lose(struct redis *redis, const char *why)
{
    const bool was_up = redis->state == UP;
    int64_t delay_ms;

    if (redis->state == DOWN)
        return;
    delay_ms = jitter_ms(RECONNECT_MS_BASE, RECONNECT_MS_CAP, redis->attempt++);
    redis->state = DOWN;
    redis->is_listening = false;
    snprintf(redis->last_error, sizeof redis->last_error, "%s", why);
    if (!redis->is_closing && (was_up || redis->attempt == 1 || redis->attempt % 10 == 0))
        log_warn("redis lost", LOG_STRING("connection", redis->options.name), LOG_STRING("why", why));
    bufferevent_setcb(redis->socket, NULL, NULL, NULL, NULL);
    bufferevent_free(redis->socket);
    redis->socket = NULL;
    redisReaderFree(redis->reader);
    redis->reader = NULL;
    loop_timer_clear(redis->watchdog);
    forget_scripts(redis);
    while (redis->ring_count > 0) {
        const struct waiting lost = pop_waiting(redis);

        free(lost.error);
        if (lost.fn)
            lost.fn(redis, NULL, lost.context);
    }
    if (was_up && redis->options.on_state)
        redis->options.on_state(redis, false, redis->options.context);
    if (!redis->is_closing)
        loop_timer_set(redis->reconnect, delay_ms);
}

void redis_reconnect(struct redis *redis, const char *why)
{
    lose(redis, why);
}

static bool is_overdue(const struct redis *redis, const struct waiting *waiting)
{
    const int64_t now_us = clock_monotonic_us();

    if (redis->hurry_us && now_us > redis->hurry_us && now_us > waiting->sent_us + DRAIN_ANSWER_MS_MIN * 1000)
        return true;
    return now_us > waiting->deadline_us;
}

static void on_watchdog(void *context)
{
    struct redis *redis = context;

    if (redis->state == CONNECTING || redis->state == GREETING) {
        lose(redis, "no connection in time");
        return;
    }
    if (redis->ring_count == 0)
        return;
    if (is_overdue(redis, &redis->ring[redis->ring_first]))
        lose(redis, "no answer in time");
    else
        loop_timer_set(redis->watchdog, look_ms(redis));
}

static void on_hurry(void *context)
{
    struct redis *redis = context;

    if (redis->options.is_patient)
        return;
    redis->hurry_us = clock_monotonic_us() + DRAIN_ANSWER_MS * 1000;
    if (redis->state == UP)
        loop_timer_set(redis->watchdog, DRAIN_LOOK_MS);
}

static void on_greeted(struct redis *redis, const struct redis_reply *reply, void *context)
{
    (void)context;
    if (redis->state != GREETING)
        return;
    if (!reply || reply->type == REDIS_ERROR) {
        char why[200];

        snprintf(why, sizeof why, "refused: %.*s", reply ? (int)reply->text.len : 0, reply ? reply->text.ptr : "");
        log_error("redis refuses us", LOG_STRING("connection", redis->options.name), LOG_STRING("why", why));
        lose(redis, why);
        return;
    }
    redis->state = UP;
    redis->attempt = 0;
    redis->last_error[0] = '\0';
    log_debug("redis ready", LOG_STRING("connection", redis->options.name));
    if (redis->options.on_state)
        redis->options.on_state(redis, true, redis->options.context);
}

/* '*' or '$', a number, CR LF: RESP's way to say how much follows. */
#define HEAD_BYTES 24

static char *put_head(char *at, char kind, size_t number)
{
    char digits[20];
    int count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    *at++ = kind;
    while (count)
        *at++ = digits[--count];
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static size_t command_bytes_max(size_t count, const struct text *words)
{
    size_t size = HEAD_BYTES;

    for (size_t i = 0; i < count; i++)
        size += words[i].len + HEAD_BYTES + 2;
    return size;
}

static char *put_command(char *at, size_t count, const struct text *words)
{
    at = put_head(at, '*', count);
    for (size_t i = 0; i < count; i++) {
        at = put_head(at, '$', words[i].len);
        if (words[i].len)
            memcpy(at, words[i].ptr, words[i].len);
        at += words[i].len;
        *at++ = '\r';
        *at++ = '\n';
    }
    return at;
}

/* The whole command goes into one contiguous piece of the socket's buffer: an emit has ten thousand words. */
static void write_command(struct redis *redis, redis_reply_fn *fn, void *context, size_t count,
                          const struct text *words)
{
    struct evbuffer *out = bufferevent_get_output(redis->socket);
    struct evbuffer_iovec space;

    if (evbuffer_reserve_space(out, (ev_ssize_t)command_bytes_max(count, words), &space, 1) != 1)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    space.iov_len = (size_t)(put_command(space.iov_base, count, words) - (char *)space.iov_base);
    evbuffer_commit_space(out, &space, 1);
    push_waiting(redis, fn, context, 1);
}

static void greet(struct redis *redis)
{
    struct text words[3];

    if (redis->password) {
        size_t count = 0;

        words[count++] = TEXT("AUTH");
        if (redis->user)
            words[count++] = text_of(redis->user);
        words[count++] = text_of(redis->password);
        write_command(redis, on_greeted, NULL, count, words);
        redis->state = GREETING;
        return;
    }
    words[0] = TEXT("PING");
    write_command(redis, on_greeted, NULL, 1, words);
    redis->state = GREETING;
}

static struct redis_reply *keep_error(const struct redis_reply *reply)
{
    struct redis_reply *kept = malloc(sizeof *kept + reply->text.len);

    if (!kept)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    *kept = (struct redis_reply){.type = REDIS_ERROR, .text = {(char *)(kept + 1), reply->text.len}};
    memcpy(kept + 1, reply->text.ptr, reply->text.len);
    return kept;
}

/* All that was sent together is answered with this. */
static bool is_last_answer(struct redis *redis, const struct redis_reply *reply)
{
    struct waiting *first = &redis->ring[redis->ring_first];

    if (--first->left == 0)
        return true;
    if (reply->type == REDIS_ERROR && !first->error)
        first->error = keep_error(reply);
    return false;
}

/* One answer. False: the connection went away in its callback. */
static bool answer(struct redis *redis, const struct redis_reply *reply)
{
    struct waiting first;

    if (redis->is_listening) {
        if (redis->options.on_message)
            redis->options.on_message(redis, reply, redis->options.context);
        return redis->state != DOWN;
    }
    if (redis->ring_count == 0) {
        lose(redis, "an answer nobody asked for"); /* e.g. -ERR max number of clients reached */
        return false;
    }
    if (!is_last_answer(redis, reply))
        return true;
    first = pop_waiting(redis);
    if (reply->type == REDIS_ERROR && reply->text.len >= 8 && memcmp(reply->text.ptr, "NOSCRIPT", 8) == 0)
        forget_scripts(redis);
    if (first.fn)
        first.fn(redis, first.error ? first.error : reply, first.context);
    free(first.error);
    return redis->state != DOWN;
}

static void on_readable(struct bufferevent *socket, void *context)
{
    struct redis *redis = context;
    struct evbuffer *in = bufferevent_get_input(socket);

    for (;;) {
        const size_t len = evbuffer_get_contiguous_space(in);

        if (len == 0)
            return;
        if (redisReaderFeed(redis->reader, (const char *)evbuffer_pullup(in, (ev_ssize_t)len), len) != REDIS_OK) {
            lose(redis, "protocol error");
            return;
        }
        evbuffer_drain(in, len);
        for (;;) {
            void *reply = NULL;
            redisReader *reader = redis->reader;

            if (redisReaderGetReply(reader, &reply) != 0) {
                lose(redis, redis->was_too_large ? "the reply is too large" : reader->errstr);
                return;
            }
            if (!reply)
                break;
            if (!answer(redis, reply))
                return;
            arena_reset(redis->arena);
        }
    }
}

static void on_socket(struct bufferevent *socket, short what, void *context)
{
    struct redis *redis = context;
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, REDIS_COMMAND_MS},
    };

    if (!(what & BEV_EVENT_CONNECTED)) {
        lose(redis,
             (what & BEV_EVENT_EOF) ? "closed by the server" : evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
        return;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        setsockopt(bufferevent_getfd(socket), options[i].level, options[i].name, &options[i].value,
                   sizeof options[i].value);
    greet(redis);
}

static void connect_now(void *context)
{
    struct redis *redis = context;

    redis->state = CONNECTING;
    redis->was_too_large = false;
    redis->socket = bufferevent_socket_new(redis->loop->base, -1, BEV_OPT_CLOSE_ON_FREE);
    redis->reader = redisReaderCreateWithFunctions(&reply_functions);
    if (!redis->socket || !redis->reader)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    redis->reader->privdata = redis;
    redis->reader->maxbuf = 0; /* keep the buffer between replies */
    arena_reset(redis->arena);
    bufferevent_setcb(redis->socket, on_readable, NULL, on_socket, redis);
    bufferevent_enable(redis->socket, EV_READ | EV_WRITE);
    bufferevent_set_max_single_read(redis->socket, 262144);
    bufferevent_set_max_single_write(redis->socket, 262144);
    loop_timer_set(redis->watchdog, REDIS_CONNECT_MS);
    if (bufferevent_socket_connect_hostname(redis->socket, redis->loop->dns, AF_UNSPEC, redis->host, redis->port) < 0)
        lose(redis, "cannot connect");
}

/* ---- opening ---- */

static char *piece(struct text text)
{
    return text.ptr ? strndup(text.ptr, text.len) : NULL;
}

static void read_url(struct redis *redis, const char *url)
{
    struct text rest = text_of(url), authority, host, port;
    const char *at;
    int64_t number = 6379;

    if (strncmp(url, "redis://", 8) != 0)
        log_fatal(EXIT_CONFIGURATION, "REDIS_URL must begin with redis://", NULL);
    rest = (struct text){url + 8, rest.len - 8};
    text_next(&rest, '/', &authority);
    at = authority.len ? memrchr(authority.ptr, '@', authority.len) : NULL;
    host = authority;
    if (at) {
        struct text login = {authority.ptr, (size_t)(at - authority.ptr)}, user;

        host = (struct text){at + 1, authority.len - login.len - 1};
        text_next(&login, ':', &user);
        redis->user = login.ptr && user.len ? piece(user) : NULL;
        redis->password = login.ptr ? piece(login) : piece(user);
    }
    rest = host;
    text_next(&rest, ':', &host);
    port = rest;
    if (host.len == 0 || (port.ptr && !text_to_int64(port, 1, 65535, &number)))
        log_fatal(EXIT_CONFIGURATION, "REDIS_URL must be redis://[user[:password]@]host[:port]", NULL);
    redis->host = piece(host);
    redis->port = (int)number;
}

struct redis *redis_open(struct loop *loop, const struct redis_options *options)
{
    struct redis *redis = calloc(1, sizeof *redis);

    if (!redis)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    redis->loop = loop;
    redis->options = *options;
    redis->arena = arena_new();
    read_url(redis, options->url);
    redis->reconnect = loop_timer_new(loop, connect_now, redis);
    redis->watchdog = loop_timer_new(loop, on_watchdog, redis);
    loop_timer_set(redis->reconnect, 0);
    redis->waiter = (struct loop_waiter){.on_hurry = on_hurry, .context = redis};
    loop_wait(loop, &redis->waiter);
    return redis;
}

void redis_close(struct redis *redis)
{
    if (!redis)
        return;
    redis->is_closing = true;
    redis->options.on_state = NULL;
    lose(redis, "closing");
    loop_leave(&redis->waiter);
    loop_timer_free(redis->reconnect);
    loop_timer_free(redis->watchdog);
    arena_free(redis->arena);
    free(redis->ring);
    free(redis->host);
    free(redis->user);
    free(redis->password);
    free(redis);
}

bool redis_is_up(const struct redis *redis)
{
    return redis->state == UP;
}

bool redis_was_too_large(const struct redis *redis)
{
    return redis->was_too_large;
}

const char *redis_last_error(const struct redis *redis)
{
    return redis->last_error;
}

/* ---- sending ---- */

bool redis_send(struct redis *redis, redis_reply_fn *fn, void *context, size_t count, const struct text *words)
{
    if (redis->state != UP)
        return false;
    assert(!redis->is_listening);
    write_command(redis, fn, context, count, words);
    return true;
}

void redis_format(struct buffer *commands, size_t count, const struct text *words)
{
    char *from = buffer_reserve(commands, command_bytes_max(count, words));

    commands->len += (size_t)(put_command(from, count, words) - from);
}

bool redis_send_many(struct redis *redis, redis_reply_fn *fn, void *context, size_t count, struct text commands)
{
    if (redis->state != UP)
        return false;
    assert(!redis->is_listening && count > 0);
    if (evbuffer_add(bufferevent_get_output(redis->socket), commands.ptr, commands.len) < 0)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    push_waiting(redis, fn, context, count);
    return true;
}

bool redis_sendv(struct redis *redis, redis_reply_fn *fn, void *context, ...)
{
    struct text words[WORDS_MAX];
    size_t count = 0;
    const char *word;
    va_list args;

    va_start(args, context);
    while ((word = va_arg(args, const char *))) {
        assert(count < WORDS_MAX);
        words[count++] = text_of(word);
    }
    va_end(args);
    return redis_send(redis, fn, context, count, words);
}

void redis_expect_block(struct redis *redis, int block_ms)
{
    redis->block_ms = block_ms;
}

/* From the confirmation on, whatever comes is a message; commands sent before are answered before it. */
static void on_subscribed(struct redis *redis, const struct redis_reply *reply, void *context)
{
    (void)context;
    if (!reply)
        return;
    redis->is_listening = reply->type == REDIS_ARRAY;
    if (!redis->is_listening)
        log_error("cannot subscribe", LOG_STRING("connection", redis->options.name), LOG_TEXT("why", reply->text));
}

bool redis_subscribe(struct redis *redis, struct text channel)
{
    const struct text words[] = {TEXT("SUBSCRIBE"), channel};

    return redis_send(redis, on_subscribed, NULL, 2, words);
}

static struct loaded_script *find_script(struct redis *redis, const struct redis_script *script)
{
    for (size_t i = 0; i < redis->script_count; i++)
        if (redis->scripts[i].script == script)
            return &redis->scripts[i];
    assert(redis->script_count < SCRIPTS_MAX);
    redis->scripts[redis->script_count].script = script;
    return &redis->scripts[redis->script_count++];
}

static void on_script_loaded(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct loaded_script *loaded = context;

    (void)redis;
    if (reply && reply->type == REDIS_TEXT && reply->text.len == sizeof loaded->hash - 1)
        memcpy(loaded->hash, reply->text.ptr, reply->text.len);
}

bool redis_eval(struct redis *redis, const struct redis_script *script, redis_reply_fn *fn, void *context,
                size_t key_count, size_t count, const struct text *words)
{
    struct loaded_script *loaded = find_script(redis, script);
    struct text *command;
    char keys[24];

    if (redis->state != UP)
        return false;
    command = malloc((count + 3) * sizeof *command);
    if (!command)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    if (loaded->hash[0]) {
        command[0] = TEXT("EVALSHA");
        command[1] = (struct text){loaded->hash, sizeof loaded->hash - 1};
    } else {
        const struct text load[] = {TEXT("SCRIPT"), TEXT("LOAD"), text_of(script->text)};

        write_command(redis, on_script_loaded, loaded, 3, load);
        command[0] = TEXT("EVAL");
        command[1] = text_of(script->text);
    }
    command[2] = (struct text){keys, (size_t)snprintf(keys, sizeof keys, "%zu", key_count)};
    memcpy(command + 3, words, count * sizeof *words);
    write_command(redis, fn, context, count + 3, command);
    free(command);
    return true;
}

enum redis_problem redis_problem_of(const struct redis_reply *reply)
{
    static const struct {
        const char *word;
        enum redis_problem problem;
    } problems[] = {
        {"LOADING", REDIS_AWAY},       {"READONLY", REDIS_AWAY},    {"MASTERDOWN", REDIS_AWAY},
        {"MISCONF", REDIS_AWAY},       {"CLUSTERDOWN", REDIS_AWAY}, {"NOSCRIPT", REDIS_AWAY},
        {"BUSY", REDIS_AWAY},          {"TRYAGAIN", REDIS_AWAY},    {"NOGROUP", REDIS_NO_GROUP},
        {"UNBLOCKED", REDIS_NO_GROUP}, {"OOM", REDIS_FULL},
    };
    struct text rest, word;

    if (!reply)
        return REDIS_LOST;
    if (reply->type != REDIS_ERROR)
        return REDIS_FINE;
    rest = reply->text;
    text_next(&rest, ' ', &word);
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (text_is(word, problems[i].word))
            return problems[i].problem;
    return REDIS_REFUSED;
}
