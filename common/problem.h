/* What is wrong with a request, as application/problem+json says it (RFC 9457). */
#ifndef KARCIS_PROBLEM_H
#define KARCIS_PROBLEM_H

#include <stddef.h>
#include "common/text.h"

struct arena;

/* All that is wrong with one body or query; the list is cut at PROBLEMS_MAX. */
#define PROBLEMS_MAX 20

struct problem {
    struct text pointer; /* into the body (RFC 6901): /seats/3; of a query's value: /limit */
    struct text detail;  /* for people */
};

struct problems {
    struct arena *arena;
    size_t count;
    struct problem items[PROBLEMS_MAX];
};

void problems_add(struct problems *problems, struct text pointer, const char *detail);

/* "Not Found" for 404; used in the status line too. */
const char *problem_title(int status);

/* `code` is for programs and part of the contract, `detail` for people; `problems` may be NULL. */
struct text problem_document(struct arena *arena, int status, const char *code, const char *detail,
                             struct text request_id, const struct problems *problems);

#endif
