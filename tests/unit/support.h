/* What every unit test begins with: cmocka (which wants the headers before it), and what tests of this project share.
 */
#ifndef KARCIS_TESTS_SUPPORT_H
#define KARCIS_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/text.h"

struct loop;

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* The text is this string; "-" stands for a text that is not there (ptr NULL). A row of a table names itself in `row`.
 */
#define check_text(actual, expected)          support_check_text((actual), (expected), NULL, __FILE__, __LINE__)
#define check_text_row(actual, expected, row) support_check_text((actual), (expected), (row), __FILE__, __LINE__)
void support_check_text(struct text actual, const char *expected, const char *row, const char *file, int line);

/* A row of a table of cases failed: says which. */
#define check_row(condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            print_error(__VA_ARGS__);                                                                                  \
            print_error("\n");                                                                                         \
            fail_msg("%s", #condition);                                                                                \
        }                                                                                                              \
    } while (0)

/* What ends a process is tried in a forked child. */
struct child {
    int exit_code;      /* -1: it was killed by a signal (assert) */
    char output[16384]; /* what it wrote to standard output and standard error; terminated */
};
struct child support_run_in_child(void (*fn)(void *context), void *context);

/* Runs the loop until the condition holds; the test fails if it does not within `at_most_ms`. */
#define SUPPORT_PATIENCE_MS 10000
#define loop_until(loop, is_true, context)                                                                             \
    support_loop_until((loop), (is_true), (context), #is_true, __FILE__, __LINE__)
void support_loop_until(struct loop *loop, bool (*is_true)(void *context), void *context, const char *what,
                        const char *file, int line);

/* A small generator of its own, so that a failing case can be repeated from its seed on any machine. */
struct random {
    uint64_t state;
};
uint64_t support_random(struct random *random);
size_t support_random_below(struct random *random, size_t limit);
/* SEED from the environment, or a new one; printed, so that a failure can be repeated. */
struct random support_seed(const char *test);

#endif
