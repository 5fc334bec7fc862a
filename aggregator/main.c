/* aggregator: keeps the event log and shows everybody what happened. The log is a step like every other; each thing
 * that is shown lives in its own file. */
#include "aggregator/record.h"
#include "aggregator/serve.h"
#include "common/worker.h"

static const struct step *const steps[] = {&record, NULL};

int main(int argc, char **argv)
{
    static const struct program aggregator = {
        .name = "aggregator",
        .what = "keeps the event log and shows everybody what happened",
        .steps = steps,
        .start = serve_start,
        .stop = serve_stop,
    };

    return program_main(argc, argv, &aggregator);
}
