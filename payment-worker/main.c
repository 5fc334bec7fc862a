/* payment-worker: owns invoices and payments. Each step lives in its own file; the rest lives in common/. */
#include "common/worker.h"
#include "payment-worker/steps.h"

static const struct step *const steps[] = {&invoice, &charge, NULL};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "payment-worker", .what = "makes invoices and charges them", .steps = steps};

    return program_main(argc, argv, &program);
}
