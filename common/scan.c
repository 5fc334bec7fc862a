/* One pass over the text, with a stack of the objects and arrays that are open. Values are appended to one array, each
 * before what lies below it; the keys of all open objects stand on a second stack, so that a key that comes twice is
 * found when its object ends. */
#include "common/scan.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/scan_token.h"

#define TYPICAL_VALUE_BYTES 40 /* so much text to a value that is kept: mostly the array need not grow */
#define KEYS_COMPARED_MAX   12 /* so few keys are compared each with each; more are sorted */

#define NOT_KEPT SIZE_MAX

struct open {
    enum scan_kind kind;
    const char *from;
    size_t value;     /* its index; NOT_KEPT: it lies too deep */
    size_t first_key; /* of an object: where its keys begin */
};

struct scan {
    struct scan_cursor cursor;
    unsigned levels, depth;
    struct open open[JSON_DEPTH_MAX];
    struct scan_value *values;
    size_t value_count, value_capacity;
    struct text *keys;
    size_t key_count, key_capacity;
};

/* ---- what was found ---- */

static void *grow(struct scan *scan, const void *from, size_t count, size_t *capacity, size_t size)
{
    void *larger;

    *capacity *= 2;
    larger = arena_alloc_raw(scan->cursor.arena, *capacity * size);
    memcpy(larger, from, count * size);
    return larger;
}

/* Its index; the array may have moved. */
static size_t keep(struct scan *scan, enum scan_kind kind, struct text key, struct text text)
{
    if (scan->depth > scan->levels)
        return NOT_KEPT;
    if (scan->value_count == scan->value_capacity)
        scan->values = grow(scan, scan->values, scan->value_count, &scan->value_capacity, sizeof *scan->values);
    scan->values[scan->value_count] = (struct scan_value){.kind = kind, .size = 1, .key = key, .text = text};
    return scan->value_count++;
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

/* ---- objects and arrays ---- */

static char closing(enum scan_kind kind)
{
    return kind == SCAN_OBJECT ? '}' : ']';
}

static bool open_value(struct scan *scan, enum scan_kind kind, struct text key)
{
    const char *from = scan->cursor.at;
    size_t value;

    if (scan->depth == JSON_DEPTH_MAX)
        return scan_fail(&scan->cursor, "nested too deeply");
    value = keep(scan, kind, key, TEXT_NONE);
    scan->open[scan->depth++] = (struct open){kind, from, value, scan->key_count};
    scan->cursor.at++;
    scan_skip_space(&scan->cursor);
    return true;
}

static bool close_value(struct scan *scan)
{
    const struct open *open = &scan->open[--scan->depth];

    if (scan_peek(&scan->cursor) != closing(open->kind))
        return scan_fail(&scan->cursor,
                         open->kind == SCAN_OBJECT ? "a comma or } is missing" : "a comma or ] is missing");
    scan->cursor.at++;
    if (!all_differ(scan->keys + open->first_key, scan->key_count - open->first_key))
        return scan_fail(&scan->cursor, "a name comes twice in one object");
    scan->key_count = open->first_key;
    if (open->value != NOT_KEPT) {
        scan->values[open->value].size = (uint32_t)(scan->value_count - open->value);
        scan->values[open->value].text = (struct text){open->from, (size_t)(scan->cursor.at - open->from)};
    }
    return true;
}

/* Behind a value: closes all that ends here, and moves behind the comma if there is more. */
static bool end_values(struct scan *scan)
{
    while (scan->depth > 0) {
        scan_skip_space(&scan->cursor);
        if (scan_peek(&scan->cursor) == ',') {
            scan->cursor.at++;
            scan_skip_space(&scan->cursor);
            return true;
        }
        if (!close_value(scan))
            return false;
    }
    return true;
}

/* A value, or of one that holds others the beginning. */
static bool scan_value(struct scan *scan, struct text key)
{
    const char c = scan_peek(&scan->cursor);
    enum scan_kind kind;
    struct text text;

    if (c == '{' || c == '[') {
        kind = c == '{' ? SCAN_OBJECT : SCAN_ARRAY;
        if (!open_value(scan, kind, key))
            return false;
        return scan_peek(&scan->cursor) != closing(kind) || (close_value(scan) && end_values(scan));
    }
    if (!scan_plain(&scan->cursor, &kind, &text))
        return false;
    keep(scan, kind, key, text);
    return end_values(scan);
}

static bool scan_name(struct scan *scan, struct text *key)
{
    if (scan_peek(&scan->cursor) != '"')
        return scan_fail(&scan->cursor, "a name in quotes is missing");
    if (!scan_string(&scan->cursor, key))
        return false;
    push_key(scan, *key);
    scan_skip_space(&scan->cursor);
    if (scan_peek(&scan->cursor) != ':')
        return scan_fail(&scan->cursor, "a colon is missing");
    scan->cursor.at++;
    scan_skip_space(&scan->cursor);
    return true;
}

static bool scan_document(struct scan *scan)
{
    scan_skip_space(&scan->cursor);
    if (scan_peek(&scan->cursor) != '{' && scan_peek(&scan->cursor) != '[')
        return scan_fail(&scan->cursor, "neither an object nor an array");
    if (!scan_value(scan, TEXT_NONE))
        return false;
    while (scan->depth > 0) {
        struct text key = TEXT_NONE;

        if (scan->open[scan->depth - 1].kind == SCAN_OBJECT && !scan_name(scan, &key))
            return false;
        if (!scan_value(scan, key))
            return false;
    }
    scan_skip_space(&scan->cursor);
    return scan->cursor.at == scan->cursor.end || scan_fail(&scan->cursor, "more behind the end");
}

static struct text describe(const struct scan *scan, const char *from)
{
    size_t line = 1;
    const char *start = from;

    for (const char *c = from; c < scan->cursor.at && c < scan->cursor.end; c++)
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    return text_format(scan->cursor.arena, "line %zu, byte %zu: %s", line, (size_t)(scan->cursor.at - start) + 1,
                       scan->cursor.wrong);
}

const struct scan_value *scan_parse(struct arena *arena, struct text text, unsigned levels, struct text *why)
{
    const char *from = text.ptr ? text.ptr : "";
    struct scan scan = {
        .cursor = {.arena = arena, .at = from, .end = from + text.len},
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
