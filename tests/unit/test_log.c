/* log: one line per event, whatever the values hold. */
#include "tests/unit/support.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/bounds.h"
#include "common/log.h"

struct line {
    const char *event;
    struct log_field fields[8];
    size_t count;
};

static void write_line(void *context)
{
    const struct line *line = context;

    log_open("test", LOG_INFO);
    log_line(LOG_INFO, line->event, line->fields, line->count);
}

/* The line behind its time, level and program; the test fails if what was written is not one line. */
static const char *written(struct child *child, struct line line)
{
    static const char head[] = " level=info program=test ";
    char *from;

    *child = support_run_in_child(write_line, &line);
    from = strstr(child->output, head);
    check_row(from && strncmp(child->output, "time=", 5) == 0, "%s", child->output);
    check_row(strchr(child->output, '\n') == child->output + strlen(child->output) - 1, "not one line: %s",
              child->output);
    child->output[strlen(child->output) - 1] = '\0';
    return from + sizeof head - 1;
}

static void a_line_is_keys_and_values(void **state)
{
    struct child child;

    (void)state;
    assert_string_equal(
        written(&child, (struct line){"seat held", {LOG_STRING("step", "hold"), LOG_TEXT("seat", TEXT("A4"))}, 2}),
        "step=hold seat=A4 event=\"seat held\"");
    assert_string_equal(written(&child, (struct line){"started", {{0}}, 1}), "event=started");
    assert_string_equal(written(&child, (struct line){"", {LOG_TEXT("empty", TEXT(""))}, 1}), "empty=\"\" event=\"\"");
    assert_string_equal(
        written(&child, (struct line){"e", {LOG_NUMBER("low", INT64_MIN), LOG_NUMBER("high", INT64_MAX)}, 2}),
        "low=-9223372036854775808 high=9223372036854775807 event=e");
}

static void a_line_says_when(void **state)
{
    struct child child;

    (void)state;
    written(&child, (struct line){"e", {{0}}, 1});
    /* time=2026-11-21T01:22:05.123Z */
    assert_int_equal(strspn(child.output + 5, "0123456789-T:.Z"), 24);
    assert_int_equal(child.output[5 + 23], 'Z');
}

/* Somebody who writes log lines into his name gets one ugly value, and no line of his own. */
static void a_value_cannot_forge_a_line_or_a_field(void **state)
{
    static const struct {
        struct text value;
        const char *written;
    } cases[] = {
        {TEXT("a\nlevel=error event=forged"), "\"a\\x0alevel=error event=forged\""},
        {TEXT("a\r\nb"), "\"a\\x0d\\x0ab\""},
        {TEXT("a b=c"), "\"a b=c\""},
        {TEXT("a=b"), "\"a=b\""},
        {TEXT("say \"hi\""), "\"say \\\"hi\\\"\""},
        {TEXT("\""), "\"\\\"\""},
        {TEXT("\\"), "\"\\\\\""},
        {TEXT("\\\" event=x"), "\"\\\\\\\" event=x\""},
        {TEXT("a\0b"), "\"a\\x00b\""},
        {TEXT("\x1B[31mred"), "\"\\x1b[31mred\""},
        {TEXT("\x7F"), "\"\\x7f\""},
        {TEXT("\t"), "\"\\x09\""},
        {TEXT("caf\xC3\xA9"), "\"caf\\xc3\\xa9\""},
        {TEXT("\xC2\x85"), "\"\\xc2\\x85\""}, /* U+0085, a line end to some */
        {TEXT("\xFF"), "\"\\xff\""},
        {TEXT("plain-'text'/:?"), "plain-'text'/:?"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct child child;
        char expected[200];

        strcpy(strcpy(expected, "value=") + 6, cases[i].written);
        strcat(expected, " event=e");
        assert_string_equal(written(&child, (struct line){"e", {LOG_TEXT("value", cases[i].value)}, 1}), expected);
    }
}

static void a_value_that_is_not_there_is_left_out(void **state)
{
    struct child child;

    (void)state;
    assert_string_equal(
        written(&child, (struct line){"e", {LOG_STRING("a", NULL), LOG_TEXT("b", TEXT_NONE), LOG_STRING("c", "d")}, 3}),
        "c=d event=e");
}

static void a_long_value_is_cut(void **state)
{
    struct child child;
    char value[2 * LOG_VALUE_BYTES_MAX];
    const char *line;

    (void)state;
    memset(value, 'x', sizeof value);
    line = written(&child, (struct line){"e", {LOG_TEXT("v", ((struct text){value, sizeof value}))}, 1});
    assert_int_equal(strspn(line + 2, "x"), LOG_VALUE_BYTES_MAX);
    assert_string_equal(line + 2 + LOG_VALUE_BYTES_MAX, " event=e");
    memset(value, '\n', sizeof value); /* four bytes each */
    line = written(&child, (struct line){"e", {LOG_TEXT("v", ((struct text){value, sizeof value}))}, 1});
    assert_int_equal(strlen(line), 3 + 4 * LOG_VALUE_BYTES_MAX + 9);
}

static void write_many(void *context)
{
    char value[LOG_VALUE_BYTES_MAX];

    (void)context;
    memset(value, '\n', sizeof value);
    log_open("test", LOG_INFO);
    for (int i = 0; i < 7; i++) {
        const struct log_field fields[] = {LOG_NUMBER("i", i), LOG_TEXT("v", ((struct text){value, sizeof value}))};

        log_line(LOG_INFO, "e", fields, 2);
    }
}

static void lines_come_in_order_and_whole(void **state)
{
    const struct child child = support_run_in_child(write_many, NULL);
    const char *at = child.output;

    (void)state;
    for (int i = 0; i < 7; i++) {
        char expected[8] = "i=0 v=\"";

        expected[2] = (char)('0' + i);
        at = strstr(at, expected);
        assert_non_null(at);
        at = strchr(at, '\n');
        assert_non_null(at);
    }
    assert_string_equal(at, "\n");
}

static void write_much(void *context)
{
    (void)context;
    log_open("test", LOG_INFO);
    for (int i = 0; i < 20000; i++) /* many times the buffer; nobody may need more than one */
        log_info("a line of usual length", LOG_NUMBER("i", i), LOG_STRING("step", "hold"));
}

static void more_than_the_buffer_holds_is_written_on_the_way(void **state)
{
    const struct child child = support_run_in_child(write_much, NULL);

    (void)state;
    assert_int_equal(child.exit_code, 0);
    assert_non_null(strstr(child.output, "i=0 "));
}

static void write_levels(void *context)
{
    const enum log_level *level = context;

    log_open("test", *level);
    log_debug("one", {0});
    log_info("two", {0});
    log_warn("three", {0});
    log_error("four", {0});
}

static void only_what_is_asked_for_is_written(void **state)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const events[] = {"event=one", "event=two", "event=three", "event=four"};
    enum log_level level;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct child child;

        assert_true(log_level_parse(names[i], &level));
        child = support_run_in_child(write_levels, &level);
        for (int j = 0; j < 4; j++)
            check_row((strstr(child.output, events[j]) != NULL) == (j >= i), "%s at %s", events[j], names[i]);
    }
    assert_false(log_level_parse("INFO", &level));
    assert_false(log_level_parse("", &level));
}

static void warn_and_die(void *context)
{
    (void)context;
    log_open("test", LOG_INFO);
    log_info("before", {0});
    log_warn("worse", {0});
    raise(SIGKILL); /* nothing is flushed at the end */
}

static void a_warning_and_what_came_before_it_are_written_at_once(void **state)
{
    const struct child child = support_run_in_child(warn_and_die, state);
    const char *before = strstr(child.output, "event=before");

    assert_int_equal(child.exit_code, -1);
    assert_non_null(before);
    assert_non_null(strstr(before, "event=worse"));
}

static void write_after_end(void *context)
{
    (void)context;
    signal(SIGPIPE, SIG_IGN);
    close(STDERR_FILENO);
    log_open("test", LOG_INFO);
    for (int i = 0; i < 3; i++)
        log_error("nobody reads", {0});
}

static void nobody_reading_stops_no_work(void **state)
{
    (void)state;
    assert_int_equal(support_run_in_child(write_after_end, NULL).exit_code, 0);
}

static void die(void *context)
{
    (void)context;
    log_open("test", LOG_INFO);
    log_fatal(EXIT_TEMPORARY, "cannot go on", "because\nof this");
}

static void a_fatal_line_is_the_last_and_its_code_the_exit_code(void **state)
{
    const struct child child = support_run_in_child(die, NULL);

    (void)state;
    assert_int_equal(child.exit_code, 111);
    assert_non_null(
        strstr(child.output, "level=error program=test detail=\"because\\x0aof this\" event=\"cannot go on\"\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_keys_and_values),
        cmocka_unit_test(a_line_says_when),
        cmocka_unit_test(a_value_cannot_forge_a_line_or_a_field),
        cmocka_unit_test(a_value_that_is_not_there_is_left_out),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(lines_come_in_order_and_whole),
        cmocka_unit_test(more_than_the_buffer_holds_is_written_on_the_way),
        cmocka_unit_test(only_what_is_asked_for_is_written),
        cmocka_unit_test(a_warning_and_what_came_before_it_are_written_at_once),
        cmocka_unit_test(nobody_reading_stops_no_work),
        cmocka_unit_test(a_fatal_line_is_the_last_and_its_code_the_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
