/* What the engine does with a batch, against a real database: begin, loads, decide, stores, commit. Steps, statements
 * and the connection are the real ones; only Redis is not there: entries come from the test (tests/unit/step_fixture.h)
 * and what would be said is looked at.
 *
 * tests/steps/run gives the database and its roles. */
#ifndef KARCIS_TESTS_ENGINE_H
#define KARCIS_TESTS_ENGINE_H

#include "common/store.h"
#include "tests/unit/step_fixture.h"

struct loop;
struct engine;

/* A worker with one step. The role is the one of its program: "TICKET", "PAYMENT", "AGGREGATOR". */
struct engine *engine_new(const struct step *step, const char *role);
void engine_free(struct engine *engine); /* accepts NULL */

/* Runs the fixture's batch once: STORE_OK when it is committed, or how it failed. `between` (may be NULL) is what
 * somebody else does after the loads and before the stores. */
typedef void engine_between_fn(void *context);
enum store_result engine_run(struct engine *engine, struct fixture *fixture, engine_between_fn *between, void *context);
/* As often as somebody was faster; the test fails if that does not end, or for any other failure. */
void engine_settle(struct engine *engine, struct fixture *fixture);
/* Runs one statement of the step alone. */
enum store_result engine_send(struct engine *engine, const char *statement, struct params *params);
/* Of the last run that failed. */
const struct store_failure *engine_failure(const struct engine *engine);

/* ---- the database as somebody with all rights sees it; not through the store ---- */

/* Empties all tables. */
void database_clear(void);
/* Runs statements; the test fails if they do. */
void database_do(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* All rows of a query as text: columns with "|" between, rows with " " between, NULL as "-". Good until the next call.
 */
const char *database_rows(const char *sql);
#define check_rows(sql, expected) engine_check_rows((sql), (expected), __FILE__, __LINE__)
void engine_check_rows(const char *sql, const char *expected, const char *file, int line);
void database_close(void);

/* The environment's URL for a role. */
const char *database_url(const char *role);

/* The two batches say the same events, word by word. */
void check_said_the_same(const struct fixture *a, const struct fixture *b);

#endif
