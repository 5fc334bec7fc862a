/* The front door: new requests are refused (503) while more waits inside than can be worked off soon, or than Redis has
 * room for.
 *
 * The idea to hold in mind: a request costs the door nothing. It looks twice a second, on a connection of its own, and
 * remembers; a request only asks what it remembers. What is inside never waits at the door, so it drains. */
#ifndef KARCIS_DOOR_H
#define KARCIS_DOOR_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct request;

enum door {
    DOOR_OPEN,
    DOOR_BACKLOG, /* closed: BACKLOG_MAX */
    DOOR_MEMORY   /* closed: Redis is nearly full */
};

void door_start(struct loop *loop);
void door_stop(void);
/* True: the request was answered with 503 overloaded. */
bool door_refuses(struct request *request);

/* What the door is after a look, having been `now`. It opens later than it closed. */
enum door door_next(enum door now, int64_t waiting, int64_t backlog_max, int memory_percent);

#endif
