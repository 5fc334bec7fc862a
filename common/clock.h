/* Time as this system writes it: milliseconds since 1970 (UTC) for instants, a monotonic clock for waiting, RFC 3339
 * text on the wire. */
#ifndef KARCIS_CLOCK_H
#define KARCIS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

int64_t clock_now_ms(void);       /* wall clock */
int64_t clock_now_us(void);       /* wall clock */
int64_t clock_monotonic_us(void); /* never steps */

/* 2026-11-21T01:22:05.123Z; the milliseconds are always there. */
struct text time_text(struct arena *arena, int64_t time_ms);
/* RFC 3339 with any offset, up to 9 digits of fraction (cut to microseconds), years 1970 to 9999, leap second 60 read
 * as the next second. Result in microseconds since 1970. */
bool time_parse(struct text text, int64_t *time_us);

#endif
