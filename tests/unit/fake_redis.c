/* See fake_redis.h. */
#include "tests/unit/fake_redis.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "common/loop.h"

#define RULES_MAX 32

struct rule {
    const char *command, *answer;
};

struct visitor {
    struct visitor *next;
    struct fake_redis *fake;
    struct bufferevent *socket;
    redisReader *reader; /* a command looks like an array in an answer, so hiredis reads it */
};

struct fake_redis {
    struct loop *loop;
    struct evconnlistener *listener;
    struct visitor *visitors;
    struct rule rules[RULES_MAX];
    size_t rule_count, visits;
    bool refuses;
    char *heard;
    size_t heard_len;
};

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static void hear(struct fake_redis *fake, const char *bytes, size_t len)
{
    fake->heard = realloc(fake->heard, fake->heard_len + len + 1);
    assert(fake->heard);
    memcpy(fake->heard + fake->heard_len, bytes, len);
    fake->heard_len += len;
    fake->heard[fake->heard_len] = '\0';
}

static void take_command(struct visitor *visitor, const redisReply *command)
{
    struct fake_redis *fake = visitor->fake;
    const size_t start = fake->heard_len;
    const char *answer = "+OK\r\n";

    for (size_t i = 0; i < command->elements; i++) {
        if (i > 0)
            hear(fake, " ", 1);
        hear(fake, command->element[i]->str, (size_t)command->element[i]->len);
    }
    for (size_t i = 0; i < fake->rule_count; i++)
        if (begins_with(fake->heard + start, fake->rules[i].command))
            answer = fake->rules[i].answer;
    hear(fake, ";", 1);
    bufferevent_write(visitor->socket, answer, strlen(answer));
}

static void drop(struct visitor *visitor)
{
    for (struct visitor **at = &visitor->fake->visitors; *at; at = &(*at)->next)
        if (*at == visitor) {
            *at = visitor->next;
            break;
        }
    bufferevent_free(visitor->socket);
    redisReaderFree(visitor->reader);
    free(visitor);
}

static void on_readable(struct bufferevent *socket, void *context)
{
    struct visitor *visitor = context;
    struct evbuffer *in = bufferevent_get_input(socket);
    const size_t len = evbuffer_get_length(in);
    void *command;

    redisReaderFeed(visitor->reader, (const char *)evbuffer_pullup(in, -1), len);
    evbuffer_drain(in, len);
    while (redisReaderGetReply(visitor->reader, &command) == REDIS_OK && command) {
        take_command(visitor, command);
        freeReplyObject(command);
    }
}

static void on_gone(struct bufferevent *socket, short what, void *context)
{
    (void)socket;
    (void)what;
    drop(context);
}

static void on_visitor(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
                       void *context)
{
    struct fake_redis *fake = context;
    struct visitor *visitor;

    (void)listener;
    (void)from;
    (void)len;
    fake->visits++;
    if (fake->refuses) {
        evutil_closesocket(fd);
        return;
    }
    visitor = calloc(1, sizeof *visitor);
    assert(visitor);
    visitor->fake = fake;
    visitor->next = fake->visitors;
    fake->visitors = visitor;
    visitor->reader = redisReaderCreate();
    visitor->socket = bufferevent_socket_new(fake->loop->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(visitor->socket, on_readable, NULL, on_gone, visitor);
    bufferevent_enable(visitor->socket, EV_READ | EV_WRITE);
}

struct fake_redis *fake_redis_new(struct loop *loop)
{
    struct fake_redis *fake = calloc(1, sizeof *fake);
    const struct sockaddr_in anywhere = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    assert(fake);
    fake->loop = loop;
    fake->listener =
        evconnlistener_new_bind(loop->base, on_visitor, fake, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, -1,
                                (const struct sockaddr *)&anywhere, sizeof anywhere);
    assert(fake->listener);
    hear(fake, "", 0);
    fake_redis_answer(fake, "PING", "+PONG\r\n");
    return fake;
}

void fake_redis_free(struct fake_redis *fake)
{
    fake_redis_hang_up(fake);
    evconnlistener_free(fake->listener);
    free(fake->heard);
    free(fake);
}

int fake_redis_port(const struct fake_redis *fake)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;

    getsockname(evconnlistener_get_fd(fake->listener), (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

void fake_redis_answer(struct fake_redis *fake, const char *command, const char *answer)
{
    assert(fake->rule_count < RULES_MAX);
    fake->rules[fake->rule_count++] = (struct rule){command, answer};
}

void fake_redis_say(struct fake_redis *fake, const char *bytes, size_t len)
{
    assert(fake->visitors);
    bufferevent_write(fake->visitors->socket, bytes, len);
}

void fake_redis_hang_up(struct fake_redis *fake)
{
    while (fake->visitors)
        drop(fake->visitors);
}

void fake_redis_refuse(struct fake_redis *fake, bool refuses)
{
    fake->refuses = refuses;
}

const char *fake_redis_heard(const struct fake_redis *fake)
{
    return fake->heard;
}

void fake_redis_forget(struct fake_redis *fake)
{
    fake->heard_len = 0;
    fake->heard[0] = '\0';
}

size_t fake_redis_count(const struct fake_redis *fake, const char *command)
{
    size_t count = 0;

    for (const char *at = fake->heard; *at; at = strchr(at, ';') + 1)
        count += begins_with(at, command);
    return count;
}

size_t fake_redis_visits(const struct fake_redis *fake)
{
    return fake->visits;
}
