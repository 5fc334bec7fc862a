/* stream: the names in Redis, and entry ids. */
#include "tests/unit/support.h"

#include "common/arena.h"
#include "common/stream.h"

static void an_entry_id_is_two_numbers_and_nothing_else(void **state)
{
    static const struct {
        struct text text;
        bool is_id;
        struct entry_id id;
    } cases[] = {
        {TEXT("1763692800000-0"), true, {1763692800000, 0}},
        {TEXT("0-1"), true, {0, 1}},
        {TEXT("18446744073709551615-18446744073709551615"), true, {UINT64_MAX, UINT64_MAX}},
        {TEXT("18446744073709551616-0"), false, {0, 0}},
        {TEXT("0-18446744073709551616"), false, {0, 0}},
        {TEXT("99999999999999999999-0"), false, {0, 0}},
        {TEXT("1-"), false, {0, 0}},
        {TEXT("-1"), false, {0, 0}},
        {TEXT("1"), false, {0, 0}},
        {TEXT("1-2-3"), false, {0, 0}},
        {TEXT("1-2-"), false, {0, 0}},
        {TEXT("1--2"), false, {0, 0}},
        {TEXT("+1-2"), false, {0, 0}},
        {TEXT("1-2 "), false, {0, 0}},
        {TEXT("1-\0"), false, {0, 0}},
        {TEXT("*"), false, {0, 0}},
        {TEXT("-"), false, {0, 0}},
        {TEXT(""), false, {0, 0}},
        {TEXT_NONE, false, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct entry_id id = {0};

        check_row(entry_id_parse(cases[i].text, &id) == cases[i].is_id, "case %zu", i);
        check_row(!cases[i].is_id || entry_id_compare(id, cases[i].id) == 0, "case %zu", i);
    }
}

static void an_entry_id_that_is_written_reads_back_and_fits(void **state)
{
    static const struct entry_id corners[] = {{0, 0}, {1763692800000, 7}, {UINT64_MAX, UINT64_MAX}};
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(corners); i++) {
        const struct text text = entry_id_text(arena, corners[i]);
        struct entry_id id;

        assert_true(text.len <= ENTRY_ID_TEXT_BYTES);
        assert_true(entry_id_parse(text, &id));
        assert_int_equal(entry_id_compare(id, corners[i]), 0);
    }
    check_text(entry_id_text(arena, corners[2]), "18446744073709551615-18446744073709551615");
    arena_free(arena);
}

static void entry_ids_sort_as_redis_hands_them_out(void **state)
{
    static const struct entry_id in_order[] = {
        {0, 1}, {0, 2}, {0, UINT64_MAX}, {1, 0}, {9, 5}, {10, 0}, {10, 4}, {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(in_order); i++)
        for (size_t j = 0; j < COUNT_OF(in_order); j++)
            check_row(entry_id_compare(in_order[i], in_order[j]) == (i > j) - (i < j), "%zu and %zu", i, j);
}

/* The contract of DESIGN.md, section 3. */
static void streams_have_the_promised_names(void **state)
{
    static const char *const promised[] = {
        [BOOKING_REQUESTED] = "booking.requested",
        [SEAT_RESERVED] = "seat.reserved",
        [SEAT_HELD] = "seat.held",
        [INVOICE_CREATED] = "invoice.created",
        [PAYMENT_REQUESTED] = "payment.requested",
        [PAYMENT_DONE] = "payment.done",
        [CANCEL_REQUESTED] = "cancel.requested",
        [BOOKING_CLOSED] = "booking.closed",
        [EVENTS] = "events",
        [DEAD] = "dead",
    };
    enum stream stream;

    (void)state;
    assert_int_equal(COUNT_OF(promised), STREAM_COUNT);
    for (int i = 0; i < STREAM_COUNT; i++) {
        check_text(stream_key((enum stream)i), promised[i]);
        assert_true(stream_of_key(text_of(promised[i]), &stream));
        assert_int_equal(stream, i);
    }
    assert_false(stream_of_key(TEXT("booking"), &stream));
    assert_false(stream_of_key(TEXT("Events"), &stream));
    assert_false(stream_of_key(TEXT(""), &stream));
    assert_false(stream_of_key(TEXT_NONE, &stream));
}

static void a_consumer_has_a_heartbeat_and_a_channel(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    check_text(stream_heartbeat_key(arena, TEXT("host:1a2b")), "hb:host:1a2b");
    check_text(stream_turn_channel(arena, TEXT("host:1a2b")), "turn:host:1a2b");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_id_is_two_numbers_and_nothing_else),
        cmocka_unit_test(an_entry_id_that_is_written_reads_back_and_fits),
        cmocka_unit_test(entry_ids_sort_as_redis_hands_them_out),
        cmocka_unit_test(streams_have_the_promised_names),
        cmocka_unit_test(a_consumer_has_a_heartbeat_and_a_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
