/* clock: a program that runs with this library in LD_PRELOAD has a wall clock of its own, which jumps, or runs too fast
 * or too slowly, whenever somebody says so. What only ever goes on (CLOCK_MONOTONIC) is left alone, as it is when an
 * operator sets a machine's clock. Nothing in the program knows of it.
 *
 *   CLOCK_DIR=FOLDER   FOLDER/NAME begins with eight bytes, a signed number in the machine's own order: so many
 * microseconds the clock of NAME is ahead. It is looked at whenever the time is asked for.
 *
 * NAME is the program's INSTANCE, as the stack calls it, or the program's own name where it has none: all processes of
 * a server have one clock, and so have a program's lives one after the other. Only the programs in `has_clock` are
 * concerned: the shells and tools around them keep the right time, and tests look at the machine's.
 *
 * The kernel is asked directly: an allocator may want the time before any function can be looked up. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES_MAX 300
#define US_PER_S       1000000LL

static const volatile int64_t *ahead_us; /* NULL: the right time */

static bool has_clock(const char *program)
{
    static const char *const programs[] = {"publisher",  "ticket-worker", "payment-worker",
                                           "aggregator", "redis-server",  "postgres"};

    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(program, programs[i]) == 0)
            return true;
    return false;
}

/* A test must not go on without its fault. */
static _Noreturn void refuse(const char *what)
{
    static const char start[] = "clock.so: ";

    if (write(2, start, sizeof start - 1) > 0 && write(2, what, strlen(what)) > 0 && write(2, "\n", 1) > 0)
        _exit(2);
    _exit(2);
}

__attribute__((constructor)) static void find_clock(void)
{
    const char *folder = getenv("CLOCK_DIR"), *instance = getenv("INSTANCE");
    char path[PATH_BYTES_MAX];
    void *found;
    int file;

    if (!folder || !has_clock(program_invocation_short_name))
        return;
    snprintf(path, sizeof path, "%s/%s", folder, instance ? instance : program_invocation_short_name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    found = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead_us, PROT_READ, MAP_SHARED, file, 0);
    if (found == MAP_FAILED)
        refuse(path);
    close(file);
    ahead_us = found;
}

static bool is_wall_clock(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI;
}

static void shift(struct timespec *now)
{
    const int64_t us = ahead_us ? *ahead_us : 0;
    const int64_t ns = now->tv_nsec + us % US_PER_S * 1000;

    now->tv_sec += us / US_PER_S + (ns < 0 ? -1 : ns >= 1000 * US_PER_S);
    now->tv_nsec = ns < 0 ? ns + 1000 * US_PER_S : ns % (1000 * US_PER_S);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    const int result = (int)syscall(SYS_clock_gettime, id, now);

    if (result == 0 && is_wall_clock(id))
        shift(now);
    return result;
}

int timespec_get(struct timespec *now, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    *now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}
