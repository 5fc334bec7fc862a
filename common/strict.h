/* What RFC 9112 says a server must refuse and libevent lets through: message forms that a proxy in front and we could
 * understand differently (request smuggling). Pure: sees a request's head, says what is wrong with it. */
#ifndef KARCIS_STRICT_H
#define KARCIS_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"

struct header {
    struct text name, value; /* name in any case; value without the space around it */
};

struct head {
    size_t header_count;
    const struct header *headers;
    int minor_version;  /* of HTTP/1.x */
    bool may_have_body; /* libevent reads a body for this method */
};

/* NULL, or what is wrong: the answer is 400 and the connection must be closed, since it is not known where the next
 * request begins. */
const char *strict_refuse(const struct head *head);

/* Names compare without regard to case. ptr NULL if it is not there; the first if it is there more than once. */
struct text header_value(const struct header *headers, size_t count, const char *name);

#endif
