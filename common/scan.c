/* A recursive descent over the text. Values are appended to one array, each before what lies below it; the keys of all
 * objects that are open stand on a stack, so that a key that comes twice is found when its object ends. */
#include "common/scan.h"

#include <math.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"

#define TYPICAL_VALUE_BYTES  40 /* so much text to a value that is kept: mostly the array need not grow */
#define KEYS_COMPARED_MAX    12 /* so few keys are compared each with each; more are sorted */
#define SURELY_FINITE_BYTES  20 /* a number so short, */
#define SURELY_FINITE_DIGITS 2  /* with so few digits in its exponent, is far below 10^308 */

struct scan {
    struct arena *arena;
    const char *at, *end;
    unsigned levels, depth;
    size_t containers;
    struct scan_value *values;
    size_t value_count, value_capacity;
    struct text *keys;
    size_t key_count, key_capacity;
    const char *wrong; /* what, at `at` */
};

static bool scan_any(struct scan *scan, struct text key);

static bool fail(struct scan *scan, const char *wrong)
{
    scan->wrong = wrong;
    return false;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* The next byte; 0 at the end, which is as wrong as a zero byte wherever this is asked. */
static char peek(const struct scan *scan)
{
    return scan->at < scan->end ? *scan->at : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- what was found ---- */

static void *grow(struct scan *scan, const void *from, size_t count, size_t *capacity, size_t size)
{
    void *larger;

    *capacity *= 2;
    larger = arena_alloc_raw(scan->arena, *capacity * size);
    memcpy(larger, from, count * size);
    return larger;
}

/* The index of a value whose text is not known yet. */
static size_t keep(struct scan *scan, enum scan_kind kind, struct text key)
{
    if (scan->value_count == scan->value_capacity)
        scan->values = grow(scan, scan->values, scan->value_count, &scan->value_capacity, sizeof *scan->values);
    scan->values[scan->value_count] = (struct scan_value){.kind = kind, .size = 1, .key = key};
    return scan->value_count++;
}

static bool is_kept(const struct scan *scan)
{
    return scan->depth <= scan->levels;
}

static void push_key(struct scan *scan, struct text key)
{
    if (scan->key_count == scan->key_capacity)
        scan->keys = grow(scan, scan->keys, scan->key_count, &scan->key_capacity, sizeof *scan->keys);
    scan->keys[scan->key_count++] = key;
}

static int compare_keys(const void *a, const void *b)
{
    const struct text *x = a, *y = b;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->len ? memcmp(x->ptr, y->ptr, x->len) : 0;
}

static bool all_differ(struct text *keys, size_t count)
{
    const bool is_sorted = count > KEYS_COMPARED_MAX;

    if (is_sorted)
        qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        for (size_t j = is_sorted ? i - 1 : 0; j < i; j++)
            if (text_equal(keys[i], keys[j]))
                return false;
    return true;
}

/* ---- strings ---- */

/* Four hex digits; -1 if they are not there. */
static int32_t take_hex(struct scan *scan)
{
    int32_t value = 0;

    if (scan->end - scan->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = *scan->at++, lower = (char)(c | 0x20);

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
static bool take_code(struct scan *scan, int32_t *code)
{
    int32_t low;

    *code = take_hex(scan);
    if (*code < 0)
        return fail(scan, "\\u wants four hex digits");
    if (*code == 0)
        return fail(scan, "\\u0000 is not taken");
    if (*code < 0xD800 || *code > 0xDFFF)
        return true;
    if (*code > 0xDBFF || scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
        return fail(scan, "half a character");
    scan->at += 2;
    low = take_hex(scan);
    if (low < 0xDC00 || low > 0xDFFF)
        return fail(scan, "half a character");
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* Behind the backslash. Never makes more bytes than it reads. */
static bool take_escape(struct scan *scan, char **out)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char c = peek(scan);
    const char *name;
    int32_t code;

    if (c == 'u') {
        scan->at++;
        if (!take_code(scan, &code))
            return false;
        *out = put_utf8(*out, code);
        return true;
    }
    name = c ? strchr(names, c) : NULL;
    if (!name)
        return fail(scan, "no such escape");
    scan->at++;
    *(*out)++ = meanings[name - names];
    return true;
}

/* Moves over what stands for itself. */
static bool skip_plain(struct scan *scan)
{
    while (scan->at < scan->end) {
        const unsigned char c = (unsigned char)*scan->at;
        size_t len = 1;

        if (c == '"' || c == '\\')
            return true;
        if (c < 0x20)
            return fail(scan, "a control character in a string");
        if (c >= 0x80 && (len = text_character_bytes((struct text){scan->at, (size_t)(scan->end - scan->at)})) == 0)
            return fail(scan, "not UTF-8");
        scan->at += len;
    }
    return fail(scan, "a string without an end");
}

/* The rest of a string in which there are escapes, `from` being its beginning and `at` the first of them. */
static bool unescape(struct scan *scan, const char *from, struct text *text)
{
    const char *close = scan->at;
    char *out, *start;

    while (close < scan->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    out = start = arena_alloc_raw(scan->arena, (size_t)(close - from) + 1);
    for (;;) {
        memcpy(out, from, (size_t)(scan->at - from));
        out += scan->at - from;
        if (*scan->at == '"')
            break;
        scan->at++;
        if (!take_escape(scan, &out))
            return false;
        from = scan->at;
        if (!skip_plain(scan))
            return false;
    }
    *text = (struct text){start, (size_t)(out - start)};
    return true;
}

static bool scan_string(struct scan *scan, struct text *text)
{
    const char *from = ++scan->at;

    if (!skip_plain(scan))
        return false;
    if (*scan->at == '"')
        *text = (struct text){from, (size_t)(scan->at - from)};
    else if (!unescape(scan, from, text))
        return false;
    scan->at++;
    return true;
}

/* ---- numbers and words ---- */

static size_t skip_digits(struct scan *scan)
{
    const char *from = scan->at;

    while (is_digit(peek(scan)))
        scan->at++;
    return (size_t)(scan->at - from);
}

/* A fraction and an exponent; how many digits the exponent has. */
static bool skip_real(struct scan *scan, size_t *exponent_digits)
{
    if (peek(scan) == '.') {
        scan->at++;
        if (skip_digits(scan) == 0)
            return fail(scan, "a fraction without digits");
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-')
            scan->at++;
        *exponent_digits = skip_digits(scan);
        if (*exponent_digits == 0)
            return fail(scan, "an exponent without digits");
    }
    return true;
}

static bool scan_number(struct scan *scan, struct text *text)
{
    const char *from = scan->at, *whole_end;
    size_t exponent_digits = 0;
    int64_t whole;

    if (peek(scan) == '-')
        scan->at++;
    if (peek(scan) == '0')
        scan->at++;
    else if (skip_digits(scan) == 0)
        return fail(scan, "not a value");
    whole_end = scan->at;
    if (!skip_real(scan, &exponent_digits))
        return false;
    *text = (struct text){from, (size_t)(scan->at - from)};
    if (scan->at == whole_end)
        return text_to_int64(*text, INT64_MIN, INT64_MAX, &whole) || fail(scan, "a whole number of more than 64 bits");
    if (text->len <= SURELY_FINITE_BYTES && exponent_digits <= SURELY_FINITE_DIGITS)
        return true;
    return !isinf(strtod(text_terminated(scan->arena, *text), NULL)) || fail(scan, "a number that is too large");
}

static bool scan_word(struct scan *scan, struct text word)
{
    if ((size_t)(scan->end - scan->at) < word.len || memcmp(scan->at, word.ptr, word.len) != 0)
        return fail(scan, "not a value");
    scan->at += word.len;
    return true;
}

/* ---- objects and arrays ---- */

/* Behind a value: a comma and more, or the end. */
static bool goes_on(struct scan *scan, char close, bool *more)
{
    skip_space(scan);
    *more = peek(scan) == ',';
    if (!*more && peek(scan) != close)
        return fail(scan, close == '}' ? "a comma or } is missing" : "a comma or ] is missing");
    scan->at++;
    skip_space(scan);
    return true;
}

static bool scan_member(struct scan *scan)
{
    struct text key;

    if (peek(scan) != '"')
        return fail(scan, "a name in quotes is missing");
    if (!scan_string(scan, &key))
        return false;
    push_key(scan, key);
    skip_space(scan);
    if (peek(scan) != ':')
        return fail(scan, "a colon is missing");
    scan->at++;
    skip_space(scan);
    return scan_any(scan, key);
}

static bool scan_members(struct scan *scan)
{
    const size_t first = scan->key_count;
    bool more = true;

    while (more)
        if (!scan_member(scan) || !goes_on(scan, '}', &more))
            return false;
    if (!all_differ(scan->keys + first, scan->key_count - first))
        return fail(scan, "a name comes twice in one object");
    scan->key_count = first;
    return true;
}

static bool scan_items(struct scan *scan)
{
    bool more = true;

    while (more)
        if (!scan_any(scan, TEXT_NONE) || !goes_on(scan, ']', &more))
            return false;
    return true;
}

static bool scan_inside(struct scan *scan, char close)
{
    bool is_fine;

    if (++scan->containers > JSON_CONTAINERS_MAX)
        return fail(scan, "too many objects and arrays");
    if (++scan->depth > JSON_DEPTH_MAX)
        return fail(scan, "nested too deeply");
    scan->at++;
    skip_space(scan);
    if (peek(scan) == close) {
        scan->at++;
        is_fine = true;
    } else {
        is_fine = close == '}' ? scan_members(scan) : scan_items(scan);
    }
    scan->depth--;
    return is_fine;
}

static bool scan_container(struct scan *scan, enum scan_kind kind, struct text key)
{
    const char *from = scan->at;
    const bool kept = is_kept(scan);
    const size_t index = kept ? keep(scan, kind, key) : 0;

    if (!scan_inside(scan, kind == SCAN_OBJECT ? '}' : ']'))
        return false;
    if (kept) {
        scan->values[index].size = (uint32_t)(scan->value_count - index);
        scan->values[index].text = (struct text){from, (size_t)(scan->at - from)};
    }
    return true;
}

static bool scan_plain(struct scan *scan, enum scan_kind *kind, struct text *text)
{
    const char *from = scan->at;
    bool is_fine;

    switch (peek(scan)) {
    case '"':
        *kind = SCAN_STRING;
        return scan_string(scan, text);
    case 't':
        *kind = SCAN_TRUE;
        is_fine = scan_word(scan, TEXT("true"));
        break;
    case 'f':
        *kind = SCAN_FALSE;
        is_fine = scan_word(scan, TEXT("false"));
        break;
    case 'n':
        *kind = SCAN_NULL;
        is_fine = scan_word(scan, TEXT("null"));
        break;
    default:
        *kind = SCAN_NUMBER;
        return scan_number(scan, text);
    }
    *text = (struct text){from, (size_t)(scan->at - from)};
    return is_fine;
}

static bool scan_any(struct scan *scan, struct text key)
{
    enum scan_kind kind;
    struct text text;
    size_t index;

    if (peek(scan) == '{')
        return scan_container(scan, SCAN_OBJECT, key);
    if (peek(scan) == '[')
        return scan_container(scan, SCAN_ARRAY, key);
    if (!scan_plain(scan, &kind, &text))
        return false;
    if (is_kept(scan)) {
        index = keep(scan, kind, key); /* moves the values when they need more room */
        scan->values[index].text = text;
    }
    return true;
}

static bool scan_document(struct scan *scan)
{
    skip_space(scan);
    if (peek(scan) != '{' && peek(scan) != '[')
        return fail(scan, "neither an object nor an array");
    if (!scan_any(scan, TEXT_NONE))
        return false;
    skip_space(scan);
    return scan->at == scan->end || fail(scan, "more behind the end");
}

static struct text describe(const struct scan *scan, const char *from)
{
    size_t line = 1;
    const char *start = from;

    for (const char *c = from; c < scan->at && c < scan->end; c++)
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    return text_format(scan->arena, "line %zu, byte %zu: %s", line, (size_t)(scan->at - start) + 1, scan->wrong);
}

const struct scan_value *scan_parse(struct arena *arena, struct text text, unsigned levels, struct text *why)
{
    const char *from = text.ptr ? text.ptr : "";
    struct scan scan = {
        .arena = arena,
        .at = from,
        .end = from + text.len,
        .levels = levels,
        .value_capacity = text.len / TYPICAL_VALUE_BYTES + 16,
        .key_capacity = 64,
    };

    scan.values = arena_alloc_raw(arena, scan.value_capacity * sizeof *scan.values);
    scan.keys = arena_alloc_raw(arena, scan.key_capacity * sizeof *scan.keys);
    if (scan_document(&scan))
        return scan.values;
    *why = describe(&scan, from);
    return NULL;
}
