/* A step: one consumer group that reads streams, changes one owner's tables and says what happened.
 *
 * Steps decide, the engine acts. A step is a declaration and a pure `decide`: it sees a batch of entries and what was
 * loaded for them, and gives each entry an outcome. Reading, claiming, transactions, retries, saying, acknowledging and
 * draining are the engine's (runner.c), which goes through a batch like this:
 *
 *     read → check → begin, load → decide → store, commit → one script: XADD what follows, XACK
 *
 * Nothing is acknowledged before it is committed and said; so an entry that comes again must find its work done and say
 * the same thing again, unless the store shows that the next step has already heard it. */
#ifndef KARCIS_STEP_H
#define KARCIS_STEP_H

#include "common/event.h"
#include "common/store.h"

struct batch;

/* One statement of a step. Loads run first, all in one round trip; stores after decide, with the COMMIT, in another. */
struct query {
    const struct statement *statement;
    /* Adds the parameters, $1 first. False: there is nothing to do, the statement is not sent. */
    bool (*bind)(struct batch *batch, struct params *params);
    void (*take)(struct batch *batch, const struct rows *rows); /* may be NULL */
};

#define NO_QUERIES ((const struct query[]){{NULL, NULL, NULL}})

/* Saying again what Redis may have lost; redrive.c is the engine of it. Its step is like others, but its entries are
 * rows of the store (their key is all that is set), it reads nothing and stores nothing: it loads them and says what
 * was said of them. `reads` are the streams in which that, and what follows from it, may still be under way: nothing is
 * said again before all of that has been acknowledged and the row still waits. */
struct redrive {
    const struct step *step;
    /* Rows that wait for too long. $1 timestamptz, $2 uuid: begin after this place; $3 timestamptz: up to; $4 bigint:
     * rows at most. Result: uuid, timestamptz, boolean: does it wait; the last row is the place where to go on. */
    const struct statement *overdue;
    /* After a loss: rows that wait, and rows of which something was said since. $1 uuid: begin after; $2 timestamptz:
     * since; $3 bigint: rows at most. Result as above. */
    const struct statement *recall;
    int64_t (*decided_us)(int64_t now_us); /* the place ($3) of a row that was decided at this time of the store's */
};

#define STEP_STREAMS_MAX 12
#define STEP_QUERIES_MAX 8

struct step {
    const char *name; /* and its group's */
    enum stream reads[STEP_STREAMS_MAX];
    size_t reads_count;
    const struct field *fields;
    size_t field_count;
    /* Which field holds the id of the row that an entry is about (UUID or INVOICE_NO): two entries of one batch never
     * have the same key; the second waits for the next batch. -1: entries do not touch each other. */
    int key;
    /* Entries are decided strictly in the order of their ids, whatever the number of workers and whoever dies. */
    bool is_ordered;
    /* How many times BATCH it takes at once; 0 counts as 1. */
    size_t batch_factor;
    /* Nobody waits for this step: after a batch that was not full it lets more come for so long. Every read and every
     * acknowledgement makes Redis write its log to disk, which whoever is waited for would have to wait for. */
    int linger_ms;
    /* The next entries are read while the store works on a full batch: for a step that must keep up with a crowd. */
    bool reads_ahead;
    /* batch->now_us is the store's time, by which all processes agree on when a hold ends; else this machine's. */
    bool is_timed;
    /* decide also gets entries that were refused (entry->refusal) and must reject them itself: it counts them. */
    bool wants_refused;
    /* May be NULL. Completes an entry once, when it is read: rules across fields, derived values, its key. */
    struct refusal (*check)(struct arena *arena, struct entry *entry);
    const struct query *loads, *stores; /* each list ends with a NULL statement; NO_QUERIES if there are none */
    size_t work_bytes; /* of batch->work: what loads leave for decide, and decide for stores; zeroed for each batch */
    void (*begin)(struct batch *batch); /* may be NULL: prepares work */
    void (*decide)(struct batch *batch);
    const struct redrive *redrive; /* may be NULL */
};

enum outcome_kind { UNDECIDED, DONE, RETRY, REJECT };

struct outcome {
    enum outcome_kind kind;
    const char *what; /* for the log: "seat held", NULL: no line; REJECT, RETRY: the reason */
    struct text detail;
};

struct key_index {
    struct uuid key;
    size_t position;
};

struct batch {
    struct arena *arena;
    const struct step *step;
    int64_t now_us;     /* for decide and stores: see is_timed */
    unsigned conflicts; /* how often in a row this step's batches lost to a faster transaction */
    bool is_recall;     /* a redrive after a loss: also of rows that wait for nothing any more */
    size_t count;
    struct entry **entries;
    struct outcome *outcomes;
    struct key_index *by_key; /* sorted */
    struct fact *said, **said_end;
    void *work;
};

/* ---- for begin, take and decide ---- */

void done(struct batch *batch, size_t i, const char *what);
/* Stays pending and comes back with growing delay; after MAX_DELIVERIES it goes to `dead`. */
void retry(struct batch *batch, size_t i, const char *reason);
/* Goes to `dead` with the reason, and is acknowledged. */
void reject(struct batch *batch, size_t i, const char *reason, struct text detail);

/* An event that follows from entry i. Its event_id is "<key>:<what>", the same whenever it is said again. */
struct fact *say(struct batch *batch, size_t i, enum stream stream, const char *what);
void say_field(struct batch *batch, struct fact *event, const char *name, struct text value);

/* The entry with this key; false if none has it. */
bool batch_find(const struct batch *batch, struct uuid key, size_t *i);
/* All keys in ascending order, as a uuid[] parameter: the order in which every step locks rows. */
void params_keys(struct batch *batch, struct params *params);

static inline const struct value *entry_value(const struct batch *batch, size_t i, int field)
{
    return &batch->entries[i]->values[field];
}

/* ---- for the engine and for tests ---- */

void sort_keys(struct key_index *keys, size_t count); /* by key, then position */

/* Makes a batch of entries that were read and checked. The keys must differ. */
struct batch *batch_new(struct arena *arena, const struct step *step, struct entry **entries, size_t count,
                        int64_t now_us);
/* When all that the engine knows of it has been set (conflicts, is_recall). */
void batch_begin(struct batch *batch);
/* Reads an entry's fields and key as the step wants them; what does not fit is entry->refusal. */
void step_check(struct arena *arena, const struct step *step, struct entry *entry);

#endif
