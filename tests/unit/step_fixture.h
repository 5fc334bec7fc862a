/* A step without servers: entries are typed as text, what its loads would find is given as text, and what it decides,
 * says and would store is read as text. Texts are words with spaces between; "-" is a value that is not there (NULL)
 * and
 * '' an empty one. */
#ifndef KARCIS_TESTS_STEP_FIXTURE_H
#define KARCIS_TESTS_STEP_FIXTURE_H

#include "common/step.h"
#include "tests/unit/support.h"

#define FIXTURE_ENTRIES_MAX 64
#define FIXTURE_NOW         "2026-11-21T10:00:00Z" /* when batches are decided, unless now_us is changed */

struct fixture;
struct params;

/* Called before a load's rows are taken, so that a test can give rows that depend on what is asked. */
typedef void fixture_answer_fn(struct fixture *fixture, const char *statement, const struct params *params);

struct fixture_rows { /* what a statement would find */
    const char *statement, *types;
    size_t count, capacity;
    const char **rows;
};

struct fixture {
    struct arena *arena;
    const struct step *step;
    int64_t now_us;
    size_t count;
    struct entry *entries[FIXTURE_ENTRIES_MAX];
    struct batch *batch;
    fixture_answer_fn *answer; /* may be NULL */
    void *context;             /* the test's */
    struct fixture_rows given[STEP_QUERIES_MAX];
    struct params *stored[STEP_QUERIES_MAX]; /* NULL: not sent */
};

struct fixture *fixture_new(const struct step *step);
void fixture_free(struct fixture *fixture); /* accepts NULL */

/* The next entry of the batch, read and checked as the engine does: "user=ayu show=demo seats=A1,A2". What was refused
 * is in its refusal, and the engine would not decide on it. */
struct entry *fixture_entry(struct fixture *fixture, enum stream stream, const char *id, const char *fields);

/* One row for a load. Types: text int uuid time bool place (block/offset) ints ({1,2}). */
void fixture_given(struct fixture *fixture, const char *statement, const char *types, const char *row);

/* What the engine does with a batch: begin, loads, decide, and the parameters of what would be stored. */
void fixture_decide(struct fixture *fixture);

/* ---- what came of it ---- */

#define check_outcome(fixture, i, kind, what) fixture_check_outcome((fixture), (i), (kind), (what), __FILE__, __LINE__)
void fixture_check_outcome(const struct fixture *fixture, size_t i, enum outcome_kind kind, const char *what,
                           const char *file, int line);

size_t fixture_said_count(const struct fixture *fixture);
const struct fact *fixture_said(const struct fixture *fixture, size_t n);
struct text fact_value(const struct fact *fact, const char *name);

/* The nth event that was said is on this stream and has these fields: "user=ayu reason=-". Others may be there too. */
#define check_said(fixture, n, stream, fields)                                                                         \
    fixture_check_said((fixture), (n), (stream), (fields), __FILE__, __LINE__)
void fixture_check_said(const struct fixture *fixture, size_t n, enum stream stream, const char *fields,
                        const char *file, int line);

/* A parameter of a store, $1 first, as text: an array's elements with spaces between; NULL if the store is not sent. */
const char *fixture_stored(struct fixture *fixture, const char *statement, int parameter);
#define check_stored(fixture, statement, parameter, expected)                                                          \
    check_text(text_of(fixture_stored((fixture), (statement), (parameter))), (expected))

/* The same for any parameters. */
const char *fixture_param_text(struct arena *arena, const struct params *params, int parameter);
/* The elements of an array of texts; how many. */
size_t fixture_param_texts(const struct params *params, int parameter, struct text *out, size_t out_max);
int64_t fixture_param_int(const struct params *params, int parameter, size_t element);

#endif
