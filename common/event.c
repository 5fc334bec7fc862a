/* Reading an entry's fields against a step's table, and building events. */
#include "common/event.h"

#include <assert.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/clock.h"

struct text entry_field(const struct entry *entry, const char *name)
{
    const struct text wanted = text_of(name);

    for (size_t i = 0; i < entry->pair_count; i++)
        if (text_equal(entry->pairs[2 * i], wanted))
            return entry->pairs[2 * i + 1];
    return TEXT_NONE;
}

size_t entry_bytes(const struct entry *entry)
{
    size_t bytes = 0;

    for (size_t i = 0; i < entry->pair_count * 2; i++)
        bytes += entry->pairs[i].len;
    return bytes;
}

int64_t entry_time_us(const struct entry *entry)
{
    return entry->id.ms < INT64_MAX / 1000 ? (int64_t)entry->id.ms * 1000 : 0;
}

struct refusal refuse_field(struct arena *arena, const char *field, const char *must_be, struct text value)
{
    const struct text shown = value.ptr ? text_shown(arena, value) : TEXT("");

    return (struct refusal){"invalid_field", text_format(arena, "%s: %s%s%.*s", field, must_be,
                                                         value.ptr ? ", not " : "", (int)shown.len, shown.ptr)};
}

struct refusal entry_read_common(struct arena *arena, struct entry *entry)
{
    struct text at = TEXT_NONE;
    const size_t bytes = entry_bytes(entry);

    for (size_t i = 0; i < entry->pair_count; i++) {
        const struct text name = entry->pairs[2 * i], value = entry->pairs[2 * i + 1];

        if (value.len == 0)
            continue;
        if (text_equal(name, TEXT("event_id")))
            entry->event_id = value;
        else if (text_equal(name, TEXT("at")))
            at = value;
        else if (text_equal(name, TEXT("source")))
            entry->source = value;
        else if (text_equal(name, TEXT("traceparent")))
            entry->traceparent = value;
    }
    if (entry->pair_count > ENTRY_FIELDS_MAX)
        return (struct refusal){"too_many_fields",
                                text_format(arena, "%zu fields, at most %d", entry->pair_count, ENTRY_FIELDS_MAX)};
    if (bytes > ENTRY_BYTES_MAX)
        return (struct refusal){"too_large", text_format(arena, "%zu bytes, at most %d", bytes, ENTRY_BYTES_MAX)};
    if (!entry->event_id.ptr)
        entry->event_id = entry->id_text;
    if (entry->event_id.len > EVENT_ID_BYTES_MAX || !text_is_printable(entry->event_id))
        return refuse_field(arena, "event_id", "must be 1 to 200 bytes of printable UTF-8", entry->event_id);
    if (entry->source.len > SOURCE_BYTES_MAX || !text_is_printable(entry->source))
        return refuse_field(arena, "source", "must be at most 200 bytes of printable UTF-8", entry->source);
    if (entry->traceparent.len > TRACEPARENT_BYTES_MAX || !text_is_printable(entry->traceparent))
        entry->traceparent = TEXT_NONE; /* W3C: an unusable one is ignored */
    entry->at_us = entry_time_us(entry);
    if (at.ptr && !time_parse(at, &entry->at_us))
        return refuse_field(arena, "at", "must be a time like 2026-11-21T10:00:00Z", at);
    return (struct refusal){0};
}

/* What it must be, NULL if it is. */
static const char *read_value(struct arena *arena, const struct field *field, struct value *value)
{
    struct text rest = text_of(field->choices), choice;

    switch (field->type) {
    case FIELD_IDENTIFIER:
        return text_is_identifier(value->text, IDENTIFIER_BYTES_MAX) ? NULL : "must be 1 to 64 of A-Z a-z 0-9 . _ -";
    case FIELD_UUID:
        return uuid_parse(value->text, &value->uuid) ? NULL : "must be a UUID";
    case FIELD_INVOICE_NO:
        return number_to_uuid(value->text, "INV-", &value->uuid, NULL)
                   ? NULL
                   : "must be an invoice number like INV-01ARZ3NDEKTSV4RRFFQ69G5FAV";
    case FIELD_INTEGER:
        return text_to_int64(value->text, field->min, field->max, &value->number)
                   ? NULL
                   : text_format(arena, "must be a whole number from %lld to %lld", (long long)field->min,
                                 (long long)field->max)
                         .ptr;
    case FIELD_CURRENCY:
        return text_is_currency(value->text) ? NULL : "must be three capital letters like IDR";
    case FIELD_TIME:
        return time_parse(value->text, &value->number) ? NULL : "must be a time like 2026-11-21T10:00:00Z";
    case FIELD_CHOICE:
        for (value->number = 0; text_next(&rest, '|', &choice); value->number++)
            if (text_equal(choice, value->text))
                return NULL;
        return text_format(arena, "must be %s", field->choices).ptr;
    case FIELD_TEXT:
        return value->text.len <= (size_t)field->max && text_is_printable(value->text)
                   ? NULL
                   : text_format(arena, "must be at most %lld bytes of printable UTF-8", (long long)field->max).ptr;
    }
    assert(!"no such type");
    return NULL;
}

struct refusal entry_read_fields(struct arena *arena, struct entry *entry, const struct field *fields, size_t count)
{
    entry->values = ARENA_ARRAY(arena, struct value, count ? count : 1);
    for (size_t pair = 0; pair < entry->pair_count; pair++) {
        const struct text name = entry->pairs[2 * pair];

        for (size_t i = 0; i < count; i++)
            if (text_is(name, fields[i].name)) {
                entry->values[i].text = entry->pairs[2 * pair + 1];
                break;
            }
    }
    for (size_t i = 0; i < count; i++) {
        struct value *value = &entry->values[i];
        const char *wrong;

        if (value->text.len == 0) {
            if (fields[i].is_required)
                return refuse_field(arena, fields[i].name, "is missing", TEXT_NONE);
            value->text = TEXT_NONE;
            continue;
        }
        wrong = read_value(arena, &fields[i], value);
        if (wrong)
            return refuse_field(arena, fields[i].name, wrong, value->text);
    }
    return (struct refusal){0};
}

struct fact *fact_new(struct arena *arena, enum stream stream)
{
    struct fact *event = ARENA_NEW(arena, struct fact);

    event->stream = stream;
    event->word_capacity = 32;
    event->words = arena_alloc_raw(arena, event->word_capacity * sizeof *event->words);
    return event;
}

void fact_add(struct arena *arena, struct fact *event, struct text name, struct text value)
{
    if (!value.ptr)
        return;
    if (event->word_count + 2 > event->word_capacity) {
        struct text *words = arena_alloc_raw(arena, 2 * event->word_capacity * sizeof *words);

        memcpy(words, event->words, event->word_count * sizeof *words);
        event->words = words;
        event->word_capacity *= 2;
    }
    event->words[event->word_count++] = name;
    event->words[event->word_count++] = value;
}
