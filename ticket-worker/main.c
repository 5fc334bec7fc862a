/* ticket-worker: owns seats and bookings. Each step lives in its own file; everything about streams, redelivery,
 * transactions and shutting down lives in common/. */
#include "common/worker.h"
#include "ticket-worker/steps.h"

static const struct step *const steps[] = {&hold, &bill, &settle, NULL};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "ticket-worker", .what = "holds seats and settles bookings", .steps = steps};

    return program_main(argc, argv, &program);
}
