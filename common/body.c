/* JSON in: bounds, then jansson, then one reader per kind of member. */
#include "common/body.h"

#include <jansson.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"
#include "common/id.h"
#include "common/problem.h"

/* ---- how much trees take ---- */

static size_t trees_bytes;

static void *tree_alloc(size_t size)
{
    void *memory = malloc(size);

    trees_bytes += malloc_usable_size(memory);
    return memory;
}

static void tree_free(void *memory)
{
    trees_bytes -= malloc_usable_size(memory);
    free(memory);
}

void body_count_trees(void)
{
    json_set_alloc_funcs(tree_alloc, tree_free);
}

size_t body_trees_bytes(void)
{
    return trees_bytes;
}

/* ---- from bytes to a tree ---- */

/* Brackets outside strings say how deep and how wide the tree will be; whether they match is the parser's. */
static const char *refuse_shape(struct text text)
{
    size_t depth = 0, containers = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return "nested too deeply";
            if (++containers > JSON_CONTAINERS_MAX)
                return "too many objects and arrays";
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return NULL;
}

json_t *body_parse(struct arena *arena, struct text text, struct text *why)
{
    /* Behind a number jansson reads over a zero byte. */
    const char *refused = text.len && memchr(text.ptr, '\0', text.len) ? "a zero byte" : refuse_shape(text);
    json_error_t error;
    json_t *document;

    if (refused) {
        *why = text_of(refused);
        return NULL;
    }
    document = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        *why = text_format(arena, "line %d, column %d: %s", error.line, error.column, error.text);
        if (!text_is_utf8(*why)) /* the message quotes what was sent, and is cut anywhere */
            *why = text_format(arena, "line %d, column %d", error.line, error.column);
    }
    return document;
}

/* ---- reading members ---- */

struct body body_open(const json_t *document, struct problems *problems)
{
    struct body body = {.object = document, .pointer = "", .problems = problems};

    if (!json_is_object(document)) {
        problems_add(problems, TEXT(""), "must be an object");
        body.object = NULL;
    }
    return body;
}

static const json_t *member(const struct body *body, const char *name)
{
    const json_t *value = body->object ? json_object_get(body->object, name) : NULL;

    return json_is_null(value) ? NULL : value;
}

struct body body_object(const struct body *body, const char *name)
{
    struct body inner = {.problems = body->problems};

    inner.object = member(body, name);
    inner.pointer = text_format(body->problems->arena, "%s/%s", body->pointer, name).ptr;
    if (inner.object && !json_is_object(inner.object)) {
        body_refuse(body, name, "must be an object");
        inner.object = NULL;
    }
    return inner;
}

struct body body_item(const json_t *array, size_t index, struct problems *problems)
{
    struct body item = {.object = json_array_get(array, index), .problems = problems};
    const struct text pointer = text_format(problems->arena, "/%zu", index);

    item.pointer = pointer.ptr;
    if (!json_is_object(item.object)) {
        problems_add(problems, pointer, "must be an object");
        item.object = NULL;
    }
    return item;
}

bool body_is_named(const struct body *body, const char *name)
{
    return body->object && json_object_get(body->object, name);
}

bool body_is_given(const struct body *body, const char *name)
{
    return member(body, name) != NULL;
}

void body_require(const struct body *body, const char *name)
{
    if (body->object && !body_is_given(body, name))
        body_refuse(body, name, "is required");
}

void body_refuse(const struct body *body, const char *name, const char *format, ...)
{
    char detail[160];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problems_add(body->problems, text_format(body->problems->arena, "%s/%s", body->pointer, name), detail);
}

static struct text text_of_json(const json_t *value)
{
    return (struct text){json_string_value(value), json_string_length(value)};
}

/* The member's text; a problem if it is given and is none. */
static struct text given_text(const struct body *body, const char *name)
{
    const json_t *value = member(body, name);

    if (!value)
        return TEXT_NONE;
    if (!json_is_string(value)) {
        body_refuse(body, name, "must be a string");
        return TEXT_NONE;
    }
    return text_of_json(value);
}

struct text body_identifier(const struct body *body, const char *name, size_t bytes_max)
{
    const struct text text = given_text(body, name);

    if (text.ptr && !text_is_identifier(text, bytes_max)) {
        body_refuse(body, name, "must be 1 to %zu of A-Z a-z 0-9 . _ -", bytes_max);
        return TEXT_NONE;
    }
    return text;
}

struct text body_new_name(const struct body *body, const char *name, size_t bytes_max)
{
    const struct text text = body_identifier(body, name, bytes_max);

    if (text_is(text, ".") || text_is(text, "..")) {
        body_refuse(body, name, "must not be . or .., which no URL can name");
        return TEXT_NONE;
    }
    return text;
}

static size_t count_characters(struct text utf8)
{
    size_t count = 0;

    for (size_t i = 0; i < utf8.len; i++)
        count += ((unsigned char)utf8.ptr[i] & 0xC0) != 0x80;
    return count;
}

struct text body_line(const struct body *body, const char *name, size_t characters_max)
{
    const struct text text = given_text(body, name);

    if (text.ptr && (text.len == 0 || !text_is_printable(text) || count_characters(text) > characters_max)) {
        body_refuse(body, name, "must be 1 to %zu characters without control characters", characters_max);
        return TEXT_NONE;
    }
    return text;
}

bool body_integer(const struct body *body, const char *name, int64_t min, int64_t max, int64_t *number)
{
    const json_t *value = member(body, name);

    if (!value)
        return false;
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max) {
        body_refuse(body, name, "must be an integer from %lld to %lld", (long long)min, (long long)max);
        return false;
    }
    *number = json_integer_value(value);
    return true;
}

bool body_time(const struct body *body, const char *name, int64_t *time_us)
{
    const struct text text = given_text(body, name);

    if (!text.ptr)
        return false;
    if (!time_parse(text, time_us)) {
        body_refuse(body, name, "must be a time such as 2026-11-21T19:30:00+07:00");
        return false;
    }
    return true;
}

bool body_uuid(const struct body *body, const char *name, struct uuid *id)
{
    const struct text text = given_text(body, name);

    if (!text.ptr)
        return false;
    if (!uuid_parse(text, id)) {
        body_refuse(body, name, "must be a UUID");
        return false;
    }
    return true;
}

int body_choice(const struct body *body, const char *name, const char *choices)
{
    const json_t *value = member(body, name);
    struct text rest = text_of(choices), choice, text;
    int which = 0;

    if (!value)
        return -1;
    text = json_is_boolean(value) ? text_of(json_is_true(value) ? "yes" : "no") : text_of_json(value);
    while (text_next(&rest, '|', &choice)) {
        if (text.ptr && text_equal(text, choice))
            return which;
        which++;
    }
    body_refuse(body, name, "must be one of %s", choices);
    return -1;
}

static int compare_labels(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

static bool all_differ(const struct body *body, const char *name, const struct text *labels, size_t count)
{
    struct text *sorted = ARENA_ARRAY(body->problems->arena, struct text, count);

    memcpy(sorted, labels, count * sizeof *labels);
    qsort(sorted, count, sizeof *sorted, compare_labels);
    for (size_t i = 1; i < count; i++)
        if (text_equal(sorted[i - 1], sorted[i])) {
            body_refuse(body, name, "%.*s is given twice", (int)sorted[i].len, sorted[i].ptr);
            return false;
        }
    return true;
}

size_t body_labels(const struct body *body, const char *name, size_t count_max, struct text **labels)
{
    const json_t *array = member(body, name);
    const size_t count = json_array_size(array);
    bool fits = true;

    if (!array)
        return 0;
    if (!json_is_array(array) || count == 0 || count > count_max) {
        body_refuse(body, name, "must be an array of 1 to %zu seat labels", count_max);
        return 0;
    }
    *labels = ARENA_ARRAY(body->problems->arena, struct text, count);
    for (size_t i = 0; i < count; i++) {
        (*labels)[i] = text_of_json(json_array_get(array, i));
        if (!text_is_identifier((*labels)[i], SEAT_LABEL_BYTES_MAX)) {
            body_refuse(body, text_format(body->problems->arena, "%s/%zu", name, i).ptr,
                        "must be a seat label: 1 to %d of A-Z a-z 0-9 . _ -", SEAT_LABEL_BYTES_MAX);
            fits = false;
        }
    }
    return fits && all_differ(body, name, *labels, count) ? count : 0;
}
