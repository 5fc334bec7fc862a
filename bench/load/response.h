/* Reading an HTTP/1.1 answer of ours: a status line, headers, Content-Length bytes. Nothing else is understood. */
#ifndef KARCIS_BENCH_RESPONSE_H
#define KARCIS_BENCH_RESPONSE_H

#include <stdbool.h>
#include "common/text.h"

enum response_state {
    RESPONSE_PART,  /* more is to come */
    RESPONSE_WHOLE, /* the first `len` bytes are it */
    RESPONSE_WRONG  /* this is no answer that we understand */
};

struct response {
    int status;
    struct text body; /* in the bytes that were read */
    size_t len;       /* of all of it */
    bool closes;      /* the connection ends with it */
};

enum response_state response_read(struct text bytes, struct response *response);

#endif
