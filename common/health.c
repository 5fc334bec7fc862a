/* The state of the process, for those who watch it. */
#include "common/health.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "common/answer.h"
#include "common/clock.h"
#include "common/http.h"
#include "common/json.h"
#include "common/metrics.h"
#include "common/request.h"

#define CHECKS_MAX 8

static struct {
    struct http *http; /* NULL: the program's own server has the routes */
    size_t count;
    struct {
        const char *name;
        health_check *is_ready;
        void *context;
    } checks[CHECKS_MAX];
} state;

void health_add_check(const char *name, health_check *is_ready, void *context)
{
    assert(state.count < CHECKS_MAX);
    state.checks[state.count].name = name;
    state.checks[state.count].is_ready = is_ready;
    state.checks[state.count].context = context;
    state.count++;
}

static void answer_alive(struct request *request, void *context)
{
    struct json json = json_in(request->arena);

    (void)context;
    json_begin_object(&json);
    json_key(&json, "status");
    json_text(&json, TEXT("alive"));
    json_end_object(&json);
    answer_json(request, 200, &json);
}

/* {"status":"ready","checks":{"redis":true}} */
static void answer_ready(struct request *request, void *context)
{
    struct json checks = json_in(request->arena), json = json_in(request->arena);
    bool is_ready = true;

    (void)context;
    json_begin_object(&checks);
    for (size_t i = 0; i < state.count; i++) {
        const bool is_there = state.checks[i].is_ready(state.checks[i].context);

        json_key(&checks, state.checks[i].name);
        json_bool(&checks, is_there);
        is_ready = is_ready && is_there;
    }
    json_end_object(&checks);
    json_begin_object(&json);
    json_key(&json, "status");
    json_text(&json, is_ready ? TEXT("ready") : TEXT("not ready"));
    json_key(&json, "checks");
    json_raw(&json, json_take(&checks));
    json_end_object(&json);
    answer_json(request, is_ready ? 200 : 503, &json);
}

static void collect_process(void *context)
{
    static double started_s;
    FILE *statm = fopen("/proc/self/statm", "re");
    long pages = 0;

    (void)context;
    if (started_s == 0)
        started_s = (double)clock_now_ms() / 1000;
    metrics_set(metrics_gauge("process_start_time_seconds", "When this process began, since 1970.", NULL), started_s);
    if (!statm)
        return;
    if (fscanf(statm, "%*d %ld", &pages) == 1)
        metrics_set(metrics_gauge("process_resident_memory_bytes", "Memory in use.", NULL),
                    (double)pages * (double)sysconf(_SC_PAGESIZE));
    fclose(statm);
}

static void collect_checks(void *context)
{
    (void)context;
    for (size_t i = 0; i < state.count; i++)
        metrics_set(metrics_gauge("karcis_ready", "1 while what the program needs is there.", "check",
                                  state.checks[i].name, NULL),
                    state.checks[i].is_ready(state.checks[i].context));
}

static void answer_metrics(struct request *request, void *context)
{
    (void)context;
    answer_text(request, 200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(request->arena));
}

const struct route *health_routes(void)
{
    static const struct route routes[] = {
        {"GET", "/healthz", ANYONE, answer_alive},
        {"GET", "/readyz", ANYONE, answer_ready},
        {"GET", "/metrics", ANYONE, answer_metrics},
        {0},
    };
    static bool collects;

    if (!collects) {
        collects = true;
        collect_process(NULL);
        metrics_on_collect(collect_process, NULL);
        metrics_on_collect(collect_checks, NULL);
    }
    return routes;
}

void health_start(struct loop *loop, const char *listen_address)
{
    state.http = http_open(loop, &(struct http_options){.listen = listen_address});
    http_add_routes(state.http, health_routes(), NULL);
}

void health_stop(void)
{
    http_close(state.http);
    state.http = NULL;
}
