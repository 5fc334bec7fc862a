/* Who a request comes from, by its key: Authorization: Bearer KEY. Keys are compared in constant time. */
#ifndef KARCIS_KEYS_H
#define KARCIS_KEYS_H

#include <stdbool.h>
#include "common/route.h"
#include "common/text.h"

/* A key's hash: all are of one length, and a comparison tells nothing about the key. */
struct key {
    bool is_set;
    unsigned char hash[32];
};

struct keys {
    struct key client, admin;
};

/* NULL or "": nobody has that role. */
struct keys keys_make(const char *client, const char *admin);
/* ADMIN, CLIENT, or ANYONE if the header is missing, of another scheme or with an unknown key. */
enum route_who keys_role(const struct keys *keys, struct text authorization);

#endif
