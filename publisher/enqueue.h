/* What a client is told when an entry that it asked for was to be added to a stream. */
#ifndef KARCIS_ENQUEUE_H
#define KARCIS_ENQUEUE_H

#include <stdbool.h>

struct redis_reply;
struct request;

/* True: the broker has it, and the caller answers. Otherwise the request has been answered with 503; `if_lost` says
 * what to do when it is not known whether the broker has it. */
bool enqueue_succeeded(struct request *request, const struct redis_reply *reply, const char *if_lost);
/* It could not be sent at all. */
void enqueue_answer_away(struct request *request);

#endif
