/* See inbox.h. */
#include "common/inbox.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/log.h"
#include "common/step.h"

/* Room for one more of anything that is kept in a growing list. */
static void *grow(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return list;
    *capacity = *capacity ? *capacity * 2 : 64;
    list = realloc(list, *capacity * size);
    if (!list)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    return list;
}

static void append(struct entries *entries, struct entry *entry)
{
    entries->list = grow(entries->list, entries->count, &entries->capacity, sizeof *entries->list);
    entries->list[entries->count++] = entry;
}

static int compare(const struct entry *a, const struct entry *b)
{
    if (a->stream != b->stream)
        return a->stream < b->stream ? -1 : 1;
    return entry_id_compare(a->id, b->id);
}

static int compare_pointers(const void *a, const void *b)
{
    return compare(*(struct entry *const *)a, *(struct entry *const *)b);
}

static bool is_in(const struct entries *entries, const struct entry *entry)
{
    for (size_t i = 0; i < entries->count; i++)
        if (compare(entries->list[i], entry) == 0)
            return true;
    return false;
}

bool inbox_knows(const struct inbox *inbox, const struct entry *entry)
{
    if (is_in(&inbox->todo, entry) || is_in(&inbox->under_way, entry) || is_in(&inbox->refused, entry))
        return true;
    for (size_t i = 0; i < inbox->postponed_count; i++)
        if (inbox->postponed[i].stream == entry->stream && entry_id_compare(inbox->postponed[i].id, entry->id) == 0 &&
            !inbox->postponed[i].is_fetching)
            return true;
    return false;
}

bool is_suspect(const struct entry *entry)
{
    return entry->deliveries >= SUSPECT_DELIVERIES;
}

void inbox_add(struct inbox *inbox, struct entry *entry)
{
    append(&inbox->todo, entry);
}

void inbox_refuse(struct inbox *inbox, struct entry *entry)
{
    append(&inbox->refused, entry);
}

/* Usually they are in order: entries come in order, and what is put back comes before what was left. */
void inbox_sort(struct inbox *inbox)
{
    const struct entries *todo = &inbox->todo;

    for (size_t i = 1; i < todo->count; i++)
        if (compare(todo->list[i - 1], todo->list[i]) > 0) {
            qsort(todo->list, todo->count, sizeof *todo->list, compare_pointers);
            return;
        }
}

/* Marks entries whose key an earlier one of the first `seen` has. */
static void mark_repeated(struct entries *todo, size_t seen)
{
    struct key_index *keys = malloc((seen + 1) * sizeof *keys);

    if (!keys)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    for (size_t i = 0; i < seen; i++)
        keys[i] = (struct key_index){todo->list[i]->key, i};
    sort_keys(keys, seen);
    for (size_t i = 1; i < seen; i++)
        if (uuid_compare(keys[i - 1].key, keys[i].key) == 0)
            todo->list[keys[i].position]->is_repeated = true;
    free(keys);
}

/* How many of the first `limit` fit into a batch; the first always does. */
static size_t fitting(const struct entries *todo, size_t limit)
{
    size_t count = 0, bytes = 0;

    while (count < todo->count && count < limit) {
        if (is_suspect(todo->list[count]))
            return count ? count : 1;
        bytes += entry_bytes(todo->list[count]);
        if (count > 0 && bytes > BATCH_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

void inbox_pick(struct inbox *inbox, size_t limit, bool has_keys)
{
    struct entries *todo = &inbox->todo;
    const size_t seen = fitting(todo, limit);
    size_t left = 0;

    if (has_keys)
        mark_repeated(todo, seen);
    for (size_t i = 0; i < todo->count; i++) {
        struct entry *entry = todo->list[i];

        if (i < seen && !entry->is_repeated)
            append(&inbox->under_way, entry);
        else
            todo->list[left++] = entry;
        entry->is_repeated = false;
    }
    todo->count = left;
}

void inbox_put_back(struct inbox *inbox)
{
    for (size_t i = 0; i < inbox->under_way.count; i++)
        append(&inbox->todo, inbox->under_way.list[i]);
    inbox->under_way.count = 0;
    inbox_sort(inbox);
}

void inbox_refuse_under_way(struct inbox *inbox)
{
    for (size_t i = 0; i < inbox->under_way.count; i++)
        append(&inbox->refused, inbox->under_way.list[i]);
    inbox->under_way.count = 0;
}

static void free_unused_arenas(struct inbox *inbox)
{
    if (inbox->todo.count + inbox->under_way.count + inbox->refused.count > 0)
        return;
    for (size_t i = 0; i < inbox->arena_count; i++)
        arena_free(inbox->arenas[i]);
    inbox->arena_count = 0;
}

void inbox_settle(struct inbox *inbox)
{
    struct entries *refused = &inbox->refused;

    inbox->under_way.count = 0;
    refused->count -= inbox->refused_emitted;
    if (refused->count > 0)
        memmove(refused->list, refused->list + inbox->refused_emitted, refused->count * sizeof *refused->list);
    inbox->refused_emitted = 0;
    free_unused_arenas(inbox);
}

void inbox_forget_before(struct inbox *inbox, struct entry_id id)
{
    struct entries *todo = &inbox->todo;
    size_t left = 0;

    for (size_t i = 0; i < todo->count; i++)
        if (entry_id_compare(todo->list[i]->id, id) >= 0)
            todo->list[left++] = todo->list[i];
    todo->count = left;
}

void inbox_keep_arena(struct inbox *inbox, struct arena *arena)
{
    free_unused_arenas(inbox);
    inbox->arenas = grow(inbox->arenas, inbox->arena_count, &inbox->arena_capacity, sizeof *inbox->arenas);
    inbox->arenas[inbox->arena_count++] = arena;
}

struct arena *inbox_last_arena(const struct inbox *inbox)
{
    return inbox->arenas[inbox->arena_count - 1];
}

size_t inbox_bytes(const struct inbox *inbox)
{
    size_t bytes = 0;

    for (size_t i = 0; i < inbox->arena_count; i++)
        bytes += arena_bytes(inbox->arenas[i]);
    return bytes;
}

void inbox_postpone(struct inbox *inbox, const struct entry *entry, int64_t due_us)
{
    inbox->postponed =
        grow(inbox->postponed, inbox->postponed_count, &inbox->postponed_capacity, sizeof *inbox->postponed);
    inbox->postponed[inbox->postponed_count++] =
        (struct postponed){entry->stream, entry->id, entry->attempts + 1, due_us, false};
}

void inbox_end_postponed(struct inbox *inbox, size_t i)
{
    inbox->postponed_count--;
    memmove(&inbox->postponed[i], &inbox->postponed[i + 1], (inbox->postponed_count - i) * sizeof *inbox->postponed);
}

void inbox_free(struct inbox *inbox)
{
    inbox->todo.count = inbox->under_way.count = inbox->refused.count = 0;
    free_unused_arenas(inbox);
    free(inbox->todo.list);
    free(inbox->under_way.list);
    free(inbox->refused.list);
    free(inbox->postponed);
    free(inbox->arenas);
}
