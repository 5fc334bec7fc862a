/* Our scanner and jansson (common/body.c) must agree on any text: both take it or both refuse it, and what one reads of
 * it the other reads too. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/scan.h"

static void compare(struct arena *arena, const struct scan_value *value, const json_t *tree);

static void compare_object(struct arena *arena, const struct scan_value *object, const json_t *tree)
{
    size_t count = 0;

    for (const struct scan_value *member = scan_first(object); member; member = scan_next(object, member)) {
        must(member->key.ptr);
        compare(arena, member, json_object_getn(tree, member->key.ptr, member->key.len));
        count++;
    }
    must(count == json_object_size(tree));
}

static void compare_array(struct arena *arena, const struct scan_value *array, const json_t *tree)
{
    size_t count = 0;

    for (const struct scan_value *item = scan_first(array); item; item = scan_next(array, item)) {
        must(!item->key.ptr);
        compare(arena, item, json_array_get(tree, count++));
    }
    must(count == json_array_size(tree));
}

static void compare_number(struct arena *arena, struct text text, const json_t *tree)
{
    int64_t whole;

    if (json_is_integer(tree))
        must(text_to_int64(text, INT64_MIN, INT64_MAX, &whole) && whole == json_integer_value(tree));
    else
        must(json_real_value(tree) == strtod(text_terminated(arena, text), NULL));
}

static void compare(struct arena *arena, const struct scan_value *value, const json_t *tree)
{
    static const json_type types[] = {
        [SCAN_OBJECT] = JSON_OBJECT, [SCAN_ARRAY] = JSON_ARRAY, [SCAN_STRING] = JSON_STRING,
        [SCAN_TRUE] = JSON_TRUE,     [SCAN_FALSE] = JSON_FALSE, [SCAN_NULL] = JSON_NULL,
    };

    must(tree);
    if (value->kind == SCAN_NUMBER) {
        must(json_is_number(tree));
        compare_number(arena, value->text, tree);
        return;
    }
    must(types[value->kind] == json_typeof(tree));
    if (value->kind == SCAN_OBJECT)
        compare_object(arena, value, tree);
    else if (value->kind == SCAN_ARRAY)
        compare_array(arena, value, tree);
    else if (value->kind == SCAN_STRING)
        must(text_equal(value->text, (struct text){json_string_value(tree), json_string_length(tree)}));
}

/* Looking less deep must not change what is taken, and what was not looked into is JSON by itself. */
static void compare_shallow(struct arena *arena, struct text text, unsigned levels, const json_t *tree)
{
    struct text why = TEXT_NONE;
    const struct scan_value *document = scan_parse(arena, text, levels, &why);

    must((document != NULL) == (tree != NULL));
    if (!document)
        return;
    for (const struct scan_value *value = document; value < document + document->size; value++)
        if (value->kind == SCAN_OBJECT || value->kind == SCAN_ARRAY)
            must(scan_parse(arena, value->text, 0, &why));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = fuzz_copy(bytes, len);
    const struct text text = {copy, len};
    struct text why = TEXT_NONE, our_why = TEXT_NONE;
    static struct arena *arena;
    json_t *tree;
    const struct scan_value *document;

    if (!arena)
        arena = arena_new();
    arena_reset(arena);
    tree = body_parse(arena, text, &why);
    document = scan_parse(arena, text, JSON_DEPTH_MAX, &our_why);
    must((tree != NULL) == (document != NULL));
    if (document)
        compare(arena, document, tree);
    else
        must(our_why.len > 0);
    for (unsigned levels = 0; levels < 3; levels++)
        compare_shallow(arena, text, levels, tree);
    json_decref(tree);
    free(copy);
    return 0;
}
