/* The skeleton of every program: settings, loop, signals, heartbeat, probes, draining. A program is a table. */
#ifndef KARCIS_WORKER_H
#define KARCIS_WORKER_H

#include "common/route.h"

struct loop;
struct step;

struct program {
    const char *name;
    const char *what;                /* one line for --help */
    const struct step *const *steps; /* NULL-terminated; NULL: none */
    /* What else the program does on the loop (its HTTP requests); may be NULL. Without it the probes alone are served.
     */
    void (*start)(struct loop *loop);
    void (*tables)(route_table_fn *fn, void *to);             /* calls fn with each table of routes; NULL: the probes */
    void (*stop)(void (*done)(void *context), void *context); /* finish what is under way, then call done */
};

/* Does everything; returns the exit code. */
int program_main(int argc, char **argv, const struct program *program);

#endif
