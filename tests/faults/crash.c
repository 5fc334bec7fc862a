/* crash: a program that runs with this library in LD_PRELOAD dies, freezes or loses a connection at exactly the socket
 * call that its environment names. Nothing in the program knows of it.
 *
 * A process changes the world outside only by its calls, so "between two calls" is one point however long it takes.
 * What counts are the calls on connections that the program made itself, not those of clients that ask for its health.
 *
 *   CRASH_AT="DO MOMENT send|recv N BYTES"  at the N-th time that BYTES pass in that direction over all connections
 *   CRASH_AT="DO before|after call N"       at the N-th call
 *     DO      kill  SIGKILL to itself
 *             cut   the connection is shut: nothing passes any more, in neither direction
 *             stop  SIGSTOP to itself; after a SIGCONT it goes on as if nothing had been
 *     MOMENT  before    nothing of it was sent (send only)
 *             answered  it was sent, and its answer has come and is not read (send only)
 *             heard     the program has read the first of its answer (send only)
 *             after     the call has returned
 *     BYTES   \xNN is a byte, | separates alternatives
 *   CRASH_FROM=BYTES   nothing counts before these were received
 *   CRASH_MARK=FILE    gets one line when it happens: what, and at which call
 *   CRASH_TRACE=FILE   gets one line for each call that counts
 *
 * Our programs reach Redis through libevent (readv, writev) and PostgreSQL through libpq (send, recv); read and write
 * are caught because other clients use them. Programs with threads or TLS are beyond it. */
#include "crash_point.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX   1024  /* more descriptors than any test's program has */
#define ANSWER_MS   10000 /* an answer that does not come by then was not asked for */
#define SHOWN_BYTES 60

struct connection {
    bool is_ours; /* the program made it */
    bool is_cut;
    bool awaits_answer; /* to what was wanted */
    struct {
        char bytes[BYTES_MAX]; /* the last that passed: what is wanted may come in pieces */
        size_t len;
    } tails[2];
};

static struct {
    bool is_ready;
    struct point point;
    struct wanted from;
    bool counts;      /* CRASH_FROM was seen, or is not set */
    long calls, seen; /* seen: how often the point's bytes */
    struct connection connections[FILES_MAX];
    int trace, mark;
} shim;

#define REAL(name) ((__typeof__(&(name)))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        abort();
    return found;
}

static int open_file(const char *variable)
{
    const char *path = getenv(variable);
    const int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (path && file < 0)
        point_refuse("cannot write to the file named by CRASH_MARK or CRASH_TRACE");
    return file;
}

static void get_ready(void)
{
    const char *point = getenv("CRASH_AT"), *from = getenv("CRASH_FROM");

    if (shim.is_ready)
        return;
    shim.is_ready = true;
    shim.counts = !from;
    if (from)
        wanted_read(&shim.from, from);
    shim.mark = open_file("CRASH_MARK");
    shim.trace = open_file("CRASH_TRACE");
    if (point)
        point_read(&shim.point, point);
}

/* ---- what passes ---- */

struct call {
    const char *name;
    enum direction direction;
    int fd;
    const struct iovec *parts;
    int part_count;
    bool is_caught;
};

/* What passed last and the first `len` bytes of the call, in one piece that the caller frees. */
static char *gather(const struct call *call, size_t len, size_t *total)
{
    const struct connection *connection = &shim.connections[call->fd];
    char *bytes = malloc(BYTES_MAX + len);

    if (!bytes)
        abort();
    *total = connection->tails[call->direction].len;
    memcpy(bytes, connection->tails[call->direction].bytes, *total);
    for (int i = 0; i < call->part_count && len > 0; i++) {
        const size_t part = call->parts[i].iov_len < len ? call->parts[i].iov_len : len;

        memcpy(bytes + *total, call->parts[i].iov_base, part);
        *total += part;
        len -= part;
    }
    return bytes;
}

static long matches(const struct wanted *wanted, const struct call *call, size_t len)
{
    size_t total;
    char *bytes = gather(call, len, &total);
    const long count = wanted_count(wanted, bytes, total, shim.connections[call->fd].tails[call->direction].len);

    free(bytes);
    return count;
}

static void remember(const struct call *call, size_t len)
{
    struct connection *connection = &shim.connections[call->fd];
    size_t total;
    char *bytes = gather(call, len, &total);
    const size_t kept = total < BYTES_MAX - 1 ? total : BYTES_MAX - 1;

    memcpy(connection->tails[call->direction].bytes, bytes + total - kept, kept);
    connection->tails[call->direction].len = kept;
    free(bytes);
}

/* ---- the deed ---- */

static void act(int fd)
{
    struct connection *connection = &shim.connections[fd];
    const enum deed deed = shim.point.deed;

    if (deed == NOTHING)
        return;
    shim.point.deed = NOTHING; /* once */
    say(shim.mark, "%s %s %s %ld call=%ld fd=%d\n", deeds[deed], moments[shim.point.moment],
        directions[shim.point.direction], shim.point.times, shim.calls, fd);
    switch (deed) {
    case NOTHING:
        break;
    case KILL:
        kill(getpid(), SIGKILL);
        break;
    case STOP:
        kill(getpid(), SIGSTOP);
        break;
    case CUT:
        shutdown(fd, SHUT_RDWR);
        connection->is_cut = true;
        break;
    }
}

static void trace(const struct call *call, ssize_t result)
{
    const char *bytes = call->parts[0].iov_base;
    char shown[4 * SHOWN_BYTES + 1];
    size_t at = 0;

    for (ssize_t i = 0; i < result && i < (ssize_t)call->parts[0].iov_len && i < SHOWN_BYTES; i++)
        at += (size_t)snprintf(shown + at, 5, bytes[i] >= ' ' && bytes[i] <= '~' ? "%c" : "\\x%02x",
                               (unsigned char)bytes[i]);
    shown[at] = '\0';
    say(shim.trace, "%ld %s fd=%d %zd %s\n", shim.calls, call->name, call->fd, result, shown);
}

static void wait_for_answer(int fd)
{
    struct pollfd answer = {.fd = fd, .events = POLLIN};

    if (poll(&answer, 1, ANSWER_MS) != 1)
        say(shim.mark, "no answer came\n");
}

static void before(const struct call *call)
{
    size_t len = 0;

    shim.calls += shim.counts;
    if (!shim.counts || shim.point.deed == NOTHING || shim.point.moment != BEFORE)
        return;
    for (int i = 0; i < call->part_count; i++)
        len += call->parts[i].iov_len;
    if (shim.point.direction == CALL
            ? shim.calls == shim.point.times
            : call->direction == SEND && shim.seen + matches(&shim.point.wanted, call, len) >= shim.point.times)
        act(call->fd);
}

static void on_wanted(const struct call *call)
{
    if (shim.point.moment == ANSWERED)
        wait_for_answer(call->fd);
    if (shim.point.moment == HEARD)
        shim.connections[call->fd].awaits_answer = true;
    else
        act(call->fd);
}

static void after(const struct call *call, size_t len)
{
    if (!shim.counts && call->direction == RECV && matches(&shim.from, call, len) > 0) {
        shim.counts = true;
        shim.calls = 1;
    }
    if (shim.connections[call->fd].awaits_answer && call->direction == RECV)
        act(call->fd);
    if (shim.counts && shim.point.deed != NOTHING && shim.point.direction == call->direction) {
        const long seen = shim.seen;

        shim.seen += matches(&shim.point.wanted, call, len);
        if (seen < shim.point.times && shim.seen >= shim.point.times)
            on_wanted(call);
    }
    remember(call, len);
}

static struct call begin(const char *name, enum direction direction, int fd, const struct iovec *parts, int part_count)
{
    struct call call = {name, direction, fd, parts, part_count, false};

    get_ready();
    call.is_caught = fd >= 0 && fd < FILES_MAX && shim.connections[fd].is_ours;
    if (call.is_caught)
        before(&call);
    return call;
}

static bool is_cut(const struct call *call)
{
    return call->is_caught && shim.connections[call->fd].is_cut;
}

static ssize_t end(const struct call *call, ssize_t result)
{
    const int error = errno;

    if (!call->is_caught)
        return result;
    if (result > 0)
        after(call, (size_t)result);
    if (shim.counts) {
        trace(call, result);
        if (shim.point.direction == CALL && shim.point.moment == AFTER && shim.calls == shim.point.times)
            act(call->fd);
    }
    errno = error;
    return result;
}

static ssize_t answer_of_cut(const struct call *call)
{
    errno = EPIPE;
    return call->direction == RECV ? 0 : -1;
}

/* ---- the calls ---- */

#define ONE(bytes, size)   (&(struct iovec){(void *)(uintptr_t)(bytes), size}), 1
#define MANY(parts, count) parts, count
#define CAUGHT(name, direction, parts, ...)                                                                            \
    const struct call call = begin(#name, direction, fd, parts);                                                       \
    return is_cut(&call) ? answer_of_cut(&call) : end(&call, REAL(name)(fd, __VA_ARGS__))

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    CAUGHT(send, SEND, ONE(bytes, size), bytes, size, flags);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    CAUGHT(recv, RECV, ONE(bytes, size), bytes, size, flags);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    CAUGHT(write, SEND, ONE(bytes, size), bytes, size);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    CAUGHT(read, RECV, ONE(bytes, size), bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    CAUGHT(writev, SEND, MANY(parts, count), parts, count);
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    CAUGHT(readv, RECV, MANY(parts, count), parts, count);
}

int connect(int fd, const struct sockaddr *to, socklen_t to_size)
{
    get_ready();
    if (fd >= 0 && fd < FILES_MAX)
        shim.connections[fd] = (struct connection){.is_ours = true};
    return REAL(connect)(fd, to, to_size);
}

int close(int fd)
{
    if (fd >= 0 && fd < FILES_MAX)
        shim.connections[fd].is_ours = false;
    return REAL(close)(fd);
}
