/* Hashing and checking. The limits are libsodium's for logging in while somebody waits (OPSLIMIT_INTERACTIVE, two
 * passes over 64 MiB): a password costs who steals the table that much memory for every guess. */
#include "publisher/password.h"

#include <sodium.h>

#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/offload.h"
#include "common/request.h"

static struct offload *offload;

struct job {
    struct request *request;
    struct text password;
    char hash[crypto_pwhash_STRBYTES]; /* made, or compared with; "": there is none */
    bool is_done, is_right;
    password_hashed_fn *on_hashed;
    password_checked_fn *on_checked;
    void *context;
};

static bool make_hash(struct job *job)
{
    return crypto_pwhash_str(job->hash, job->password.ptr, job->password.len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                             crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
}

static void hash_on_thread(void *context)
{
    struct job *job = context;

    job->is_done = make_hash(job);
}

/* Where there is nothing to compare with, one is made and thrown away: nobody can tell by the time. */
static void check_on_thread(void *context)
{
    struct job *job = context;

    if (*job->hash)
        job->is_right = crypto_pwhash_str_verify(job->hash, job->password.ptr, job->password.len) == 0;
    else
        make_hash(job);
}

static void on_hashed(void *context)
{
    struct job *job = context;

    job->on_hashed(job->request, job->is_done ? text_of(job->hash) : TEXT_NONE, job->context);
}

static void on_checked(void *context)
{
    struct job *job = context;

    job->on_checked(job->request, job->is_right, job->context);
}

static struct job *job_of(struct request *request, struct text password, void *context)
{
    struct job *job = ARENA_NEW(request->arena, struct job);

    job->request = request;
    job->password = password;
    job->context = context;
    return job;
}

static void run(struct job *job, offload_work_fn *work, offload_done_fn *done)
{
    if (!offload_run(offload, work, done, job))
        answer_overloaded(job->request, "too many passwords wait to be checked; try again later");
}

void password_hash(struct request *request, struct text password, password_hashed_fn *fn, void *context)
{
    struct job *job = job_of(request, password, context);

    job->on_hashed = fn;
    run(job, hash_on_thread, on_hashed);
}

void password_check(struct request *request, struct text password, struct text hash, password_checked_fn *fn,
                    void *context)
{
    struct job *job = job_of(request, password, context);

    if (hash.ptr && hash.len < sizeof job->hash)
        memcpy(job->hash, hash.ptr, hash.len);
    job->on_checked = fn;
    run(job, check_on_thread, on_checked);
}

struct text password_read(const struct body *body)
{
    const struct text password = body_line(body, "password", PASSWORD_BYTES_MAX);

    if (password.ptr && (password.len < PASSWORD_BYTES_MIN || password.len > PASSWORD_BYTES_MAX)) {
        body_refuse(body, "password", "must have %d to %d bytes", PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX);
        return TEXT_NONE;
    }
    return password;
}

void password_start(struct loop *loop)
{
    offload = offload_open(loop, OFFLOAD_THREADS, OFFLOAD_WAITING_MAX);
}

void password_stop(void)
{
    offload_close(offload);
}
