/* What is wrong with a request, as application/problem+json says it (RFC 9457). */
#ifndef KARCIS_PROBLEM_H
#define KARCIS_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

/* All that is wrong with one body or query; the list is cut at PROBLEMS_MAX. */
#define PROBLEMS_MAX 20

struct problem {
    struct text pointer; /* into the body (RFC 6901): /seats/3; of a query's value: /limit */
    struct text detail;  /* for people */
    int64_t index;       /* of the item in a batch; -1: the body is none */
};

struct problems {
    struct arena *arena;
    size_t count;
    struct problem items[PROBLEMS_MAX];
};

void problems_add(struct problems *problems, struct text pointer, const char *detail);
bool problems_are_enough(const struct problems *problems); /* no more would be listed */

/* "Not Found" for 404; used in the status line too. */
const char *problem_title(int status);

/* `code` is for programs and part of the contract, `detail` for people; `problems` may be NULL. */
struct text problem_document(struct arena *arena, int status, const char *code, const char *detail,
                             struct text request_id, const struct problems *problems);

#endif
