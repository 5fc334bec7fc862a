/* aggregator: keeps the event log and shows everybody what happened. The log is a step like every other; each thing
 * that is shown lives in its own file. */
#include "aggregator/housekeeping.h"
#include "aggregator/record.h"
#include "aggregator/serve.h"
#include "common/worker.h"

static const struct step *const steps[] = {&record, NULL};

static void start(struct loop *loop)
{
    serve_start(loop);
    housekeeping_start(loop);
}

static void stop(void (*stopped)(void *context), void *context)
{
    housekeeping_stop();
    serve_stop(stopped, context);
}

int main(int argc, char **argv)
{
    static const struct program aggregator = {
        .name = "aggregator",
        .what = "keeps the event log and shows everybody what happened",
        .steps = steps,
        .start = start,
        .tables = serve_tables,
        .stop = stop,
    };

    return program_main(argc, argv, &aggregator);
}
