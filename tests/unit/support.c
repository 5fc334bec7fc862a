/* See support.h. */
#include "tests/unit/support.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"

void support_check_text(struct text actual, const char *expected, const char *row, const char *file, int line)
{
    if (actual.ptr ? text_is(actual, expected) : strcmp(expected, "-") == 0)
        return;
    print_error("%s%s\"%.*s\" is not \"%s\"\n", row ? row : "", row ? ": " : "", actual.ptr ? (int)actual.len : 1,
                actual.ptr ? actual.ptr : "-", expected);
    _fail(file, line);
}

/* All of it is read, so that nobody waits or dies for a full pipe; what does not fit is forgotten. */
static void read_all(int fd, char *out, size_t size)
{
    char rest[4096];
    size_t len = 0;
    ssize_t got = 1;

    while (got > 0) {
        const bool fits = len + 1 < size;

        got = fits ? read(fd, out + len, size - 1 - len) : read(fd, rest, sizeof rest);
        if (fits && got > 0)
            len += (size_t)got;
    }
    out[len] = '\0';
}

struct child support_run_in_child(void (*fn)(void *context), void *context)
{
    struct child child = {.exit_code = -1};
    int ends[2], status;
    pid_t pid;

    fflush(stdout);
    fflush(stderr);
    log_flush();
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn(context);
        log_flush();
        fflush(stdout);
        _exit(0);
    }
    close(ends[1]);
    read_all(ends[0], child.output, sizeof child.output);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status))
        child.exit_code = WEXITSTATUS(status);
    return child;
}

void support_loop_until(struct loop *loop, bool (*is_true)(void *context), void *context, const char *what,
                        const char *file, int line)
{
    const int64_t deadline_us = clock_monotonic_us() + SUPPORT_PATIENCE_MS * 1000;

    while (!is_true(context)) {
        if (clock_monotonic_us() > deadline_us) {
            print_error("%s did not come true in %d ms\n", what, SUPPORT_PATIENCE_MS);
            _fail(file, line);
        }
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
        usleep(500);
    }
}

/* splitmix64 (Vigna, public domain). */
uint64_t support_random(struct random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

size_t support_random_below(struct random *random, size_t limit)
{
    return (size_t)(support_random(random) % limit);
}

struct random support_seed(const char *test)
{
    const char *given = getenv("SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_now_us();

    print_message("%s: SEED=%llu\n", test, (unsigned long long)seed);
    return (struct random){seed};
}
