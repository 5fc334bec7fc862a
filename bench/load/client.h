/* One keep-alive connection to one of our programs, and one request on it at a time. It connects when it is asked for
 * something, and again after it was lost. */
#ifndef KARCIS_BENCH_CLIENT_H
#define KARCIS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

struct event_base;
struct client;

struct server { /* http://host:port */
    struct text host_and_port;
    const char *host; /* for connecting: without the brackets of IPv6 */
    uint16_t port;
};

/* False if it is no such URL. The server's texts are the caller's to free, with the process. */
bool server_read(const char *url, struct server *server);

struct answer { /* status 0: the connection was lost before all of it was there */
    int status;
    bool was_sent; /* the request was, or part of it */
    struct text body;
};

/* Called once for every client_ask, never from within it; the next question may be asked in it. */
typedef void client_fn(struct client *client, const struct answer *answer, void *context);

struct client *client_new(struct event_base *base, const struct server *server, const char *key, int64_t timeout_ms,
                          client_fn *fn, void *context);
void client_free(struct client *client); /* accepts NULL; what is under way is not answered any more */
void client_get(struct client *client, const char *path);
void client_post(struct client *client, const char *path, struct text body);

#endif
