/* What tests of the readers share: requests fed in pieces, one after the other as a connection does it, and what came
 * of them as one text: "GET /a?b=c 1.1 keep body=5:hello", a line a request; then "more" or "400 the reason". */
#ifndef KARCIS_TESTS_HTTP_FEEDING_H
#define KARCIS_TESTS_HTTP_FEEDING_H

#include <stddef.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

/* How long the next piece is, at most `left` and at least 1. */
typedef size_t feeding_cut(void *context, size_t left);

/* The text lies in the arena. Each piece is fed from memory of just its size, so reading past its end is noticed. */
struct text feed_requests(struct arena *arena, struct text bytes, feeding_cut *cut, void *context);

#endif
