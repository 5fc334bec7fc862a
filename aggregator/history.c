/* See history.h. */
#include "aggregator/history.h"

#include "aggregator/view.h"
#include "common/stream.h"

void history_write_change(struct json *json, const struct rows *rows, size_t row)
{
    const struct entry_id entry = {(uint64_t)rows_int(rows, row, CHANGE_ENTRY_MS),
                                   (uint64_t)rows_int(rows, row, CHANGE_ENTRY_SEQ)};

    view_column_text(json, "status", rows, row, CHANGE_STATUS);
    view_column_time(json, "at", rows, row, CHANGE_AT);
    view_column_text(json, "reason", rows, row, CHANGE_REASON);
    view_column_text(json, "topic", rows, row, CHANGE_TOPIC);
    view_column_text(json, "event_id", rows, row, CHANGE_EVENT_ID);
    view_text(json, "entry_id", entry_id_text(json->buffer.arena, entry));
}

void history_write_as_of(struct json *json, int64_t as_of_us)
{
    json_key(json, "as_of");
    if (as_of_us == INT64_MAX)
        json_none(json);
    else
        json_time(json, as_of_us);
}
