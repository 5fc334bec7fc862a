/* Which address a request comes from, when proxies may stand between.
 *
 * The idea to hold in mind: X-Forwarded-For is what somebody wrote. Its last address was written by who is connected to
 * us, the one before by whoever that was, and so on; so it is read from its end, and only as long as the writer is one
 * of TRUSTED_PROXIES. Nothing that a client behind them writes is believed. */
#ifndef KARCIS_PEER_H
#define KARCIS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"

struct arena;
struct head;

struct address {
    unsigned char bytes[16]; /* IPv6; an IPv4 address as ::ffff:a.b.c.d */
};

struct network {
    struct address address;
    unsigned bits;
};

#define NETWORKS_MAX 32 /* proxies of one system */

struct networks {
    size_t count;
    struct network items[NETWORKS_MAX];
};

/* "10.0.0.0/8,::1"; false: not such a list. */
bool networks_read(struct text list, struct networks *networks);
bool networks_hold(const struct networks *networks, struct address address);

bool address_read(struct text text, struct address *address);
/* As text, for people and for counting: all of an IPv4 address, the first 64 bits of an IPv6 address (one customer has
 * at least so many). */
struct text address_text(struct arena *arena, struct address address);

/* Who asks: the nearest address that is not a trusted proxy's. False: `peer` is no address. */
bool peer_address(const struct networks *trusted, struct text peer, const struct head *head, struct address *address);

#endif
