/* The skeleton: what happens between main() and the steps. */
#include "common/worker.h"

#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/health.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/runner.h"

#define STEPS_MAX 16

/* KEYS heartbeat  ARGV ms, which are its value too: one that would last longer is of a time that never was (rescue.c).
 * SET with allow-oom: a worker must count as alive when memory is full, for it is what empties it. */
static const struct redis_script heartbeat_script = {"#!lua flags=allow-oom\n"
                                                     "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[1])\n"};

/* KEYS heartbeat, streams  ARGV us, the group on each of the streams
 * Without a heartbeat what we leave pending is taken over at the next look, whatever the clock says; where we leave
 * nothing our name goes too. */
static const struct redis_script leave_script = {
    "#!lua flags=allow-oom\n"
    "redis.call('DEL', KEYS[1])\n"
    "for i = 2, #KEYS do\n"
    "  local mine = redis.pcall('XPENDING', KEYS[i], ARGV[i], '-', '+', 1, ARGV[1])\n"
    "  if not mine.err and #mine == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[i], ARGV[i], ARGV[1]) end\n"
    "end\n"
    "return 1\n"};

struct process {
    struct worker worker; /* first: runners hand it back */
    const struct program *program;
    struct runner *runners[STEPS_MAX];
    size_t runner_count;
    struct arena *arena; /* for the process's life */
    struct text heartbeat_key;
    struct loop_timer *heartbeat, *deadline, *log;
    struct event *signals[2];
    bool is_stopped; /* the program's own part is done */
    bool is_leaving;
};

/* ---- heartbeat ---- */

static void on_beat(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct process *process = context;
    const bool was_alive = process->worker.is_alive;

    (void)redis;
    process->worker.is_alive = redis_problem_of(reply) == REDIS_FINE;
    if (!was_alive && process->worker.is_alive)
        for (size_t i = 0; i < process->runner_count; i++)
            runner_advance(process->runners[i]);
}

static void beat(void *context)
{
    struct process *process = context;
    char expiry[24];
    const struct text words[] = {process->heartbeat_key, log_number(config()->claim_idle_ms, expiry)};

    loop_timer_set(process->heartbeat, config()->claim_idle_ms / 3);
    redis_eval(process->worker.commands, &heartbeat_script, on_beat, process, 1, 2, words);
}

static void on_commands_state(struct redis *redis, bool is_up, void *context)
{
    struct process *process = context;

    (void)redis;
    process->worker.is_alive = false;
    if (is_up)
        beat(process);
}

/* ---- the end ---- */

static void leave(struct process *process)
{
    event_base_loopexit(process->worker.loop->base, NULL);
}

static void on_left(struct redis *redis, const struct redis_reply *reply, void *context)
{
    (void)redis;
    (void)reply;
    leave(context);
}

/* What was not begun goes back to the group. */
static bool say_goodbye(struct process *process)
{
    struct text keys[1 + STEPS_MAX * STEP_STREAMS_MAX], words[2 * (1 + STEPS_MAX * STEP_STREAMS_MAX)];
    size_t count = 1;

    keys[0] = process->heartbeat_key;
    words[0] = process->worker.consumer;
    for (size_t i = 0; i < process->runner_count; i++)
        for (size_t k = 0; k < process->runners[i]->step->reads_count; k++) {
            keys[count] = stream_key(process->runners[i]->step->reads[k]);
            words[count++] = text_of(process->runners[i]->step->name);
        }
    memmove(words + count, words, count * sizeof *words);
    memcpy(words, keys, count * sizeof *words);
    return redis_eval(process->worker.commands, &leave_script, on_left, process, count, 2 * count, words);
}

/* Everything in hand is settled. */
static void leave_when_idle(struct worker *worker)
{
    struct process *process = (struct process *)worker;

    if (!worker->is_draining || !process->is_stopped || process->is_leaving)
        return;
    for (size_t i = 0; i < process->runner_count; i++)
        if (!runner_is_idle(process->runners[i]))
            return;
    process->is_leaving = true;
    loop_timer_clear(process->heartbeat);
    if (!worker->commands || !say_goodbye(process))
        leave(process);
}

static void on_stopped(void *context)
{
    struct process *process = context;

    process->is_stopped = true;
    leave_when_idle(&process->worker);
}

static void on_deadline(void *context)
{
    log_warn("not drained in time, what is in hand stays pending", LOG_NUMBER("after_ms", DRAIN_MS));
    leave(context);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct process *process = context;

    (void)what;
    if (process->worker.is_draining)
        return;
    log_info("draining", LOG_STRING("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"));
    process->worker.is_draining = true;
    loop_timer_set(process->deadline, DRAIN_MS - 500);
    loop_hurry(process->worker.loop);
    for (size_t i = 0; i < process->runner_count; i++)
        runner_drain(process->runners[i]);
    if (process->program->stop)
        process->program->stop(on_stopped, process);
    else
        on_stopped(process);
}

/* ---- the beginning ---- */

/* A batch takes a megabyte and gives it back, a hundred times a second. By default glibc returns it to the kernel each
 * time and pays for it with page faults: a third of a worker's CPU. */
static void keep_freed_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, ALLOCATION_KEPT_BYTES);
    mallopt(M_TRIM_THRESHOLD, ALLOCATION_KEPT_BYTES);
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* <host>:<nonce>: another life of the same host is another consumer, so that its entries can be told apart. */
static struct text make_consumer(struct arena *arena)
{
    char host[64] = "host";

    gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        if (!text_is_identifier((struct text){c, 1}, 1))
            *c = '-';
    return text_format(arena, "%s:%08x", host, randombytes_random());
}

/* Steps write their lines with each batch; whoever only answers requests is read no later than this. */
static void write_log(void *context)
{
    struct process *process = context;

    log_flush();
    loop_timer_set(process->log, LOG_FLUSH_MS);
}

static bool is_wanted(const struct step *step)
{
    struct text rest = text_of(config()->steps), name;

    if (rest.len == 0)
        return true;
    while (text_next(&rest, ',', &name))
        if (text_is(name, step->name))
            return true;
    return false;
}

static bool is_store_up(void *context)
{
    return store_is_up(((struct runner *)context)->store);
}

static bool is_redis_up(void *context)
{
    return ((struct worker *)context)->is_alive;
}

static void start_steps(struct process *process)
{
    const struct program *program = process->program;

    process->worker.commands = redis_open(process->worker.loop, &(struct redis_options){.url = config()->redis_url,
                                                                                        .name = program->name,
                                                                                        .command_ms = REDIS_COMMAND_MS,
                                                                                        .on_state = on_commands_state,
                                                                                        .context = process});
    health_add_check("redis", is_redis_up, &process->worker);
    for (size_t i = 0; program->steps[i]; i++)
        if (is_wanted(program->steps[i])) {
            struct runner *runner = runner_new(&process->worker, program->steps[i]);

            process->runners[process->runner_count++] = runner;
            health_add_check(program->steps[i]->name, is_store_up, runner);
        }
    if (process->runner_count == 0)
        log_fatal(EXIT_CONFIGURATION, "STEPS names none of this program's steps", config()->steps);
}

static void start(struct process *process, const struct program *program)
{
    struct loop *loop = loop_new();

    process->program = program;
    process->arena = arena_new();
    process->worker = (struct worker){
        .loop = loop, .program = program->name, .consumer = make_consumer(process->arena), .on_idle = leave_when_idle};
    process->heartbeat_key = stream_heartbeat_key(process->arena, process->worker.consumer);
    process->heartbeat = loop_timer_new(loop, beat, process);
    process->deadline = loop_timer_new(loop, on_deadline, process);
    process->log = loop_timer_new(loop, write_log, process);
    loop_timer_set(process->log, LOG_FLUSH_MS);
    process->signals[0] = evsignal_new(loop->base, SIGTERM, on_signal, process);
    process->signals[1] = evsignal_new(loop->base, SIGINT, on_signal, process);
    event_add(process->signals[0], NULL);
    event_add(process->signals[1], NULL);
    if (program->steps)
        start_steps(process);
    if (program->start)
        program->start(loop);
    else
        health_start(loop, config()->http_listen);
    log_info("started", LOG_TEXT("consumer", process->worker.consumer), LOG_STRING("listen", config()->http_listen));
    log_flush();
}

static void end(struct process *process)
{
    struct loop *loop = process->worker.loop;

    if (!process->program->start)
        health_stop();
    redis_close(process->worker.commands);
    for (size_t i = 0; i < process->runner_count; i++)
        runner_free(process->runners[i]);
    loop_timer_free(process->heartbeat);
    loop_timer_free(process->deadline);
    loop_timer_free(process->log);
    event_free(process->signals[0]);
    event_free(process->signals[1]);
    arena_free(process->arena);
    loop_free(loop);
    log_info("stopped", {0});
    log_flush();
}

/* Told to stop before there is anything to finish: start() puts the real handlers in its place. */
static void leave_at_once(int number)
{
    (void)number;
    _exit(0);
}

/* For scripts and tests: each step and the streams that it reads. */
static void print_steps(const struct program *program)
{
    for (size_t i = 0; program->steps && program->steps[i]; i++) {
        const struct step *step = program->steps[i];

        printf("%s", step->name);
        for (size_t k = 0; k < step->reads_count; k++)
            printf(" %s", stream_key(step->reads[k]).ptr);
        printf("\n");
    }
}

static void print_table(void *to, const struct route *routes, void *context)
{
    (void)to;
    (void)context;
    for (; routes->method; routes++)
        printf("%s %s %s\n", routes->method, routes->path, route_who_name(routes->who));
}

/* The same: each route and who may take it. */
static void print_routes(const struct program *program)
{
    if (program->tables)
        program->tables(print_table, NULL);
    else
        print_table(NULL, health_routes(), NULL);
}

int program_main(int argc, char **argv, const struct program *program)
{
    struct process process = {0};
    enum log_level level = LOG_INFO;

    signal(SIGTERM, leave_at_once);
    log_open(program->name, LOG_INFO);
    config_load();
    if (argc > 1 && strcmp(argv[1], "--settings=markdown") == 0) {
        config_print_markdown();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--steps") == 0) {
        print_steps(program);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--routes") == 0) {
        print_routes(program);
        return 0;
    }
    if (argc > 1) {
        config_print_help(program->name, program->what);
        return strcmp(argv[1], "--help") == 0 ? 0 : EXIT_CONFIGURATION;
    }
    log_level_parse(config()->log_level, &level);
    log_open(program->name, level);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    keep_freed_memory();
    start(&process, program);
    event_base_dispatch(process.worker.loop->base);
    end(&process);
    return 0;
}
