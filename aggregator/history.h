/* What both histories have in common: a change is an event of the log, and of many changes those up to a moment count.
 */
#ifndef KARCIS_AGGREGATOR_HISTORY_H
#define KARCIS_AGGREGATOR_HISTORY_H

#include <stddef.h>
#include <stdint.h>

struct json;
struct rows;

/* The columns that a statement which reads changes begins with, in this order. */
enum change_column {
    CHANGE_STATUS,
    CHANGE_AT,
    CHANGE_REASON,
    CHANGE_TOPIC,
    CHANGE_EVENT_ID,
    CHANGE_ENTRY_MS,
    CHANGE_ENTRY_SEQ,
    CHANGE_COLUMNS
};

/* The members of the change in this row; the caller begins and ends the object, and may add others. */
void history_write_change(struct json *json, const struct rows *rows, size_t row);
/* "as_of": the moment, or null (INT64_MAX): now. */
void history_write_as_of(struct json *json, int64_t as_of_us);

#endif
