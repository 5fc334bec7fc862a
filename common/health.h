/* /healthz (it lives), /readyz (it can work) and /metrics, which every program has on its own port. */
#ifndef KARCIS_HEALTH_H
#define KARCIS_HEALTH_H

#include <stdbool.h>
#include "common/route.h"

struct loop;

/* One thing that must be there for the program to do its work, such as "redis". Names are literals. */
typedef bool health_check(void *context);
void health_add_check(const char *name, health_check *is_ready, void *context);

/* For a program that has a server of its own. */
const struct route *health_routes(void);

/* For a program that has none: a server with these routes only. */
void health_start(struct loop *loop, const char *listen_address);
void health_stop(void);

#endif
