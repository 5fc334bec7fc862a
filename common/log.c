/* logfmt lines, buffered. Output is standard error: whoever runs the program decides where it goes. */
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/bounds.h"

static struct {
    const char *program;
    enum log_level level;
    size_t len;
    int64_t time_s; /* of the cached text below */
    char time_text[20];
    char buffer[LOG_BUFFER_BYTES];
} state = {.program = "karcis", .level = LOG_INFO, .time_s = -1};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_open(const char *program, enum log_level level)
{
    state.program = program;
    state.level = level;
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

bool log_is_on(enum log_level level)
{
    return level >= state.level;
}

void log_flush(void)
{
    for (size_t at = 0; at < state.len;) {
        const ssize_t wrote = write(STDERR_FILENO, state.buffer + at, state.len - at);

        if (wrote <= 0)
            break; /* nobody reads: the work goes on, the lines are lost */
        at += (size_t)wrote;
    }
    state.len = 0;
}

static void put(const char *bytes, size_t len)
{
    memcpy(state.buffer + state.len, bytes, len);
    state.len += len;
}

static void put_string(const char *string)
{
    put(string, strlen(string));
}

static bool is_plain(struct text value)
{
    if (value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.ptr[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7F)
            return false;
    }
    return true;
}

static void put_value(struct text value)
{
    static const char hex[] = "0123456789abcdef";

    if (value.len > LOG_VALUE_BYTES_MAX)
        value.len = LOG_VALUE_BYTES_MAX;
    if (is_plain(value)) {
        put(value.ptr, value.len);
        return;
    }
    put("\"", 1);
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.ptr[i];

        if (c == '"' || c == '\\') {
            put("\\", 1);
            put(&value.ptr[i], 1);
        } else if (c < ' ' || c == 0x7F || c >= 0x80) {
            const char escaped[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            put(escaped, sizeof escaped);
        } else {
            put(&value.ptr[i], 1);
        }
    }
    put("\"", 1);
}

static void put_time(void)
{
    struct timespec now;
    char fraction[8];

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != state.time_s) {
        struct tm utc;

        gmtime_r(&now.tv_sec, &utc);
        strftime(state.time_text, sizeof state.time_text, "%Y-%m-%dT%H:%M:%S", &utc);
        state.time_s = now.tv_sec;
    }
    put_string("time=");
    put_string(state.time_text);
    snprintf(fraction, sizeof fraction, ".%03dZ", (int)(now.tv_nsec / 1000000) % 1000);
    put_string(fraction);
}

void log_line(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    /* Every byte of a value takes at most four; what does not fit the buffer as a whole is not worth a line. */
    const size_t worst = 256 + strlen(event) * 4 + count * (LOG_VALUE_BYTES_MAX * 4 + 64);

    if (!log_is_on(level) || worst > sizeof state.buffer)
        return;
    if (state.len + worst > sizeof state.buffer)
        log_flush();
    put_time();
    put_string(" level=");
    put_string(level_names[level]);
    put_string(" program=");
    put_string(state.program);
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].value.ptr)
            continue;
        put(" ", 1);
        put_string(fields[i].key);
        put("=", 1);
        put_value(fields[i].value);
    }
    put_string(" event=");
    put_value(text_of(event));
    put("\n", 1);
    if (level >= LOG_WARN)
        log_flush();
}

struct text log_number(int64_t number, char buffer[24])
{
    return (struct text){buffer, (size_t)snprintf(buffer, 24, "%lld", (long long)number)};
}

void log_fatal(int code, const char *event, const char *detail)
{
    log_error(event, LOG_STRING("detail", detail));
    exit(code);
}
