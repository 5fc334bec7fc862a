/* Text without a terminator: copying, formatting, checking what came from outside. */
#include "common/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/arena.h"

int text_compare(struct text a, struct text b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

struct text text_copy(struct arena *arena, struct text from)
{
    if (!from.ptr)
        return from;
    return (struct text){text_terminated(arena, from), from.len};
}

char *text_terminated(struct arena *arena, struct text from)
{
    char *copy = arena_alloc_raw(arena, from.len + 1);

    if (from.len)
        memcpy(copy, from.ptr, from.len);
    copy[from.len] = '\0';
    return copy;
}

struct text text_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    int len;
    char *out;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    out = arena_alloc_raw(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(out, (size_t)len + 1, format, args);
    va_end(args);
    return (struct text){out, (size_t)len};
}

struct text text_shown(struct arena *arena, struct text text)
{
    const bool is_printable = text_is_printable(text);
    size_t len = text.len < TEXT_SHOWN_BYTES ? text.len : TEXT_SHOWN_BYTES;
    char shown[4 * TEXT_SHOWN_BYTES + 1], *end = shown;

    while (is_printable && len < text.len && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len--; /* not into a character */
    for (size_t i = 0; i < len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];

        if (is_printable || (byte >= ' ' && byte < 0x7F))
            *end++ = (char)byte;
        else
            end += sprintf(end, "\\x%02X", byte);
    }
    if (len == text.len)
        return text_format(arena, "\"%.*s\"", (int)(end - shown), shown);
    return text_format(arena, "\"%.*s...\" (%zu bytes)", (int)(end - shown), shown, text.len);
}

struct text text_of_int64(struct arena *arena, int64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char *out;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0)
        digits[--at] = '-';
    out = arena_alloc_raw(arena, sizeof digits - at);
    memcpy(out, digits + at, sizeof digits - at);
    return (struct text){out, sizeof digits - at};
}

bool text_to_int64(struct text text, int64_t min, int64_t max, int64_t *number)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = negative ? 1 : 0;
    int64_t value = 0;

    if (at == text.len || (text.ptr[at] == '0' && text.len > at + 1))
        return false;
    for (; at < text.len; at++) {
        const int digit = text.ptr[at] - '0';

        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    if (value < min || value > max)
        return false;
    *number = value;
    return true;
}

bool text_is_identifier(struct text text, size_t len_max)
{
    if (text.len == 0 || text.len > len_max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    }
    return true;
}

/* RFC 3629, the table in section 4. */
size_t text_character_bytes(struct text text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    const size_t left = text.len;
    const unsigned char lead = left ? at[0] : 0xFF;
    size_t len;

    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F) || (lead == 0xF0 && at[1] < 0x90) ||
        (lead == 0xF4 && at[1] > 0x8F))
        return 0; /* overlong, a surrogate, or above U+10FFFF */
    return len;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Eight bytes of ASCII, none of them below `least` (1 or more) nor DEL unless it is allowed. Nearly all text is so. */
static bool is_plain(const char *bytes, unsigned char least, bool del_allowed)
{
    uint64_t word, unfit;

    memcpy(&word, bytes, sizeof word);
    unfit = word | (word - least * EACH_BYTE); /* the high bit of a byte that is too large, or too small */
    if (!del_allowed)
        unfit |= word + EACH_BYTE;
    return !(unfit & 0x80 * EACH_BYTE);
}

static bool is_utf8(struct text text, bool control_allowed)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;

    for (size_t i = 0, len; i < text.len; i += len) {
        len = 8;
        if (text.len - i >= len && is_plain(text.ptr + i, control_allowed ? 1 : 0x20, control_allowed))
            continue;
        len = text_character_bytes((struct text){text.ptr + i, text.len - i});
        if (len == 0 || bytes[i] == 0)
            return false;
        if (!control_allowed && (bytes[i] < 0x20 || bytes[i] == 0x7F || (bytes[i] == 0xC2 && bytes[i + 1] < 0xA0)))
            return false;
    }
    return true;
}

bool text_is_utf8(struct text text)
{
    return is_utf8(text, true);
}

bool text_is_printable(struct text text)
{
    return is_utf8(text, false);
}

bool text_is_currency(struct text text)
{
    if (text.len != 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (text.ptr[i] < 'A' || text.ptr[i] > 'Z')
            return false;
    return true;
}

bool text_next(struct text *rest, char separator, struct text *piece)
{
    const char *end;

    if (!rest->ptr)
        return false;
    end = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!end) {
        *piece = *rest;
        *rest = TEXT_NONE;
        return true;
    }
    *piece = (struct text){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (struct text){end + 1, rest->len - piece->len - 1};
    return true;
}
