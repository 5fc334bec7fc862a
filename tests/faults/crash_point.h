/* The point that CRASH_AT names (crash.c says how), and the bytes by which it is found. */
#ifndef KARCIS_CRASH_POINT_H
#define KARCIS_CRASH_POINT_H

#include <stddef.h>

/* The program must not see these names. */
#pragma GCC visibility push(hidden)

#define ALTERNATIVES_MAX 8
#define BYTES_MAX        64

enum deed { NOTHING, KILL, CUT, STOP };
enum moment { BEFORE, ANSWERED, HEARD, AFTER };
enum direction { SEND, RECV, CALL };

struct wanted { /* any of these */
    struct {
        char bytes[BYTES_MAX];
        size_t len;
    } list[ALTERNATIVES_MAX];
    size_t count;
};

struct point {
    enum deed deed;
    enum moment moment;
    enum direction direction;
    long times;
    struct wanted wanted; /* none for CALL */
};

/* A text that cannot be read is refused. */
void point_read(struct point *point, const char *text);
void wanted_read(struct wanted *wanted, const char *text);
/* How often something wanted ends in `bytes` behind the first `already`. */
long wanted_count(const struct wanted *wanted, const char *bytes, size_t len, size_t already);

/* Ends the process with status 2: a test must not go on without its fault. */
_Noreturn void point_refuse(const char *what);

/* One line, through nothing that is caught; nowhere if `file` is negative. */
void say(int file, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const char *const deeds[], *const moments[], *const directions[];

#pragma GCC visibility pop

#endif
