/* Events: what travels on the streams. An entry is an event that was read: it has a place on a stream. An event that is
 * to be said is a list of fields under construction. */
#ifndef KARCIS_EVENT_H
#define KARCIS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/id.h"
#include "common/stream.h"
#include "common/text.h"

struct arena;

/* What a field's text must be; reading it fills the member of struct value that is named here. */
enum field_type {
    FIELD_IDENTIFIER, /* 1..64 of A-Z a-z 0-9 . _ - */
    FIELD_UUID,       /* uuid */
    FIELD_INVOICE_NO, /* uuid: the booking's */
    FIELD_INTEGER,    /* number, between min and max */
    FIELD_CURRENCY,
    FIELD_TIME,   /* number: microseconds since 1970 */
    FIELD_CHOICE, /* number: which of `choices` ("no|yes": 0, 1) */
    FIELD_TEXT    /* printable UTF-8, at most max bytes */
};

struct field {
    const char *name;
    enum field_type type;
    bool is_required;
    int64_t min, max;
    const char *choices;
};

struct value {
    struct text text; /* as it came; ptr NULL: not given (an empty optional field counts as not given) */
    int64_t number;
    struct uuid uuid;
};

/* Why an entry cannot be taken; reason is a word of ours, detail is for people. */
struct refusal {
    const char *reason; /* NULL: none */
    struct text detail;
};

struct reading;

struct entry {
    enum stream stream;
    struct entry_id id;
    struct text id_text;
    size_t pair_count;
    const struct text *pairs; /* name, value, name, value, … as they came */
    struct text event_id;     /* the field, or the entry's id */
    struct text source, traceparent;
    int64_t at_us; /* the field `at`, or the entry's own time */

    struct value *values; /* one for each field that the step declares */
    struct uuid key;      /* of the row it is about */
    void *detail;         /* what the step's check made of it */
    struct refusal refusal;
    unsigned attempts;       /* how often this process has tried it before */
    unsigned deliveries;     /* how often Redis had given it out when its consumer died; 0: it never happened */
    bool is_noted;           /* the engine's: Redis remembers that we try this suspect */
    bool is_repeated;        /* the engine's: an earlier entry of the batch has the same key */
    struct reading *reading; /* the engine's: what it came with, and lives in */
};

/* The field's value, ptr NULL if it is not there. */
struct text entry_field(const struct entry *entry, const char *name);

size_t entry_bytes(const struct entry *entry);    /* of all names and values */
int64_t entry_time_us(const struct entry *entry); /* when it was added, by its id; 0: beyond all times */

/* "invalid_field", and what somebody must know to put it right: which field, what it must be, what it is. A value with
 * ptr NULL is not shown. */
struct refusal refuse_field(struct arena *arena, const char *field, const char *must_be, struct text value);

/* Fills in what every entry has (event_id, source, traceparent, at_us). */
struct refusal entry_read_common(struct arena *arena, struct entry *entry);
/* Fills values[] by the table; the first field that does not fit is the refusal ("invalid_field"). */
struct refusal entry_read_fields(struct arena *arena, struct entry *entry, const struct field *fields, size_t count);

/* ---- an event to be said; in C a `fact`, for libevent has taken `struct event` ---- */

struct fact {
    struct fact *next;
    enum stream stream;
    size_t word_count, word_capacity;
    struct text *words; /* name, value, … */
};

struct fact *fact_new(struct arena *arena, enum stream stream);
/* The words are kept, not copied: they live in the batch's arena or longer. A value with ptr NULL is left out. */
void fact_add(struct arena *arena, struct fact *event, struct text name, struct text value);

#endif
