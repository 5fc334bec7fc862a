/* See crash_point.h. */
#include "crash_point.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const deeds[] = {"nothing", "kill", "cut", "stop", NULL};
const char *const moments[] = {"before", "answered", "heard", "after", NULL};
const char *const directions[] = {"send", "recv", "call", NULL};

void say(int file, const char *format, ...)
{
    char line[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (file >= 0 && len > 0)
        syscall(SYS_write, file, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

void point_refuse(const char *what)
{
    say(STDERR_FILENO, "crash: %s\n", what);
    _exit(2);
}

static int choice(const char *const *names, const char *word)
{
    for (int i = 0; names[i] && word; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    point_refuse("CRASH_AT cannot be read");
}

void wanted_read(struct wanted *wanted, const char *text)
{
    wanted->count = 1;
    for (const char *at = text; *at; at++) {
        const size_t last = wanted->count - 1;
        char byte = *at;

        if (byte == '|') {
            if (wanted->count++ == ALTERNATIVES_MAX)
                point_refuse("too many alternatives");
            continue;
        }
        if (byte == '\\' && at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3])) {
            byte = (char)strtol((char[]){at[2], at[3], '\0'}, NULL, 16);
            at += 3;
        }
        if (wanted->list[last].len == BYTES_MAX)
            point_refuse("too many bytes");
        wanted->list[last].bytes[wanted->list[last].len++] = byte;
    }
}

void point_read(struct point *point, const char *text)
{
    char *words = strdup(text), *rest = words;
    const char *times;

    point->deed = (enum deed)choice(deeds, strsep(&rest, " "));
    point->moment = (enum moment)choice(moments, strsep(&rest, " "));
    point->direction = (enum direction)choice(directions, strsep(&rest, " "));
    times = strsep(&rest, " ");
    point->times = times ? strtol(times, NULL, 10) : 0;
    if (point->times < 1 || (point->direction == CALL) != !rest)
        point_refuse("CRASH_AT cannot be read");
    if ((point->direction == RECV && point->moment != AFTER) ||
        (point->direction == CALL && point->moment != BEFORE && point->moment != AFTER))
        point_refuse("CRASH_AT names a moment that this direction does not have");
    if (rest)
        wanted_read(&point->wanted, rest);
    free(words);
}

long wanted_count(const struct wanted *wanted, const char *bytes, size_t len, size_t already)
{
    long count = 0;

    for (size_t i = 0; i < wanted->count; i++)
        for (const char *found = bytes; wanted->list[i].len > 0; found++) {
            found = memmem(found, len - (size_t)(found - bytes), wanted->list[i].bytes, wanted->list[i].len);
            if (!found)
                break;
            count += found + wanted->list[i].len > bytes + already;
        }
    return count;
}
