/* config: the environment becomes settings, or the process ends with code 100. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config.h"

static const char *const names[] = {
    "REDIS_URL",   "DATABASE_URL",       "HTTP_LISTEN",          "BASE_URL",
    "ADMIN_KEY",   "CLIENT_KEY",         "LINK_SECRET",          "STEPS",
    "LOG_LEVEL",   "PAYMENT_MODE",       "HOLD_TTL_S",           "PAYMENT_MARGIN_S",
    "BATCH",       "CLAIM_IDLE_MS",      "MAX_DELIVERIES",       "RANDOM_SEED",
    "EXACT_ORDER", "UNKNOWN_USERS",      "PAYMENT_FAILURE_RATE", "GUEST_SESSIONS",
    "OPEN_READS",  "RATE_LIMIT_PER_KEY",
};

struct variable {
    const char *name, *value;
};

/* The environment holds these settings and no others. */
static void set_only(const struct variable *variables, size_t count)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char file[64];

        snprintf(file, sizeof file, "%s_FILE", names[i]);
        unsetenv(names[i]);
        unsetenv(file);
    }
    for (size_t i = 0; i < count; i++)
        setenv(variables[i].name, variables[i].value, 1);
}

static void without_an_environment_the_defaults_hold(void **state)
{
    (void)state;
    set_only(NULL, 0);
    config_load();
    assert_string_equal(config()->redis_url, "redis://127.0.0.1:6379");
    assert_string_equal(config()->payment_mode, "auto");
    assert_string_equal(config()->unknown_users, "create");
    assert_string_equal(config()->admin_key, "");
    assert_string_equal(config()->steps, "");
    assert_true(config()->payment_failure_rate == 0.1);
    assert_int_equal(config()->hold_ttl_s, 900);
    assert_int_equal(config()->max_deliveries, 5);
    assert_int_equal(config()->batch, 500);
    assert_int_equal(config()->claim_idle_ms, 3000);
    assert_true(config()->exact_order);
    assert_false(config()->guest_sessions);
    assert_false(config()->open_reads);
    assert_int_equal(config()->rate_limit_per_key, 0);
}

static void what_the_environment_says_is_taken(void **state)
{
    static const struct variable variables[] = {
        {"REDIS_URL", "redis://ticket:secret@redis:6380"},
        {"PAYMENT_MODE", "link"},
        {"PAYMENT_FAILURE_RATE", "0.25"},
        {"HOLD_TTL_S", "10"},
        {"BATCH", "2000"},
        {"EXACT_ORDER", "off"},
        {"OPEN_READS", "yes"},
        {"STEPS", ""},
        {"RANDOM_SEED", "9223372036854775807"},
    };

    (void)state;
    set_only(variables, COUNT_OF(variables));
    config_load();
    assert_string_equal(config()->redis_url, "redis://ticket:secret@redis:6380");
    assert_string_equal(config()->payment_mode, "link");
    assert_true(config()->payment_failure_rate == 0.25);
    assert_int_equal(config()->hold_ttl_s, 10);
    assert_int_equal(config()->batch, 2000);
    assert_false(config()->exact_order);
    assert_true(config()->open_reads);
    assert_false(config()->guest_sessions);
    assert_int_equal(config()->random_seed, INT64_MAX);
    assert_int_equal(config()->max_deliveries, 5);
}

static void load(void *context)
{
    set_only(context, 1);
    config_load();
}

static void a_value_that_cannot_be_read_ends_the_process_with_code_100(void **state)
{
    static struct variable wrong[] = {
        {"BATCH", "0"},
        {"BATCH", "2001"},
        {"BATCH", "many"},
        {"BATCH", ""},
        {"BATCH", "1.5"},
        {"BATCH", " 1"},
        {"BATCH", "1e3"},
        {"HOLD_TTL_S", "9"},
        {"HOLD_TTL_S", "86401"},
        {"HOLD_TTL_S", "-900"},
        {"CLAIM_IDLE_MS", "99"},
        {"MAX_DELIVERIES", "0"},
        {"RANDOM_SEED", "-1"},
        {"RANDOM_SEED", "9223372036854775808"},
        {"PAYMENT_MARGIN_S", "0"},
        {"PAYMENT_FAILURE_RATE", "1.01"},
        {"PAYMENT_FAILURE_RATE", "-0.1"},
        {"PAYMENT_FAILURE_RATE", "nan"},
        {"PAYMENT_FAILURE_RATE", "inf"},
        {"PAYMENT_FAILURE_RATE", ""},
        {"PAYMENT_FAILURE_RATE", "10%"},
        {"PAYMENT_FAILURE_RATE", "0,5"},
        {"PAYMENT_MODE", "cash"},
        {"PAYMENT_MODE", "Auto"},
        {"PAYMENT_MODE", ""},
        {"PAYMENT_MODE", "auto|link"},
        {"UNKNOWN_USERS", "maybe"},
        {"LOG_LEVEL", "loud"},
        {"EXACT_ORDER", "true"},
        {"EXACT_ORDER", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct child child = support_run_in_child(load, &wrong[i]);

        check_row(child.exit_code == 100, "%s=%s: %s", wrong[i].name, wrong[i].value, child.output);
        check_row(strstr(child.output, wrong[i].name), "%s=%s: %s", wrong[i].name, wrong[i].value, child.output);
        check_row(strstr(child.output, "level=error"), "%s=%s: %s", wrong[i].name, wrong[i].value, child.output);
    }
}

static void the_corners_of_a_range_are_in_it(void **state)
{
    static struct variable right[] = {
        {"BATCH", "1"},
        {"HOLD_TTL_S", "86400"},
        {"CLAIM_IDLE_MS", "100"},
        {"PAYMENT_FAILURE_RATE", "0"},
        {"PAYMENT_FAILURE_RATE", "1"},
        {"RANDOM_SEED", "0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        const struct child child = support_run_in_child(load, &right[i]);

        check_row(child.exit_code == 0, "%s=%s: %s", right[i].name, right[i].value, child.output);
    }
}

/* A file with this content; its name is good until the next call. */
static const char *file_with(const char *content)
{
    static char path[64];
    FILE *file;
    int fd;

    snprintf(path, sizeof path, "/tmp/karcis-test-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_true(file && fputs(content, file) >= 0);
    fclose(file);
    return path;
}

static void load_and_print(void *context)
{
    load(context);
    printf("admin_key=%s. batch=%lld.", config()->admin_key, (long long)config()->batch);
}

static void a_secret_is_read_from_its_file(void **state)
{
    static const char *const contents[] = {"s3cret", "s3cret\n", "s3cret\r\n", "s3cret\nand more\n"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        struct variable variable = {"ADMIN_KEY_FILE", file_with(contents[i])};
        const struct child child = support_run_in_child(load_and_print, &variable);

        unlink(variable.value);
        check_row(strstr(child.output, "admin_key=s3cret. "), "%s", child.output);
    }
}

static void any_setting_may_come_from_a_file(void **state)
{
    struct variable variable = {"BATCH_FILE", file_with("42\n")};
    const struct child child = support_run_in_child(load_and_print, &variable);

    (void)state;
    unlink(variable.value);
    check_row(strstr(child.output, "batch=42."), "%s", child.output);
}

static void a_value_goes_before_its_file(void **state)
{
    const struct variable both[] = {{"ADMIN_KEY", "given"}, {"ADMIN_KEY_FILE", "/does/not/exist"}};

    (void)state;
    set_only(both, 2);
    config_load();
    assert_string_equal(config()->admin_key, "given");
}

static void a_file_that_cannot_be_read_ends_the_process_with_code_100(void **state)
{
    char empty[64];
    struct variable missing = {"ADMIN_KEY_FILE", "/does/not/exist"}, nothing = {"ADMIN_KEY_FILE", empty},
                    wrong = {"BATCH_FILE", empty};
    struct child child = support_run_in_child(load, &missing);

    (void)state;
    assert_int_equal(child.exit_code, 100);
    assert_non_null(strstr(child.output, "ADMIN_KEY_FILE"));
    assert_non_null(strstr(child.output, "No such file"));

    snprintf(empty, sizeof empty, "%s", file_with(""));
    child = support_run_in_child(load, &nothing);
    assert_int_equal(child.exit_code, 100);
    assert_non_null(strstr(child.output, "empty file"));
    unlink(empty);

    snprintf(empty, sizeof empty, "%s", file_with("nonsense"));
    child = support_run_in_child(load, &wrong);
    assert_int_equal(child.exit_code, 100);
    unlink(empty);
}

static void print_tables(void *context)
{
    (void)context;
    config_print_help("ticket-worker", "holds seats");
    config_print_markdown();
}

static void help_and_table_name_every_setting(void **state)
{
    const struct child child = support_run_in_child(print_tables, NULL);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char line[80];

        snprintf(line, sizeof line, "\n  %s ", names[i]);
        check_row(strstr(child.output, line), "%s is not in --help", names[i]);
        snprintf(line, sizeof line, "\n| `%s` | ", names[i]);
        check_row(strstr(child.output, line), "%s is not in the table", names[i]);
    }
    assert_non_null(strstr(child.output, "| `PAYMENT_MODE` | `auto` | auto\\|link | ")); /* a bar would end the cell */
    assert_non_null(strstr(child.output, "100 wrong configuration"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_environment_the_defaults_hold),
        cmocka_unit_test(what_the_environment_says_is_taken),
        cmocka_unit_test(a_value_that_cannot_be_read_ends_the_process_with_code_100),
        cmocka_unit_test(the_corners_of_a_range_are_in_it),
        cmocka_unit_test(a_secret_is_read_from_its_file),
        cmocka_unit_test(a_value_goes_before_its_file),
        cmocka_unit_test(any_setting_may_come_from_a_file),
        cmocka_unit_test(a_file_that_cannot_be_read_ends_the_process_with_code_100),
        cmocka_unit_test(help_and_table_name_every_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
