/* backlog: what waits, as it is seen from outside; and the door that closes when it is too much. */
#include "tests/unit/support.h"

#include "common/backlog.h"
#include "publisher/door.h"

static void a_lag_is_counted_while_it_is_small_and_believed_only_if_it_can_be(void **state)
{
    static const struct {
        int64_t counted, reported, length, lag;
    } cases[] = {
        {0, 3, 10, 0},     /* Redis 7.0 says 3 when nothing is unread */
        {7, -1, 10, 7},    /* it does not know */
        {7, 900, 1000, 7}, /* it is wrong */
        {100, 5000, 9000, 100},  {101, 5000, 9000, 5000}, {101, -1, 9000, 9000}, /* not known: at most so many */
        {101, 50, 9000, 9000},                                                   /* cannot be: more were seen */
        {101, 9001, 9000, 9000},                                                 /* cannot be: there are fewer */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(backlog_lag(cases[i].counted, cases[i].reported, cases[i].length) == cases[i].lag, "row %zu", i);
}

static void a_lag_that_is_too_high_since_a_restart_is_known_once_the_group_has_read_everything(void **state)
{
    int64_t too_high = 0;

    (void)state;
    assert_int_equal(backlog_reported(-1, true, &too_high), -1);
    assert_int_equal(backlog_reported(305, true, &too_high), 305);
    assert_int_equal(backlog_reported(205, false, &too_high), 0);
    assert_int_equal(backlog_reported(215, true, &too_high), 10);
    assert_int_equal(backlog_reported(205, true, &too_high), 0);
    assert_int_equal(backlog_reported(7, true, &too_high), 7); /* the group was made again */
    assert_int_equal(backlog_reported(215, true, &too_high), 215);
    assert_int_equal(backlog_reported(0, false, &too_high), 0);
    assert_int_equal(backlog_reported(1, true, &too_high), 1);
}

static void add_group(struct backlog *backlog, enum stream stream, const char *name, int64_t lag, int64_t pending)
{
    backlog->streams[stream].groups[backlog->streams[stream].group_count++] =
        (struct backlog_group){.name = text_of(name), .lag = lag, .pending = pending};
}

static void what_waits_is_what_each_streams_slowest_step_has_left(void **state)
{
    struct backlog backlog = {0};

    (void)state;
    assert_int_equal(backlog_waiting(&backlog), 0);
    backlog.streams[INVOICE_CREATED].length = 1000;
    add_group(&backlog, INVOICE_CREATED, "bill", 5, 2);
    add_group(&backlog, INVOICE_CREATED, "charge", 20, 10);
    assert_int_equal(backlog_waiting(&backlog), 30);
    backlog.streams[SEAT_HELD].length = 300;
    add_group(&backlog, SEAT_HELD, "invoice", 100, 0);
    assert_int_equal(backlog_waiting(&backlog), 130);
}

static void neither_the_log_nor_peoples_own_groups_hold_a_booking_up(void **state)
{
    struct backlog backlog = {0};

    (void)state;
    backlog.streams[SEAT_HELD].length = backlog.streams[EVENTS].length = 5000;
    add_group(&backlog, SEAT_HELD, "invoice", 0, 1);
    add_group(&backlog, SEAT_HELD, "record", 4000, 0);
    add_group(&backlog, SEAT_HELD, "somebodys", 5000, 0);
    add_group(&backlog, EVENTS, "record", 5000, 0);
    assert_int_equal(backlog_waiting(&backlog), 1);
}

static void a_step_that_has_never_run_has_everything_left(void **state)
{
    struct backlog backlog = {0};

    (void)state;
    backlog.streams[BOOKING_REQUESTED].length = 700;
    add_group(&backlog, BOOKING_REQUESTED, "record", 0, 0);
    assert_int_equal(backlog_waiting(&backlog), 700);
}

static void memory_is_read_from_what_redis_says_and_no_limit_is_no_share(void **state)
{
    static const struct {
        struct text info;
        int64_t used, max;
        int percent;
    } cases[] = {
        {TEXT("# Memory\r\nused_memory:850\r\nused_memory_human:850B\r\nmaxmemory:1000\r\nmaxmemory_human:1K\r\n"), 850,
         1000, 85},
        {TEXT("used_memory:5000000000000\nmaxmemory:4000000000000"), 5000000000000, 4000000000000, 125},
        {TEXT("used_memory:850\r\nmaxmemory:0\r\n"), 850, 0, 0},
        {TEXT("used_memory:\r\nmaxmemory:many\r\n:\r\n"), 0, 0, 0},
        {TEXT(""), 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct backlog backlog = {0};

        backlog_read_memory(cases[i].info, &backlog);
        check_row(backlog.memory_used == cases[i].used && backlog.memory_max == cases[i].max, "row %zu", i);
        check_row(backlog_memory_percent(&backlog) == cases[i].percent, "row %zu", i);
    }
}

static void the_door_opens_later_than_it_closes(void **state)
{
    static const struct {
        enum door now;
        int64_t waiting;
        int percent;
        enum door next;
    } cases[] = {
        {DOOR_OPEN, 0, 0, DOOR_OPEN},         {DOOR_OPEN, 1000, 84, DOOR_OPEN},      {DOOR_OPEN, 1001, 0, DOOR_BACKLOG},
        {DOOR_BACKLOG, 901, 0, DOOR_BACKLOG}, {DOOR_BACKLOG, 900, 84, DOOR_OPEN},    {DOOR_OPEN, 0, 85, DOOR_MEMORY},
        {DOOR_OPEN, 2000, 85, DOOR_MEMORY},   {DOOR_BACKLOG, 0, 85, DOOR_MEMORY},    {DOOR_MEMORY, 0, 80, DOOR_MEMORY},
        {DOOR_MEMORY, 1000, 79, DOOR_OPEN},   {DOOR_MEMORY, 1001, 79, DOOR_BACKLOG},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(door_next(cases[i].now, cases[i].waiting, 1000, cases[i].percent) == cases[i].next, "row %zu", i);
    assert_int_equal(door_next(DOOR_OPEN, 1, 1, 0), DOOR_OPEN);
    assert_int_equal(door_next(DOOR_BACKLOG, 0, 1, 0), DOOR_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lag_is_counted_while_it_is_small_and_believed_only_if_it_can_be),
        cmocka_unit_test(a_lag_that_is_too_high_since_a_restart_is_known_once_the_group_has_read_everything),
        cmocka_unit_test(what_waits_is_what_each_streams_slowest_step_has_left),
        cmocka_unit_test(neither_the_log_nor_peoples_own_groups_hold_a_booking_up),
        cmocka_unit_test(a_step_that_has_never_run_has_everything_left),
        cmocka_unit_test(memory_is_read_from_what_redis_says_and_no_limit_is_no_share),
        cmocka_unit_test(the_door_opens_later_than_it_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
