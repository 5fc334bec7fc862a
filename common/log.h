/* One line per event, in logfmt: time=… level=info program=ticket-worker step=hold booking=… event="seat held"
 * seats=A4. Grep one booking id and read its life. Lines are buffered and written together; warnings and worse are
 * written at once. Values are escaped (no line can be forged), cut at LOG_VALUE_BYTES_MAX, and never secrets. */
#ifndef KARCIS_LOG_H
#define KARCIS_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "common/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* A key and its value; make lists with LOG_FIELDS. Texts with ptr NULL are left out. */
struct log_field {
    const char *key;
    struct text value;
};

void log_open(const char *program, enum log_level level);
bool log_level_parse(const char *name, enum log_level *level);
bool log_is_on(enum log_level level);
void log_line(enum log_level level, const char *event, const struct log_field *fields, size_t count);
void log_flush(void);

#define log_write(level, event, ...)                                                                                   \
    do {                                                                                                               \
        if (log_is_on(level)) {                                                                                        \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                                      \
            log_line((level), (event), log_fields_, sizeof log_fields_ / sizeof *log_fields_);                         \
        }                                                                                                              \
    } while (0)
#define log_debug(event, ...) log_write(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_write(LOG_ERROR, event, __VA_ARGS__)
#define LOG_TEXT(key, text)                                                                                            \
    {                                                                                                                  \
        (key), (text)                                                                                                  \
    }
#define LOG_STRING(key, string)                                                                                        \
    {                                                                                                                  \
        (key), text_of(string)                                                                                         \
    }
#define LOG_NUMBER(key, number)                                                                                        \
    {                                                                                                                  \
        (key), log_number((int64_t)(number), (char[24]){0})                                                            \
    }

struct text log_number(int64_t number, char buffer[24]);

/* Cannot go on: one line, then exit. 100: wrong configuration (is not restarted); 111: temporary (is). */
#define EXIT_CONFIGURATION 100
#define EXIT_TEMPORARY     111
_Noreturn void log_fatal(int code, const char *event, const char *detail);

#endif
