/* A piece of text that somebody else owns: pointer and length, not terminated, may hold any byte. */
#ifndef KARCIS_TEXT_H
#define KARCIS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct text {
    const char *ptr;
    size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
#define TEXT_NONE     ((struct text){NULL, 0})

static inline struct text text_of(const char *string)
{
    return string ? (struct text){string, strlen(string)} : TEXT_NONE;
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool text_is(struct text a, const char *literal)
{
    return text_equal(a, text_of(literal));
}

/* Byte order, the order of COLLATE "C". */
int text_compare(struct text a, struct text b);

struct text text_copy(struct arena *arena, struct text from);
char *text_terminated(struct arena *arena, struct text from); /* with a NUL behind it */
struct text text_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For people: in quotes, cut to TEXT_SHOWN_BYTES with its length behind, what cannot be printed as \xFF. */
#define TEXT_SHOWN_BYTES 40
struct text text_shown(struct arena *arena, struct text text);
struct text text_of_int64(struct arena *arena, int64_t number);

/* The whole text as a decimal integer in [min, max]; false if it is anything else. No spaces, no plus sign. */
bool text_to_int64(struct text text, int64_t min, int64_t max, int64_t *number);

/* What DESIGN.md calls an identifier: 1..len_max bytes of A-Z a-z 0-9 . _ - */
bool text_is_identifier(struct text text, size_t len_max);
/* Of the UTF-8 character that the text begins with; 0: none that is well formed. */
size_t text_character_bytes(struct text text);
bool text_is_utf8(struct text text);      /* well formed (RFC 3629) and without U+0000 */
bool text_is_printable(struct text text); /* UTF-8 without control characters */
bool text_is_currency(struct text text);  /* three capital letters (ISO 4217's form) */

/* Takes the next piece up to `separator` off `rest`; false at the end. "a,,b" gives "a", "", "b". */
bool text_next(struct text *rest, char separator, struct text *piece);

#endif
