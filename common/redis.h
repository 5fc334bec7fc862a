/* One connection to Redis on the event loop: connects, authenticates, reconnects by itself (full jitter), times out.
 *
 * The idea to hold in mind: every command gets exactly one answer, in order; when the connection is lost, every command
 * under way is answered with NULL, which means "unknown: it may or may not have been done". Commands sent while the
 * connection is not up are refused at once. hiredis parses replies and formats commands; sockets are libevent's, which
 * gives time-outs, name resolution off the loop and, later, TLS. */
#ifndef KARCIS_REDIS_H
#define KARCIS_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct arena;
struct buffer;
struct loop;
struct redis;

enum redis_type { REDIS_NIL, REDIS_INTEGER, REDIS_STATUS, REDIS_TEXT, REDIS_ERROR, REDIS_ARRAY };

/* A reply lives in an arena of the connection until the callback returns; redis_keep_reply hands the arena over. */
struct redis_reply {
    enum redis_type type;
    int64_t integer;            /* REDIS_INTEGER */
    struct text text;           /* STATUS, TEXT, ERROR */
    size_t count;               /* REDIS_ARRAY */
    struct redis_reply **items; /* REDIS_ARRAY; never holds NULL */
};

typedef void redis_reply_fn(struct redis *redis, const struct redis_reply *reply, void *context);
typedef void redis_state_fn(struct redis *redis, bool is_up, void *context);

struct redis_options {
    const char *url;            /* redis://[user[:password]@]host[:port]; redis+unix is not offered */
    const char *name;           /* CLIENT SETNAME, for CLIENT LIST and our log */
    int command_ms;             /* the oldest command unanswered for this long: the connection is given up */
    bool is_patient;            /* waits for news, and nobody for it: not hurried (loop_hurry) */
    redis_state_fn *on_state;   /* after authentication (true) and after each loss (false); may be NULL */
    redis_reply_fn *on_message; /* pub/sub messages once redis_subscribe was used; may be NULL */
    void *context;
};

/* Starts connecting. Ends the process with code 100 if the URL cannot be read. */
struct redis *redis_open(struct loop *loop, const struct redis_options *options);
void redis_close(struct redis *redis); /* accepts NULL; commands under way are answered NULL first */
bool redis_is_up(const struct redis *redis);
/* In a callback with NULL: the reply was given up because it is larger than REDIS_REPLY_BYTES_MAX. */
bool redis_was_too_large(const struct redis *redis);
const char *redis_last_error(const struct redis *redis); /* "" if none since the last success */

/* Sends one command; `fn` (may be NULL) is called exactly once, later. False: not up, nothing sent, fn never called. */
bool redis_send(struct redis *redis, redis_reply_fn *fn, void *context, size_t count, const struct text *words);
/* The same with terminated strings, the last one NULL. */
bool redis_sendv(struct redis *redis, redis_reply_fn *fn, void *context, ...) __attribute__((sentinel));
/* Several commands at once, written before with redis_format one behind the other. `fn` is called once, when all are
 * answered: with the first error if there was one (other commands may have been done), else with the last answer. */
void redis_format(struct buffer *commands, size_t count, const struct text *words);
bool redis_send_many(struct redis *redis, redis_reply_fn *fn, void *context, size_t count, struct text commands);
/* The command may wait this long at the server before it must be answered (XREADGROUP BLOCK). */
void redis_expect_block(struct redis *redis, int block_ms);
/* Turns the connection into a listener: only messages come from then on. Renewed after a reconnect by the caller. */
bool redis_subscribe(struct redis *redis, struct text channel);
/* Drops the connection (commands under way: NULL) and connects again. */
void redis_reconnect(struct redis *redis, const char *why);

/* Inside a callback: the reply and all it points to stay valid until the caller frees the arena. */
struct arena *redis_keep_reply(struct redis *redis);

/* A Lua script. Sent in full the first time on a connection, by its hash afterwards; a NOSCRIPT error makes the next
 * call send it in full again, so a caller that repeats the call after an error needs to know nothing of this. */
struct redis_script {
    const char *text;
};
bool redis_eval(struct redis *redis, const struct redis_script *script, redis_reply_fn *fn, void *context,
                size_t key_count, size_t count, const struct text *words); /* words: keys first, then arguments */

/* The classes of errors that callers tell apart; REDIS_FINE when the reply is not an error. */
enum redis_problem {
    REDIS_FINE,
    REDIS_LOST,     /* NULL reply: unknown outcome */
    REDIS_AWAY,     /* LOADING, READONLY, MASTERDOWN, MISCONF, CLUSTERDOWN, NOSCRIPT: repeat later */
    REDIS_NO_GROUP, /* NOGROUP, UNBLOCKED: the group or its stream is gone */
    REDIS_FULL,     /* OOM: memory limit reached */
    REDIS_REFUSED   /* anything else: our mistake or somebody's key of another type */
};
enum redis_problem redis_problem_of(const struct redis_reply *reply);

#endif
