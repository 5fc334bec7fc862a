/* Entity tags: what a client says it knows. */
#include "tests/unit/support.h"

#include <stdio.h>

#include "common/etag.h"

static void a_list_of_tags_is_read_or_refused(void **state)
{
    static const struct {
        const char *list, *tags; /* tags: NULL, it is refused; "any" */
    } cases[] = {
        {NULL, "any"},
        {"*", "any"},
        {"\"a\"", "a "},
        {"\"\"", " "},
        {"\"a\",\"b-1\"", "a b-1 "},
        {" \"a\" ,\t\"b,c\" ", "a b,c "},
        {"W/\"a\"", ""},
        {"W/\"a\", \"b\"", "b "},
        {"", NULL},
        {"a", NULL},
        {"\"a", NULL},
        {"\"a\" \"b\"", NULL},
        {"\"a\",", "a "}, /* lists may end so (RFC 9110, 5.6.1) */
        {"w/\"a\"", NULL},
        {"\"a\",*", NULL},
        {"\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct etags etags;
        const bool is_read = etags_parse(text_of(cases[i].list), &etags);
        char joined[100] = "";

        check_row(is_read == (cases[i].tags != NULL), "%s", cases[i].list);
        if (!is_read)
            continue;
        for (size_t t = 0; t < etags.count; t++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%.*s ", (int)etags.items[t].len,
                     etags.items[t].ptr);
        check_row(strcmp(etags.are_given ? joined : "any", cases[i].tags) == 0, "%s: %s", cases[i].list, joined);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_tags_is_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
