/* What steps see: batches, outcomes, events that follow. */
#include "common/step.h"

#include <assert.h>
#include <stdlib.h>

#include "common/arena.h"

void step_check(struct arena *arena, const struct step *step, struct entry *entry)
{
    entry->refusal = entry_read_common(arena, entry);
    if (!entry->refusal.reason)
        entry->refusal = entry_read_fields(arena, entry, step->fields, step->field_count);
    if (entry->refusal.reason)
        return;
    if (step->key >= 0)
        entry->key = entry->values[step->key].uuid;
    if (step->check)
        entry->refusal = step->check(arena, entry);
}

static int compare_keys(const void *a, const void *b)
{
    const struct key_index *x = a, *y = b;
    const int order = uuid_compare(x->key, y->key);

    return order ? order : (x->position > y->position) - (x->position < y->position);
}

void sort_keys(struct key_index *keys, size_t count)
{
    qsort(keys, count, sizeof *keys, compare_keys);
}

struct batch *batch_new(struct arena *arena, const struct step *step, struct entry **entries, size_t count,
                        int64_t now_us)
{
    struct batch *batch = ARENA_NEW(arena, struct batch);

    batch->arena = arena;
    batch->step = step;
    batch->now_us = now_us;
    batch->count = count;
    batch->entries = entries;
    batch->outcomes = ARENA_ARRAY(arena, struct outcome, count ? count : 1);
    batch->said_end = &batch->said;
    batch->work = step->work_bytes ? arena_alloc(arena, step->work_bytes) : NULL;
    if (step->key >= 0) {
        batch->by_key = ARENA_ARRAY(arena, struct key_index, count ? count : 1);
        for (size_t i = 0; i < count; i++)
            batch->by_key[i] = (struct key_index){entries[i]->key, i};
        sort_keys(batch->by_key, count);
    }
    return batch;
}

void batch_begin(struct batch *batch)
{
    if (batch->step->begin)
        batch->step->begin(batch);
}

bool batch_find(const struct batch *batch, struct uuid key, size_t *i)
{
    size_t low = 0, high = batch->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = uuid_compare(batch->by_key[middle].key, key);

        if (order == 0) {
            *i = batch->by_key[middle].position;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void params_keys(struct batch *batch, struct params *params)
{
    struct column *keys = params_column(params, COLUMN_UUID);

    for (size_t i = 0; i < batch->count; i++)
        column_uuid(keys, batch->by_key[i].key);
}

static void decided(struct batch *batch, size_t i, struct outcome outcome)
{
    assert(i < batch->count && batch->outcomes[i].kind == UNDECIDED);
    batch->outcomes[i] = outcome;
}

void done(struct batch *batch, size_t i, const char *what)
{
    decided(batch, i, (struct outcome){DONE, what, TEXT_NONE});
}

void retry(struct batch *batch, size_t i, const char *reason)
{
    decided(batch, i, (struct outcome){RETRY, reason, TEXT_NONE});
}

void reject(struct batch *batch, size_t i, const char *reason, struct text detail)
{
    decided(batch, i, (struct outcome){REJECT, reason, detail});
}

struct fact *say(struct batch *batch, size_t i, enum stream stream, const char *what)
{
    const struct entry *entry = batch->entries[i];
    const struct text id = uuid_text(batch->arena, entry->key);
    struct fact *event = fact_new(batch->arena, stream);

    *batch->said_end = event;
    batch->said_end = &event->next;
    fact_add(batch->arena, event, TEXT("event_id"), text_format(batch->arena, "%.*s:%s", (int)id.len, id.ptr, what));
    fact_add(batch->arena, event, TEXT("booking_id"), id);
    fact_add(batch->arena, event, TEXT("source"), text_of(batch->step->name));
    fact_add(batch->arena, event, TEXT("traceparent"), entry->traceparent);
    return event;
}

void say_field(struct batch *batch, struct fact *event, const char *name, struct text value)
{
    fact_add(batch->arena, event, text_of(name), value);
}
