/* Threads, two queues, and an eventfd that wakes the loop. */
#include "common/offload.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"

struct task {
    offload_work_fn *work;
    offload_done_fn *done;
    void *context;
    struct task *next;
};

struct queue {
    struct task *first, **last;
};

struct offload {
    pthread_mutex_t lock; /* guards all below up to the empty line */
    pthread_cond_t has_work;
    struct queue waiting, finished;
    size_t waiting_count;
    bool is_closing;

    size_t waiting_max, thread_count;
    pthread_t *threads;
    int wake_fd;
    struct event *wake;
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct task *task)
{
    task->next = NULL;
    *queue->last = task;
    queue->last = &task->next;
}

static struct task *queue_take(struct queue *queue)
{
    struct task *task = queue->first;

    if (task && !(queue->first = task->next))
        queue->last = &queue->first;
    return task;
}

static void *run_thread(void *context)
{
    const uint64_t one = 1;
    struct offload *offload = context;
    struct task *task;

    pthread_mutex_lock(&offload->lock);
    for (;;) {
        while (!offload->is_closing && !offload->waiting.first)
            pthread_cond_wait(&offload->has_work, &offload->lock);
        if (offload->is_closing)
            break;
        task = queue_take(&offload->waiting);
        offload->waiting_count--;
        pthread_mutex_unlock(&offload->lock);
        task->work(task->context);
        pthread_mutex_lock(&offload->lock);
        queue_add(&offload->finished, task);
        if (write(offload->wake_fd, &one, sizeof one) < 0)
            break; /* cannot be: the number in it would have to be 2^64 */
    }
    pthread_mutex_unlock(&offload->lock);
    return NULL;
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct offload *offload = context;
    uint64_t count;
    struct queue finished;
    struct task *task;

    (void)what;
    if (read(fd, &count, sizeof count) < 0)
        return;
    queue_init(&finished);
    pthread_mutex_lock(&offload->lock);
    while ((task = queue_take(&offload->finished)))
        queue_add(&finished, task);
    pthread_mutex_unlock(&offload->lock);
    while ((task = queue_take(&finished))) {
        task->done(task->context);
        free(task);
    }
}

bool offload_run(struct offload *offload, offload_work_fn *work, offload_done_fn *done, void *context)
{
    struct task *task = malloc(sizeof *task);
    bool is_taken;

    if (!task)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    *task = (struct task){work, done, context, NULL};
    pthread_mutex_lock(&offload->lock);
    is_taken = offload->waiting_count < offload->waiting_max;
    if (is_taken) {
        queue_add(&offload->waiting, task);
        offload->waiting_count++;
        pthread_cond_signal(&offload->has_work);
    }
    pthread_mutex_unlock(&offload->lock);
    if (!is_taken)
        free(task);
    return is_taken;
}

/* Signals are the loop's. */
static void start_threads(struct offload *offload)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < offload->thread_count; i++)
        if (pthread_create(&offload->threads[i], NULL, run_thread, offload) != 0)
            log_fatal(EXIT_TEMPORARY, "cannot start a thread", NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct offload *offload_open(struct loop *loop, size_t threads, size_t waiting_max)
{
    struct offload *offload = calloc(1, sizeof *offload);

    if (!offload || !(offload->threads = calloc(threads, sizeof *offload->threads)))
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    pthread_mutex_init(&offload->lock, NULL);
    pthread_cond_init(&offload->has_work, NULL);
    queue_init(&offload->waiting);
    queue_init(&offload->finished);
    offload->thread_count = threads;
    offload->waiting_max = waiting_max;
    offload->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    offload->wake = event_new(loop->base, offload->wake_fd, EV_READ | EV_PERSIST, on_wake, offload);
    if (offload->wake_fd < 0 || !offload->wake || event_add(offload->wake, NULL) < 0)
        log_fatal(EXIT_TEMPORARY, "cannot wait for threads", NULL);
    start_threads(offload);
    return offload;
}

static void queue_free(struct queue *queue)
{
    struct task *task;

    while ((task = queue_take(queue)))
        free(task);
}

void offload_close(struct offload *offload)
{
    if (!offload)
        return;
    pthread_mutex_lock(&offload->lock);
    offload->is_closing = true;
    pthread_cond_broadcast(&offload->has_work);
    pthread_mutex_unlock(&offload->lock);
    for (size_t i = 0; i < offload->thread_count; i++)
        pthread_join(offload->threads[i], NULL);
    queue_free(&offload->waiting);
    queue_free(&offload->finished);
    event_free(offload->wake);
    close(offload->wake_fd);
    pthread_cond_destroy(&offload->has_work);
    pthread_mutex_destroy(&offload->lock);
    free(offload->threads);
    free(offload);
}
