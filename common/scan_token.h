/* The values of JSON that hold no others: strings, numbers, true, false and null (RFC 8259, sections 3, 6 and 7).
 *
 * The idea to hold in mind: a cursor moves over the text. What returns false has said what is wrong, and the cursor
 * stands where it is wrong. */
#ifndef KARCIS_SCAN_TOKEN_H
#define KARCIS_SCAN_TOKEN_H

#include "common/scan.h"

struct scan_cursor {
    struct arena *arena; /* for strings whose escapes are read */
    const char *at, *end;
    const char *wrong; /* what, at `at` */
};

static inline bool scan_fail(struct scan_cursor *cursor, const char *wrong)
{
    cursor->wrong = wrong;
    return false;
}

/* The next byte; 0 at the end, which is as wrong as a zero byte wherever this is asked. */
static inline char scan_peek(const struct scan_cursor *cursor)
{
    return cursor->at < cursor->end ? *cursor->at : '\0';
}

static inline void scan_skip_space(struct scan_cursor *cursor)
{
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

/* The cursor stands on the opening quote. */
bool scan_string(struct scan_cursor *cursor, struct text *text);
/* Any of them; the text is as in struct scan_value. */
bool scan_plain(struct scan_cursor *cursor, enum scan_kind *kind, struct text *text);

#endif
