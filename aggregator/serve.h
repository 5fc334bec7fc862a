/* The aggregator's HTTP side: all views on one address, with connections of their own to PostgreSQL and Redis, so that
 * a slow question never holds up the recording. */
#ifndef KARCIS_SERVE_H
#define KARCIS_SERVE_H

#include "common/route.h"

struct loop;

void serve_tables(route_table_fn *fn, void *to);
void serve_start(struct loop *loop);
/* Answers what is under way, closes everything, then calls done. */
void serve_stop(void (*done)(void *context), void *context);

#endif
