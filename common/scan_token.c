/* Strings, numbers and words. */
#include "common/scan_token.h"

#include <math.h>
#include <stdlib.h>

#include "common/arena.h"

#define SURELY_FINITE_BYTES  20 /* a number so short, */
#define SURELY_FINITE_DIGITS 2  /* with so few digits in its exponent, is far below 10^308 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- strings ---- */

/* Four hex digits; -1 if they are not there. */
static int32_t take_hex(struct scan_cursor *cursor)
{
    int32_t value = 0;

    if (cursor->end - cursor->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = *cursor->at++, lower = (char)(c | 0x20);

        if (is_digit(c))
            value = value * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static char *put_utf8(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (char)(0xE0 | code >> 12);
        } else {
            *out++ = (char)(0xF0 | code >> 18);
            *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (code & 0x3F));
    return out;
}

/* Behind "\u": a character, perhaps in two halves. */
static bool take_code(struct scan_cursor *cursor, int32_t *code)
{
    int32_t low;

    *code = take_hex(cursor);
    if (*code < 0)
        return scan_fail(cursor, "\\u wants four hex digits");
    if (*code == 0)
        return scan_fail(cursor, "\\u0000 is not taken");
    if (*code < 0xD800 || *code > 0xDFFF)
        return true;
    if (*code > 0xDBFF || cursor->end - cursor->at < 2 || cursor->at[0] != '\\' || cursor->at[1] != 'u')
        return scan_fail(cursor, "half a character");
    cursor->at += 2;
    low = take_hex(cursor);
    if (low < 0xDC00 || low > 0xDFFF)
        return scan_fail(cursor, "half a character");
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* Behind the backslash. Never makes more bytes than it reads. */
static bool take_escape(struct scan_cursor *cursor, char **out)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char c = scan_peek(cursor);
    const char *name;
    int32_t code;

    if (c == 'u') {
        cursor->at++;
        if (!take_code(cursor, &code))
            return false;
        *out = put_utf8(*out, code);
        return true;
    }
    name = c ? strchr(names, c) : NULL;
    if (!name)
        return scan_fail(cursor, "no such escape");
    cursor->at++;
    *(*out)++ = meanings[name - names];
    return true;
}

/* Eight bytes at once: none of them is a quote, a backslash, below 0x20 or above 0x7F. Each test sets a byte's highest
 * bit where it is so; a borrow may set one too many behind a byte that is, never one too few. */
static bool all_plain(const char *eight)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word, no_quote, no_backslash;

    memcpy(&word, eight, sizeof word);
    no_quote = word ^ (ones * '"');
    no_backslash = word ^ (ones * '\\');
    return ((word | (word - ones * 0x20) | (no_quote - ones) | (no_backslash - ones)) & tops) == 0;
}

/* Moves over what stands for itself. */
static bool skip_plain(struct scan_cursor *cursor)
{
    while (cursor->end - cursor->at >= 8 && all_plain(cursor->at))
        cursor->at += 8;
    while (cursor->at < cursor->end) {
        const unsigned char c = (unsigned char)*cursor->at;
        size_t len = 1;

        if (c == '"' || c == '\\')
            return true;
        if (c < 0x20)
            return scan_fail(cursor, "a control character in a string");
        if (c >= 0x80 &&
            (len = text_character_bytes((struct text){cursor->at, (size_t)(cursor->end - cursor->at)})) == 0)
            return scan_fail(cursor, "not UTF-8");
        cursor->at += len;
    }
    return scan_fail(cursor, "a string without an end");
}

/* The rest of a string in which there are escapes, `from` being its beginning and `at` the first of them. */
static bool unescape(struct scan_cursor *cursor, const char *from, struct text *text)
{
    const char *close = cursor->at;
    char *out, *start;

    while (close < cursor->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    out = start = arena_alloc_raw(cursor->arena, (size_t)(close - from) + 1);
    for (;;) {
        memcpy(out, from, (size_t)(cursor->at - from));
        out += cursor->at - from;
        if (*cursor->at == '"')
            break;
        cursor->at++;
        if (!take_escape(cursor, &out))
            return false;
        from = cursor->at;
        if (!skip_plain(cursor))
            return false;
    }
    *text = (struct text){start, (size_t)(out - start)};
    return true;
}

bool scan_string(struct scan_cursor *cursor, struct text *text)
{
    const char *from = ++cursor->at;

    if (!skip_plain(cursor))
        return false;
    if (*cursor->at == '"')
        *text = (struct text){from, (size_t)(cursor->at - from)};
    else if (!unescape(cursor, from, text))
        return false;
    cursor->at++;
    return true;
}

/* ---- numbers and words ---- */

static size_t skip_digits(struct scan_cursor *cursor)
{
    const char *from = cursor->at;

    while (is_digit(scan_peek(cursor)))
        cursor->at++;
    return (size_t)(cursor->at - from);
}

/* A fraction and an exponent; how many digits the exponent has. */
static bool skip_real(struct scan_cursor *cursor, size_t *exponent_digits)
{
    if (scan_peek(cursor) == '.') {
        cursor->at++;
        if (skip_digits(cursor) == 0)
            return scan_fail(cursor, "a fraction without digits");
    }
    if (scan_peek(cursor) == 'e' || scan_peek(cursor) == 'E') {
        cursor->at++;
        if (scan_peek(cursor) == '+' || scan_peek(cursor) == '-')
            cursor->at++;
        *exponent_digits = skip_digits(cursor);
        if (*exponent_digits == 0)
            return scan_fail(cursor, "an exponent without digits");
    }
    return true;
}

static bool scan_number(struct scan_cursor *cursor, struct text *text)
{
    const char *from = cursor->at, *whole_end;
    size_t exponent_digits = 0;
    int64_t whole;

    if (scan_peek(cursor) == '-')
        cursor->at++;
    if (scan_peek(cursor) == '0')
        cursor->at++;
    else if (skip_digits(cursor) == 0)
        return scan_fail(cursor, "not a value");
    whole_end = cursor->at;
    if (!skip_real(cursor, &exponent_digits))
        return false;
    *text = (struct text){from, (size_t)(cursor->at - from)};
    if (cursor->at == whole_end)
        return text_to_int64(*text, INT64_MIN, INT64_MAX, &whole) ||
               scan_fail(cursor, "a whole number of more than 64 bits");
    if (text->len <= SURELY_FINITE_BYTES && exponent_digits <= SURELY_FINITE_DIGITS)
        return true;
    return !isinf(strtod(text_terminated(cursor->arena, *text), NULL)) ||
           scan_fail(cursor, "a number that is too large");
}

static bool scan_word(struct scan_cursor *cursor, struct text word)
{
    if ((size_t)(cursor->end - cursor->at) < word.len || memcmp(cursor->at, word.ptr, word.len) != 0)
        return scan_fail(cursor, "not a value");
    cursor->at += word.len;
    return true;
}

bool scan_plain(struct scan_cursor *cursor, enum scan_kind *kind, struct text *text)
{
    const char *from = cursor->at;
    bool is_fine;

    switch (scan_peek(cursor)) {
    case '"':
        *kind = SCAN_STRING;
        return scan_string(cursor, text);
    case 't':
        *kind = SCAN_TRUE;
        is_fine = scan_word(cursor, TEXT("true"));
        break;
    case 'f':
        *kind = SCAN_FALSE;
        is_fine = scan_word(cursor, TEXT("false"));
        break;
    case 'n':
        *kind = SCAN_NULL;
        is_fine = scan_word(cursor, TEXT("null"));
        break;
    default:
        *kind = SCAN_NUMBER;
        return scan_number(cursor, text);
    }
    *text = (struct text){from, (size_t)(cursor->at - from)};
    return is_fine;
}
