/* The engine's insides: one runner drives one step in this process. Only worker.c, runner.c, emit.c and rescue.c see
 * this header. */
#ifndef KARCIS_RUNNER_H
#define KARCIS_RUNNER_H

#include "common/inbox.h"
#include "common/metrics.h"
#include "common/redis.h"
#include "common/step.h"
#include "common/store.h"

struct loop;
struct loop_timer;
struct runner;

/* What all runners of a process share. */
struct worker {
    struct loop *loop;
    const char *program;
    struct text consumer;   /* <host>:<nonce>, new with each start */
    struct redis *commands; /* everything that does not block */
    bool is_alive;          /* the heartbeat key is set: others will not take our entries over */
    bool is_draining;
    void (*on_idle)(struct worker *worker); /* a runner has nothing in hand any more, while draining */
};

enum runner_state {
    RUNNER_IDLE,    /* nothing under way (a read may be) */
    RUNNER_TURN,    /* is_ordered: finding out whether the first entry is the group's smallest pending one */
    RUNNER_SUSPECT, /* noting that an entry which may kill us is tried alone */
    RUNNER_LOADING, /* BEGIN and loads were sent */
    RUNNER_STORING, /* stores and COMMIT were sent */
    RUNNER_EMITTING /* committed: saying and acknowledging, as often as it takes */
};

struct emit { /* the script's words for the batch under way, said as often as it takes; NULL: only to acknowledge */
    struct text *words;
    size_t count, key_count;
};

struct runner {
    struct worker *worker;
    const struct step *step;
    struct redis *reader; /* one XREADGROUP at a time */
    struct store *store;
    struct text reader_id; /* CLIENT ID, to unblock it on drain; in reader_id_digits */
    char reader_id_digits[24];
    bool is_reading, reads_history; /* reads_history: that read asks for history */
    size_t read_count;              /* entries that the next read asks for: fewer than BATCH when they are large */
    size_t read_stream;             /* with one entry at a time, one stream at a time */
    bool has_history; /* entries that this consumer was given before may be unknown to us: read from 0 first */

    struct inbox inbox;

    enum runner_state state;
    struct arena *arena; /* of the batch under way */
    struct batch *batch;
    size_t batch_limit; /* smaller than usual after the store refused a batch: the culprit is being singled out */
    unsigned conflicts; /* in a row */
    unsigned failures;  /* in a row, of any kind: the exponent of the back-off */
    size_t turn_count;  /* of todo's first entries that may be decided now */
    struct turn *turn;
    void (*on_suspect_noted)(struct runner *runner);
    struct emit emit;
    bool is_emitting; /* said, and not answered yet: an answer that belongs to no batch would end the next one */
    struct loop_timer *again, *rescue;
    struct rescue *rescuing;
    struct redriver *redriver; /* NULL: the step has nothing to say again */
    const struct statement *statements[2 * STEP_QUERIES_MAX + 3];

    struct {
        struct metrics_counter *entries, *redelivered, *taken_over, *rejected, *postponed, *conflicts;
        struct metrics_histogram *batch_entries, *commit_seconds;
    } metrics;
    int64_t begun_us;         /* when the batch under way began */
    int64_t lingers_until_us; /* no read before */
};

struct runner *runner_new(struct worker *worker, const struct step *step);
void runner_free(struct runner *runner); /* accepts NULL */
/* Does the next thing, if there is one and nothing is under way. May be called at any time. */
void runner_advance(struct runner *runner);
void runner_drain(struct runner *runner); /* reads no more; worker->on_idle when nothing is in hand */
bool runner_is_idle(const struct runner *runner);
void runner_advance_later(struct runner *runner, int64_t delay_ms);
void runner_put_back(struct runner *runner); /* gives the batch up: what is under way is to do again */
void runner_back_off(struct runner *runner); /* advances later, and later still if failures go on */
/* What time it is by the store. One row: timestamptz. */
extern const struct statement *const now_statement;
/* The lock that proves that this consumer's session lives. */
uint64_t runner_life_lock(const struct step *step, struct text consumer);

/* reader.c: getting entries. */
enum origin { ORIGIN_NEW, ORIGIN_AGAIN }; /* again: claimed or re-read, may be known already and is skipped then */
/* Takes entries in Redis's form ([id, [name, value, …]] …), which live in the inbox's last arena. How many were taken.
 * suspects ([id, deliveries, …]; may be NULL) are those whose consumers died again and again. */
size_t reader_take(struct runner *runner, enum stream stream, const struct redis_reply *entries, enum origin origin,
                   unsigned attempts, const struct redis_reply *suspects);
void reader_read(struct runner *runner);      /* the next entries, if it may */
void reader_unblock(struct runner *runner);   /* ends a read that waits */
void reader_fetch_due(struct runner *runner); /* postponed entries whose time has come */
void reader_on_state(struct redis *redis, bool is_up, void *context);

/* emit.c: saying what follows and acknowledging, in one script. */
void emit_prepare(struct runner *runner);
bool emit_send(struct runner *runner, redis_reply_fn *fn);
/* Says facts, acknowledges nothing. */
bool emit_facts(struct redis *redis, struct arena *arena, const struct fact *facts, redis_reply_fn *fn, void *context);

/* redrive.c: saying again what Redis may have lost. */
struct redriver *redriver_new(struct worker *worker, const struct redrive *redrive);
void redriver_free(struct redriver *redriver); /* accepts NULL */

/* suspect.c: entries that may kill whoever looks at them. */
/* Notes that the only entry under way is tried alone, then checks it and calls fn; or gives it up. */
void suspect_try(struct runner *runner, void (*fn)(struct runner *runner));

/* rescue.c: taking over what dead consumers left pending. */
extern const struct statement *const rescue_statement;
struct rescue *rescue_new(struct runner *runner);
void rescue_free(struct rescue *rescue);
void rescue_look(struct rescue *rescue);

/* turn.c: exact arrival order. */
struct turn *turn_new(struct runner *runner);
void turn_free(struct turn *turn); /* accepts NULL */
/* Finds out how many of todo's first entries may be decided now (turn_count); calls runner_advance when some may. */
void turn_ask(struct turn *turn);

#endif
