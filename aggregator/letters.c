/* See letters.h. */
#include "aggregator/letters.h"

#include "common/arena.h"

void letters_begin(struct letters *letters, const struct batch *batch)
{
    letters->list = ARENA_ARRAY(batch->arena, struct letter, batch->count);
    letters->replays = ARENA_ARRAY(batch->arena, struct replayed, batch->count);
}

void letters_take(struct letters *letters, struct json *json, const struct entry *entry)
{
    letters->count += letter_read(json, entry, &letters->list[letters->count]);
}

void letters_look(struct letters *letters, const struct entry *entry)
{
    letters->replays[letters->replay_count].entry = entry;
    letters->replay_count += replay_read(entry, &letters->replays[letters->replay_count].replay);
}

bool letters_bind_dead(const struct letters *letters, struct params *params)
{
    struct column *streams = params_column(params, COLUMN_TEXT), *ids = params_column(params, COLUMN_TEXT),
                  *steps = params_column(params, COLUMN_TEXT), *reasons = params_column(params, COLUMN_TEXT),
                  *details = params_column(params, COLUMN_TEXT), *deliveries = params_column(params, COLUMN_INT32),
                  *fields = params_column(params, COLUMN_TEXT), *exact = params_column(params, COLUMN_BOOL),
                  *own_ids = params_column(params, COLUMN_TEXT);

    for (size_t i = 0; i < letters->count; i++) {
        const struct letter *letter = &letters->list[i];

        column_text(streams, letter->stream);
        column_text(ids, letter->entry_id);
        column_text(steps, letter->step);
        column_text(reasons, letter->reason);
        column_text(details, letter->detail);
        column_int(deliveries, letter->deliveries);
        column_text(fields, letter->fields);
        column_bool(exact, letter->is_exact);
        column_text(own_ids, letter->dead_entry_id);
    }
    return letters->count > 0;
}

/* Its letter was replayed, whatever becomes of the entry: if it cannot be taken again, that is another letter. */
bool letters_bind_replayed(const struct letters *letters, struct params *params)
{
    struct column *numbers = params_column(params, COLUMN_INT64), *ids = params_column(params, COLUMN_TEXT),
                  *streams = params_column(params, COLUMN_TEXT), *times = params_column(params, COLUMN_TIME);

    for (size_t i = 0; i < letters->replay_count; i++) {
        const struct entry *entry = letters->replays[i].entry;

        column_int(numbers, letters->replays[i].replay.dead_letter_id);
        column_text(ids, letters->replays[i].replay.dead_entry_id);
        column_text(streams, stream_key(entry->stream));
        column_time(times, entry_time_us(entry));
    }
    return letters->replay_count > 0;
}
