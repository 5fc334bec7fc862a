/* arena: memory of one piece of work. */
#include "tests/unit/support.h"

#include "common/arena.h"
#include "common/bounds.h"

static void everything_is_aligned_zeroed_and_apart(void **state)
{
    struct arena *arena = arena_new();
    struct random random = support_seed("everything_is_aligned_zeroed_and_apart");
    unsigned char *pieces[500];
    size_t sizes[COUNT_OF(pieces)];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        sizes[i] = support_random_below(&random, i % 50 == 0 ? 200000 : 300);
        pieces[i] = arena_alloc(arena, sizes[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t b = 0; b < sizes[i]; b++)
            assert_int_equal(pieces[i][b], 0);
        memset(pieces[i], (int)(i % 251) + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t b = 0; b < sizes[i]; b++)
            assert_int_equal(pieces[i][b], i % 251 + 1);
    arena_free(arena);
}

static void after_a_reset_it_is_empty_and_zeroes_again(void **state)
{
    struct arena *arena = arena_new();
    unsigned char *first = arena_alloc(arena, 1000), *again;

    (void)state;
    memset(first, 0xAA, 1000);
    memset(arena_alloc_raw(arena, 10 * ARENA_BLOCK_BYTES), 0xAA, 10 * ARENA_BLOCK_BYTES);
    assert_true(arena_bytes(arena) >= 1000 + 10 * ARENA_BLOCK_BYTES);
    arena_reset(arena);
    assert_int_equal(arena_bytes(arena), 0);
    again = arena_alloc(arena, 1000);
    assert_ptr_equal(again, first); /* the first block was kept */
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(again[i], 0);
    arena_free(arena);
}

static void a_reset_keeps_a_block_of_the_usual_size(void **state)
{
    struct arena *arena = arena_new();
    void *first;

    (void)state;
    arena_alloc_raw(arena, 5 * ARENA_BLOCK_BYTES);
    arena_reset(arena);
    first = arena_alloc_raw(arena, ARENA_BLOCK_BYTES);
    memset(first, 1, ARENA_BLOCK_BYTES);
    arena_reset(arena);
    assert_ptr_equal(arena_alloc_raw(arena, 16), first);
    arena_free(arena);
    arena_free(NULL);
}

static void nothing_asked_is_something_got(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    assert_non_null(arena_alloc(arena, 0));
    arena_free(arena);
}

static void take_too_much(void *context)
{
    struct arena *arena = arena_new();

    (void)context;
    for (;;)
        arena_alloc_raw(arena, ARENA_BYTES_MAX / 4);
}

static void work_that_needs_too_much_memory_ends_the_process_as_temporary(void **state)
{
    const struct child child = support_run_in_child(take_too_much, NULL);

    (void)state;
    assert_int_equal(child.exit_code, 111);
    assert_non_null(strstr(child.output, "one piece of work needs too much memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_aligned_zeroed_and_apart),
        cmocka_unit_test(after_a_reset_it_is_empty_and_zeroes_again),
        cmocka_unit_test(a_reset_keeps_a_block_of_the_usual_size),
        cmocka_unit_test(nothing_asked_is_something_got),
        cmocka_unit_test(work_that_needs_too_much_memory_ends_the_process_as_temporary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
