/* Work that takes too long for the loop: a few threads do it and hand it back.
 *
 * The idea to hold in mind: a thread sees what it was given and nothing else – no arena, no log, no other module of
 * ours; everything before and after happens on the loop. */
#ifndef KARCIS_OFFLOAD_H
#define KARCIS_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct offload;

typedef void offload_work_fn(void *context); /* on a thread */
typedef void offload_done_fn(void *context); /* on the loop, afterwards */

struct offload *offload_open(struct loop *loop, size_t threads, size_t waiting_max);
/* False: as many as may wait do; nothing will be called. Else both are called once, unless offload_close comes first.
 */
bool offload_run(struct offload *offload, offload_work_fn *work, offload_done_fn *done, void *context);
/* Waits for what the threads have in hand; nothing is called any more. Accepts NULL. */
void offload_close(struct offload *offload);

#endif
