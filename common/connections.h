/* The connections of one listening address: how many there may be, and how long each may take.
 *
 * The idea to hold in mind: libevent's time-outs start again at every byte, so a client that sends one byte a second
 * would hold its connection for ever. Here a request has an absolute deadline, from its first byte to its last. */
#ifndef KARCIS_CONNECTIONS_H
#define KARCIS_CONNECTIONS_H

struct bufferevent;
struct connections;
struct evhttp;
struct loop;

/* Ends the process if the address cannot be read (100) or listened on (111). The evhttp owns the listener from then on
 * and asks here for the bufferevent of each connection. */
struct connections *connections_open(struct loop *loop, struct evhttp *http, const char *address);
/* A whole request has come in on this connection: no deadline until the next one's first byte. */
void connections_request_complete(struct connections *connections, struct bufferevent *bufferevent);

/* Accepts no more, closes those that are between two requests; `empty` is called once none is left. */
void connections_drain(struct connections *connections, void (*empty)(void *context), void *context);
/* After evhttp_free. Accepts NULL. */
void connections_close(struct connections *connections);

#endif
