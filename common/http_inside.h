/* What the files of the server share; nobody else includes it.
 *
 *   http.c             the server's life, and a request's
 *   http_listen.c      accepting connections, how many there may be, their deadlines
 *   http_connection.c  from bytes to requests
 *   http_output.c      from answers to bytes, and closing
 *   http_answer.c      what an answer looks like
 *   http_stream.c      answers without an end
 *   http_held.c        how much all of them hold
 *
 * The idea to hold in mind: whatever happens to a connection while the loop hands out events (input, answers) only
 * changes its state and its buffers. At the end of the turn, when all events of the turn are done, each connection that
 * had some is looked at once (connection_turn): then it is written to, read on from, or closed. So answers that become
 * ready together are one write, and no connection goes away under a function that uses it. */
#ifndef KARCIS_HTTP_INSIDE_H
#define KARCIS_HTTP_INSIDE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/bounds.h"
#include "common/http_body.h"
#include "common/http_head.h"
#include "common/id.h"
#include "common/text.h"

struct answer_stream;
struct evbuffer;
struct evconnlistener;
struct event;
struct http;
struct request;

enum connection_state {
    CONNECTION_IDLE,      /* nothing of the next request has come */
    CONNECTION_HEAD,      /* its head is coming in */
    CONNECTION_BODY,      /* its body is */
    CONNECTION_ANSWERING, /* a handler has it */
    CONNECTION_STREAMING, /* its answer goes on until somebody ends it */
    CONNECTION_CLOSING,   /* what waits is written, and what comes in is thrown away until the client closes too */
    CONNECTION_DEAD       /* closed at the end of this turn, whatever waits */
};

struct connection {
    struct http *http;
    LIST_ENTRY(connection) all;
    TAILQ_ENTRY(connection) turn;
    enum connection_state state;
    int fd;
    bool is_in_turn;
    bool is_reading;    /* the loop tells when there is something to read */
    bool has_ended;     /* the client will send no more */
    bool has_shut_down; /* we have said so, too */
    bool is_writing;    /* the loop tells when there is room to write */
    struct event *readable, *writable;
    struct evbuffer *input;  /* what came in while an answer was being made */
    struct evbuffer *output; /* what the client has not taken */
    struct request *request; /* that comes in or is being answered */
    struct answer_stream *stream;
    int64_t deadline_us;       /* of the state; 0: it has none */
    int64_t write_deadline_us; /* of the next HTTP_WRITE_BYTES; 0: nothing waits */
    size_t written;            /* since that was set */
    size_t thrown_away;
    size_t held;                 /* of input and output, as last weighed */
    char peer[INET6_ADDRSTRLEN]; /* the client's address, as numbers */
};

LIST_HEAD(connection_list, connection);
TAILQ_HEAD(connection_queue, connection);
LIST_HEAD(request_list, request);

#define HTTP_SPARE_ARENAS 64 /* kept for the requests to come */

struct http {
    struct loop *loop;
    struct dispatch *dispatch;
    struct evconnlistener *listener; /* NULL once stopping */
    struct connection_list connections;
    size_t connection_count;
    struct metrics_gauge *gauge; /* shows it */
    size_t held;                 /* by connections and requests, as last weighed */
    struct metrics_gauge *held_gauge;
    struct loop_timer *sweep;
    struct connection_queue in_turn;
    struct event *turn; /* made active for the end of this turn */
    struct request_list requests;
    struct answer_stream *gone_streams; /* whose owner is to be told */
    size_t spare_count;
    struct arena *spare[HTTP_SPARE_ARENAS];
    bool is_stopping;
    struct loop_timer *stop_timer;
    void (*stopped)(void *context); /* NULL once called */
    void *context;
    int64_t date_s;        /* when `date` was made */
    char date[40];         /* as in the Date header */
    struct uuid names[64]; /* random, for request ids; made together, for each draw is a system call */
    size_t names_used;
    char received[HTTP_READ_BYTES]; /* what has just come in, of whichever connection */
};

/* http.c */
void *http_must(void *memory); /* ends the process if it is NULL */
struct request *http_request_new(struct connection *connection);
/* The request is whole. */
void http_request_complete(struct request *request);
void http_request_free(struct request *request);
/* Its connection has gone: it is freed, or answered into nothing by the handler that has it. */
void http_request_lost(struct request *request);
bool http_request_may_keep_alive(const struct request *request);
/* A problem instead of the rest of the request; the connection closes behind it. */
void http_refuse(struct connection *connection, const struct http_refusal *refusal);
void http_turn_soon(struct http *http);

/* http_listen.c */
void http_listen(struct http *http, const char *address);
void http_stop_listening(struct http *http);
void http_listen_again(struct http *http); /* if there is room, and it is not stopping */

/* http_connection.c */
void connection_new(struct http *http, int fd, const struct sockaddr *peer);
void connection_free(struct connection *connection);
void connection_enter(struct connection *connection, enum connection_state state);
void connection_turn_soon(struct connection *connection);
void connection_turn(struct connection *connection);
void connection_overdue(struct connection *connection);
/* Closes it if it is between two requests; what has come in already is still answered. */
void connection_drain(struct connection *connection);

/* http_output.c */
void connection_flush(struct connection *connection);
void connection_on_writable(int fd, short what, void *context);
/* The answer is in the output. */
void connection_answered(struct connection *connection, bool keeps_alive);

/* http_held.c */
#define HTTP_TOO_MUCH_SENT "too much is being sent at once; try again later, or send less"
void connection_weigh(struct connection *connection); /* and the request that it has */
void connection_lets_go(struct connection *connection);
void request_lets_go(struct request *request);
/* As much is held as may be. */
bool http_is_full(const struct http *http);
/* So many bytes more are not small, and there is no room for them. */
bool http_body_is_too_much(const struct http *http, uint64_t bytes);
bool http_answer_is_too_much(const struct http *http, uint64_t bytes);

/* http_answer.c */
struct text http_make_head(struct request *request, int status, const char *content_type, bool keeps_alive);

/* http_stream.c */
void stream_gone(struct answer_stream *stream); /* its owner will be told; lets go of the connection */
void stream_drain(struct answer_stream *stream);
void stream_tell_gone(struct http *http);
void stream_free_gone(struct http *http);

#endif
