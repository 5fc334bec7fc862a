/* offload: work is done on threads, handed back on the loop, bounded, and ended without a word. */
#include "tests/unit/support.h"

#include <pthread.h>
#include <semaphore.h>

#include "common/loop.h"
#include "common/offload.h"

#define TASKS 20

struct work {
    pthread_mutex_t gate; /* whoever works goes through it */
    sem_t has_worked;
    pthread_t worked_on;
    int worked, done, wanted;
    pthread_t done_on;
};

static void work(void *context)
{
    struct work *mine = context;

    pthread_mutex_lock(&mine->gate);
    mine->worked_on = pthread_self();
    mine->worked++;
    pthread_mutex_unlock(&mine->gate);
    sem_post(&mine->has_worked);
}

static void done(void *context)
{
    struct work *mine = context;

    mine->done++;
    mine->done_on = pthread_self();
}

static bool all_are_done(void *context)
{
    const struct work *mine = context;

    return mine->done == mine->wanted;
}

/* What goes to a thread and comes back is handed over by offload alone: nothing here waits or locks. */
struct sum {
    struct sums *sums;
    int a, b, result;
};

struct sums {
    struct sum each[TASKS];
    int done, total;
};

static void add_up(void *context)
{
    struct sum *sum = context;

    sum->result = sum->a + sum->b;
}

static void take_result(void *context)
{
    struct sum *sum = context;

    sum->sums->total += sum->result;
    sum->sums->done++;
    sum->result = 0;
}

static bool all_are_added(void *context)
{
    return ((const struct sums *)context)->done == TASKS;
}

static void what_is_handed_over_needs_no_lock(void **state)
{
    struct sums sums = {.total = 0};
    struct loop *loop = loop_new();
    struct offload *offload = offload_open(loop, 4, TASKS);

    (void)state;
    for (int round = 1; round <= 50; round++) {
        sums.done = sums.total = 0;
        for (int i = 0; i < TASKS; i++) {
            sums.each[i] = (struct sum){.sums = &sums, .a = i, .b = round};
            assert_true(offload_run(offload, add_up, take_result, &sums.each[i]));
        }
        loop_until(loop, all_are_added, &sums);
        assert_int_equal(sums.total, TASKS * (TASKS - 1) / 2 + TASKS * round);
    }
    offload_close(offload);
    loop_free(loop);
}

static void what_threads_have_done_is_handed_back_on_the_loop(void **state)
{
    struct work mine = {.gate = PTHREAD_MUTEX_INITIALIZER, .wanted = TASKS};
    struct loop *loop = loop_new();
    struct offload *offload = offload_open(loop, 2, TASKS);

    (void)state;
    sem_init(&mine.has_worked, 0, 0);
    for (int i = 0; i < TASKS; i++)
        assert_true(offload_run(offload, work, done, &mine));
    loop_until(loop, all_are_done, &mine);
    assert_int_equal(mine.worked, TASKS);
    assert_false(pthread_equal(mine.worked_on, pthread_self()));
    assert_true(pthread_equal(mine.done_on, pthread_self()));
    offload_close(offload);
    loop_free(loop);
}

/* With the gate closed each thread holds one, so many may wait, and the next is refused. */
static void no_more_wait_than_may(void **state)
{
    struct work mine = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct loop *loop = loop_new();
    struct offload *offload = offload_open(loop, 1, 3);
    int taken = 0;

    (void)state;
    sem_init(&mine.has_worked, 0, 0);
    pthread_mutex_lock(&mine.gate);
    while (taken < TASKS && offload_run(offload, work, done, &mine))
        taken++;
    assert_in_range(taken, 3, 4);
    pthread_mutex_unlock(&mine.gate);
    mine.wanted = taken;
    loop_until(loop, all_are_done, &mine);
    assert_true(offload_run(offload, work, done, &mine));
    offload_close(offload);
    loop_free(loop);
}

static void closing_waits_for_what_is_in_hand_and_forgets_the_rest(void **state)
{
    struct work mine = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct loop *loop = loop_new();
    struct offload *offload = offload_open(loop, 2, TASKS);

    (void)state;
    sem_init(&mine.has_worked, 0, 0);
    for (int i = 0; i < TASKS; i++)
        assert_true(offload_run(offload, work, done, &mine));
    sem_wait(&mine.has_worked);
    offload_close(offload);
    assert_true(mine.worked > 0);
    assert_int_equal(mine.done, 0);
    offload_close(NULL);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_over_needs_no_lock),
        cmocka_unit_test(what_threads_have_done_is_handed_back_on_the_loop),
        cmocka_unit_test(no_more_wait_than_may),
        cmocka_unit_test(closing_waits_for_what_is_in_hand_and_forgets_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
