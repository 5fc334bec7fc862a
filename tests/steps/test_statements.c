/* Every statement of every step fits the migrated schema: a worker whose statements do not would never come up. */
#include "tests/steps/engine.h"

#include "aggregator/record.h"
#include "payment-worker/steps.h"
#include "ticket-worker/steps.h"

static void every_step_comes_up_with_its_programs_role(void **state)
{
    static const struct {
        const struct step *step;
        const char *role;
    } steps[] = {
        {&hold, "TICKET"},     {&bill, "TICKET"},    {&settle, "TICKET"},
        {&invoice, "PAYMENT"}, {&charge, "PAYMENT"}, {&record, "AGGREGATOR"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        engine_free(engine_new(steps[i].step, steps[i].role)); /* fails if it does not come up */
}

static void expect_ends_the_transaction_unless_the_count_is_right(void **state)
{
    (void)state;
    database_do("SELECT karcis.expect(0, 0), karcis.expect(7, 7)");
    database_do("DO $$ BEGIN PERFORM karcis.expect(1, 2); RAISE EXCEPTION 'not refused'; "
                "EXCEPTION WHEN serialization_failure THEN NULL; END $$");
    database_do("DO $$ BEGIN PERFORM karcis.expect(NULL, 0); RAISE EXCEPTION 'not refused'; "
                "EXCEPTION WHEN serialization_failure THEN NULL; END $$");
}

static int end(void **state)
{
    (void)state;
    database_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_comes_up_with_its_programs_role),
        cmocka_unit_test(expect_ends_the_transaction_unless_the_count_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
