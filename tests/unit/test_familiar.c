/* familiar: a guess, so what is shown is how good it is. */
#include "tests/unit/support.h"

#include <sodium.h>
#include <stdio.h>

#include "aggregator/familiar.h"
#include "common/bounds.h"

static bool is_new(const char *topic, uint64_t number)
{
    char id[32];

    snprintf(id, sizeof id, "event-%llu", (unsigned long long)number);
    return familiar_is_new(text_of(topic), text_of(id));
}

static int forget(void **state)
{
    (void)state;
    familiar_forget();
    return sodium_init() < 0;
}

static void what_was_seen_does_not_look_new(void **state)
{
    (void)state;
    familiar_begin(false);
    assert_true(is_new("sale", 1));
    assert_false(is_new("sale", 1));
    assert_true(is_new("refund", 1));
    assert_true(is_new("sale", 2));
    familiar_forget();
    assert_true(is_new("sale", 1));
}

static void the_latest_are_all_remembered_and_few_others_look_so(void **state)
{
    const uint64_t count = 3 * FAMILIAR_EVENTS;
    uint64_t mistaken = 0;

    (void)state;
    for (uint64_t i = 0; i < count; i++)
        mistaken += !is_new("sale", i);
    check_row(mistaken < count / 50, "%llu new ones look known", (unsigned long long)mistaken);
    for (uint64_t i = count - FAMILIAR_EVENTS; i < count; i++)
        assert_false(is_new("sale", i));
}

static void after_a_wrong_guess_nothing_looks_new_for_a_while(void **state)
{
    int batches = 0;

    (void)state;
    familiar_begin(true);
    while (!is_new("sale", (uint64_t)batches) && batches < 1000) {
        familiar_begin(false);
        batches++;
    }
    assert_int_equal(batches, 100);
    assert_false(is_new("sale", 50)); /* it was seen meanwhile */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_seen_does_not_look_new, forget),
        cmocka_unit_test_setup(the_latest_are_all_remembered_and_few_others_look_so, forget),
        cmocka_unit_test_setup(after_a_wrong_guess_nothing_looks_new_for_a_while, forget),
    };

    return cmocka_run_group_tests_name("familiar", tests, NULL, NULL);
}
