/* event: an entry's fields against a step's table, and events under construction. */
#include "tests/unit/support.h"

#include "common/arena.h"
#include "common/bounds.h"
#include "common/event.h"

enum { WHO, BOOKING, INVOICE, COUNT, CURRENCY, AT, ANSWER, NOTE, FIELDS };

static const struct field table[FIELDS] = {
    [WHO] = {.name = "who", .type = FIELD_IDENTIFIER, .is_required = true},
    [BOOKING] = {.name = "booking", .type = FIELD_UUID},
    [INVOICE] = {.name = "invoice", .type = FIELD_INVOICE_NO},
    [COUNT] = {.name = "count", .type = FIELD_INTEGER, .min = 1, .max = 10},
    [CURRENCY] = {.name = "currency", .type = FIELD_CURRENCY},
    [AT] = {.name = "when", .type = FIELD_TIME},
    [ANSWER] = {.name = "answer", .type = FIELD_CHOICE, .choices = "no|yes"},
    [NOTE] = {.name = "note", .type = FIELD_TEXT, .max = 8},
};

struct case_of {
    struct arena *arena;
    struct entry entry;
    struct text pairs[2 * (ENTRY_FIELDS_MAX + 2)];
};

static struct case_of *case_new(struct arena *arena)
{
    struct case_of *one = ARENA_NEW(arena, struct case_of);

    one->arena = arena;
    one->entry = (struct entry){
        .stream = EVENTS, .id = {1763692800123, 4}, .id_text = TEXT("1763692800123-4"), .pairs = one->pairs};
    return one;
}

static void add(struct case_of *one, struct text name, struct text value)
{
    one->pairs[2 * one->entry.pair_count] = name;
    one->pairs[2 * one->entry.pair_count++ + 1] = value;
}

static int open_arena(void **state)
{
    *state = arena_new();
    return 0;
}

static int close_arena(void **state)
{
    arena_free(*state);
    return 0;
}

static void every_type_refuses_what_it_is_not_and_says_why(void **state)
{
    static const struct {
        const char *name;
        struct text value;
        const char *detail; /* NULL: taken */
    } cases[] = {
        {"who", TEXT("ayu"), NULL},
        {"who", TEXT("a yu"), "who: must be 1 to 64 of A-Z a-z 0-9 . _ -, not \"a yu\""},
        {"who", TEXT("0123456789012345678901234567890123456789012345678901234567890123"), NULL},
        {"who", TEXT("01234567890123456789012345678901234567890123456789012345678901234"),
         "who: must be 1 to 64 of A-Z a-z 0-9 . _ -, not \"0123456789012345678901234567890123456789...\" (65 bytes)"},
        {"who", TEXT(""), "who: is missing"},
        {"booking", TEXT("019aa402-81c0-8f6f-a0e1-0123456789ab"), NULL},
        {"booking", TEXT("019aa402"), "booking: must be a UUID, not \"019aa402\""},
        {"invoice", TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAV"), NULL},
        {"invoice", TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAV-1"),
         "invoice: must be an invoice number like INV-01ARZ3NDEKTSV4RRFFQ69G5FAV, not \"INV-01ARZ3NDEKTSV4RRFFQ69G5FAV-1\""},
        {"invoice", TEXT("PAY-01ARZ3NDEKTSV4RRFFQ69G5FAV"),
         "invoice: must be an invoice number like INV-01ARZ3NDEKTSV4RRFFQ69G5FAV, not \"PAY-01ARZ3NDEKTSV4RRFFQ69G5FAV\""},
        {"count", TEXT("1"), NULL},
        {"count", TEXT("10"), NULL},
        {"count", TEXT("0"), "count: must be a whole number from 1 to 10, not \"0\""},
        {"count", TEXT("11"), "count: must be a whole number from 1 to 10, not \"11\""},
        {"count", TEXT("two"), "count: must be a whole number from 1 to 10, not \"two\""},
        {"currency", TEXT("IDR"), NULL},
        {"currency", TEXT("Rp"), "currency: must be three capital letters like IDR, not \"Rp\""},
        {"when", TEXT("2026-11-21T10:00:00+07:00"), NULL},
        {"when", TEXT("tomorrow"), "when: must be a time like 2026-11-21T10:00:00Z, not \"tomorrow\""},
        {"answer", TEXT("yes"), NULL},
        {"answer", TEXT("no"), NULL},
        {"answer", TEXT("Yes"), "answer: must be no|yes, not \"Yes\""},
        {"answer", TEXT("no|yes"), "answer: must be no|yes, not \"no|yes\""},
        {"note", TEXT("12345678"), NULL},
        {"note", TEXT("123456789"), "note: must be at most 8 bytes of printable UTF-8, not \"123456789\""},
        {"note", TEXT("a\nb"), "note: must be at most 8 bytes of printable UTF-8, not \"a\\x0Ab\""},
        {"note", TEXT("a\0b"), "note: must be at most 8 bytes of printable UTF-8, not \"a\\x00b\""},
        {"note", TEXT("\xC0\xAF"), "note: must be at most 8 bytes of printable UTF-8, not \"\\xC0\\xAF\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct case_of *one = case_new(*state);
        struct refusal refusal;

        if (strcmp(cases[i].name, "who") != 0)
            add(one, TEXT("who"), TEXT("ayu"));
        add(one, text_of(cases[i].name), cases[i].value);
        refusal = entry_read_fields(*state, &one->entry, table, FIELDS);
        check_row((refusal.reason != NULL) == (cases[i].detail != NULL), "%s=%s", cases[i].name, cases[i].value.ptr);
        if (cases[i].detail) {
            assert_string_equal(refusal.reason, "invalid_field");
            check_text_row(refusal.detail, cases[i].detail, cases[i].value.ptr);
        }
    }
}

static void what_was_read_is_in_the_values(void **state)
{
    struct case_of *one = case_new(*state);
    const struct value *values;

    add(one, TEXT("note"), TEXT("hello"));
    add(one, TEXT("unknown"), TEXT("kept, and ignored"));
    add(one, TEXT("answer"), TEXT("yes"));
    add(one, TEXT("when"), TEXT("2026-11-21T01:22:05.5Z"));
    add(one, TEXT("count"), TEXT("7"));
    add(one, TEXT("invoice"), TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    add(one, TEXT("booking"), TEXT("01563E3A-B5D3-D676-4C61-EFB99302BD5B"));
    add(one, TEXT("who"), TEXT("ayu"));
    assert_null(entry_read_fields(*state, &one->entry, table, FIELDS).reason);
    values = one->entry.values;
    check_text(values[WHO].text, "ayu");
    check_text(uuid_text(*state, values[BOOKING].uuid), "01563e3a-b5d3-d676-4c61-efb99302bd5b");
    assert_int_equal(uuid_compare(values[BOOKING].uuid, values[INVOICE].uuid), 0);
    assert_int_equal(values[COUNT].number, 7);
    assert_int_equal(values[AT].number, 1795224125500000);
    assert_int_equal(values[ANSWER].number, 1);
    check_text(values[NOTE].text, "hello");
    check_text(values[CURRENCY].text, "-");
}

static void an_empty_optional_field_counts_as_not_given(void **state)
{
    struct case_of *one = case_new(*state);

    add(one, TEXT("who"), TEXT("ayu"));
    add(one, TEXT("count"), TEXT(""));
    assert_null(entry_read_fields(*state, &one->entry, table, FIELDS).reason);
    check_text(one->entry.values[COUNT].text, "-");
}

static void a_required_field_that_is_not_there_is_missing(void **state)
{
    struct case_of *one = case_new(*state);

    check_text(entry_read_fields(*state, &one->entry, table, FIELDS).detail, "who: is missing");
    add(one, TEXT("Who"), TEXT("ayu")); /* names have one spelling */
    check_text(entry_read_fields(*state, &one->entry, table, FIELDS).detail, "who: is missing");
}

static void a_step_without_fields_takes_any_entry(void **state)
{
    struct case_of *one = case_new(*state);

    assert_null(entry_read_fields(*state, &one->entry, NULL, 0).reason);
    assert_null(entry_read_common(*state, &one->entry).reason);
}

static void what_every_entry_has_is_taken_from_it_or_from_its_place(void **state)
{
    struct case_of *given = case_new(*state), *bare = case_new(*state);

    add(given, TEXT("event_id"), TEXT("order-7"));
    add(given, TEXT("at"), TEXT("2026-11-21T01:22:05.000001Z"));
    add(given, TEXT("source"), TEXT("box-office"));
    add(given, TEXT("traceparent"), TEXT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_null(entry_read_common(*state, &given->entry).reason);
    check_text(given->entry.event_id, "order-7");
    assert_int_equal(given->entry.at_us, 1795224125000001);
    check_text(given->entry.source, "box-office");
    check_text(given->entry.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

    add(bare, TEXT("event_id"), TEXT("")); /* empty: as if it were not there */
    add(bare, TEXT("at"), TEXT(""));
    assert_null(entry_read_common(*state, &bare->entry).reason);
    check_text(bare->entry.event_id, "1763692800123-4");
    assert_int_equal(bare->entry.at_us, 1763692800123000);
    check_text(bare->entry.source, "-");
    check_text(bare->entry.traceparent, "-");
}

static void an_entry_from_beyond_time_is_read_too(void **state)
{
    struct case_of *one = case_new(*state);

    one->entry.id = (struct entry_id){UINT64_MAX, UINT64_MAX};
    assert_null(entry_read_common(*state, &one->entry).reason);
    assert_int_equal(one->entry.at_us, 0);
}

#define FORTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void common_fields_that_do_not_fit_are_refused(void **state)
{
    char long_text[300];
    const struct {
        struct text name, value;
        const char *detail; /* NULL: taken */
    } cases[] = {
        {TEXT("event_id"), {long_text, EVENT_ID_BYTES_MAX}, NULL},
        {TEXT("event_id"),
         {long_text, EVENT_ID_BYTES_MAX + 1},
         "event_id: must be 1 to 200 bytes of printable UTF-8, not \"" FORTY "...\" (201 bytes)"},
        {TEXT("event_id"), TEXT("a\nb"), "event_id: must be 1 to 200 bytes of printable UTF-8, not \"a\\x0Ab\""},
        {TEXT("event_id"), TEXT("\xFF"), "event_id: must be 1 to 200 bytes of printable UTF-8, not \"\\xFF\""},
        {TEXT("source"), {long_text, SOURCE_BYTES_MAX}, NULL},
        {TEXT("source"),
         {long_text, SOURCE_BYTES_MAX + 1},
         "source: must be at most 200 bytes of printable UTF-8, not \"" FORTY "...\" (201 bytes)"},
        {TEXT("source"), TEXT("\x1B[31m"), "source: must be at most 200 bytes of printable UTF-8, not \"\\x1B[31m\""},
        {TEXT("at"), TEXT("yesterday"), "at: must be a time like 2026-11-21T10:00:00Z, not \"yesterday\""},
    };

    memset(long_text, 'x', sizeof long_text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct case_of *one = case_new(*state);
        struct refusal refusal;

        add(one, cases[i].name, cases[i].value);
        refusal = entry_read_common(*state, &one->entry);
        check_row((refusal.reason != NULL) == (cases[i].detail != NULL), "case %zu", i);
        if (cases[i].detail)
            check_text(refusal.detail, cases[i].detail);
    }
}

/* W3C Trace Context: what cannot be used is as if it were not there. */
static void an_unusable_traceparent_is_left_out(void **state)
{
    char long_text[300];
    struct case_of *control = case_new(*state), *too_long = case_new(*state);

    memset(long_text, 'x', sizeof long_text);
    add(control, TEXT("traceparent"), TEXT("a\nb"));
    assert_null(entry_read_common(*state, &control->entry).reason);
    check_text(control->entry.traceparent, "-");
    add(too_long, TEXT("traceparent"), (struct text){long_text, 256});
    assert_null(entry_read_common(*state, &too_long->entry).reason);
    check_text(too_long->entry.traceparent, "-");
}

static void an_entry_with_too_many_fields_is_refused(void **state)
{
    struct case_of *one = case_new(*state);
    struct refusal refusal;

    while (one->entry.pair_count < ENTRY_FIELDS_MAX)
        add(one, TEXT("name"), TEXT("value"));
    assert_null(entry_read_common(*state, &one->entry).reason);
    add(one, TEXT("name"), TEXT("value"));
    refusal = entry_read_common(*state, &one->entry);
    assert_string_equal(refusal.reason, "too_many_fields");
    check_text(refusal.detail, "65 fields, at most 64");
}

static void an_entry_that_is_too_large_is_refused(void **state)
{
    struct case_of *one = case_new(*state);
    char *large = arena_alloc(*state, ENTRY_BYTES_MAX);
    struct refusal refusal;

    memset(large, 'x', ENTRY_BYTES_MAX);
    add(one, TEXT("name"), (struct text){large, ENTRY_BYTES_MAX - 4});
    assert_int_equal(entry_bytes(&one->entry), ENTRY_BYTES_MAX);
    assert_null(entry_read_common(*state, &one->entry).reason);
    one->pairs[1].len++;
    refusal = entry_read_common(*state, &one->entry);
    assert_string_equal(refusal.reason, "too_large");
    check_text(refusal.detail, "262145 bytes, at most 262144");
}

static void a_field_is_found_by_its_name(void **state)
{
    struct case_of *one = case_new(*state);

    add(one, TEXT("topic"), TEXT("sale"));
    add(one, TEXT(""), TEXT("nameless"));
    check_text(entry_field(&one->entry, "topic"), "sale");
    check_text(entry_field(&one->entry, ""), "nameless");
    check_text(entry_field(&one->entry, "top"), "-");
}

static void an_event_keeps_its_words_in_order_however_many(void **state)
{
    struct fact *event = fact_new(*state, SEAT_HELD);

    for (int i = 0; i < 100; i++) {
        fact_add(*state, event, text_format(*state, "name%d", i), text_format(*state, "value%d", i));
        fact_add(*state, event, TEXT("left out"), TEXT_NONE);
    }
    assert_int_equal(event->stream, SEAT_HELD);
    assert_int_equal(event->word_count, 200);
    for (int i = 0; i < 100; i++) {
        check_text(event->words[2 * i], text_terminated(*state, text_format(*state, "name%d", i)));
        check_text(event->words[2 * i + 1], text_terminated(*state, text_format(*state, "value%d", i)));
    }
    fact_add(*state, event, TEXT("empty"), TEXT(""));
    assert_int_equal(event->word_count, 202);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_refuses_what_it_is_not_and_says_why),
        TEST(what_was_read_is_in_the_values),
        TEST(an_empty_optional_field_counts_as_not_given),
        TEST(a_required_field_that_is_not_there_is_missing),
        TEST(a_step_without_fields_takes_any_entry),
        TEST(what_every_entry_has_is_taken_from_it_or_from_its_place),
        TEST(an_entry_from_beyond_time_is_read_too),
        TEST(common_fields_that_do_not_fit_are_refused),
        TEST(an_unusable_traceparent_is_left_out),
        TEST(an_entry_with_too_many_fields_is_refused),
        TEST(an_entry_that_is_too_large_is_refused),
        TEST(a_field_is_found_by_its_name),
        TEST(an_event_keeps_its_words_in_order_however_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
