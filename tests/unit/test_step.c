/* step: batches, outcomes and what is said, as every step uses them. */
#include "tests/unit/step_fixture.h"

#include "common/arena.h"
#include "common/store_wire.h"

enum { BOOKING_ID, NOTE, FIELDS };

static const struct field fields[FIELDS] = {
    [BOOKING_ID] = {.name = "booking_id", .type = FIELD_UUID, .is_required = true},
    [NOTE] = {.name = "note", .type = FIELD_IDENTIFIER},
};

static struct refusal check_note(struct arena *arena, struct entry *entry)
{
    (void)arena;
    if (text_is(entry->values[NOTE].text, "bad"))
        return (struct refusal){"bad_note", TEXT("we do not like it")};
    entry->detail = entry;
    return (struct refusal){0};
}

static void do_nothing(struct batch *batch)
{
    (void)batch;
}

static int begun;

static void begin(struct batch *batch)
{
    assert_non_null(batch->work);
    assert_int_equal(*(int *)batch->work, 0);
    begun++;
}

static const struct step step = {
    .name = "try",
    .reads = {SEAT_HELD},
    .reads_count = 1,
    .fields = fields,
    .field_count = FIELDS,
    .key = BOOKING_ID,
    .check = check_note,
    .work_bytes = sizeof(int),
    .begin = begin,
    .decide = do_nothing,
};

static int open_fixture(void **state)
{
    *state = fixture_new(&step);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free(*state);
    return 0;
}

#define KEY(digit) "0000000" digit "-0000-0000-0000-000000000000"

static struct entry *add(struct fixture *fixture, const char *key)
{
    const struct text all = text_format(fixture->arena, "booking_id=%s traceparent=00-ab-cd-01", key);

    return fixture_entry(fixture, SEAT_HELD, "100-1", all.ptr);
}

static struct batch *make_batch(struct fixture *fixture)
{
    fixture->batch = batch_new(fixture->arena, fixture->step, fixture->entries, fixture->count, fixture->now_us);
    batch_begin(fixture->batch);
    return fixture->batch;
}

static void an_entry_is_checked_by_the_table_and_then_by_the_step(void **state)
{
    struct fixture *fixture = *state;
    const struct entry *good = fixture_entry(fixture, SEAT_HELD, "1-1", "booking_id=" KEY("1") " note=good");
    const struct entry *bad = fixture_entry(fixture, SEAT_HELD, "1-2", "booking_id=" KEY("1") " note=bad");
    const struct entry *worse = fixture_entry(fixture, SEAT_HELD, "1-3", "booking_id=1 note=bad");
    const struct entry *worst = fixture_entry(fixture, SEAT_HELD, "1-4", "booking_id=1 at=never");

    assert_null(good->refusal.reason);
    assert_ptr_equal(good->detail, good);
    check_text(uuid_text(fixture->arena, good->key), KEY("1"));
    assert_string_equal(bad->refusal.reason, "bad_note");
    check_text(worse->refusal.detail, "booking_id: must be a UUID, not \"1\"");
    check_text(worst->refusal.detail, "at: must be a time like 2026-11-21T10:00:00Z, not \"never\"");
}

static void an_entry_is_found_by_its_key(void **state)
{
    static const char *const keys[] = {KEY("5"), KEY("3"), KEY("9"), KEY("1"), KEY("7")};
    struct fixture *fixture = *state;
    struct uuid key;
    size_t i = 0;

    for (size_t k = 0; k < COUNT_OF(keys); k++)
        add(fixture, keys[k]);
    make_batch(fixture);
    for (size_t k = 0; k < COUNT_OF(keys); k++) {
        assert_true(uuid_parse(text_of(keys[k]), &key));
        assert_true(batch_find(fixture->batch, key, &i));
        assert_int_equal(i, k);
    }
    for (char missing = '0'; missing <= '8'; missing = (char)(missing + 2)) {
        char text[] = KEY("0");

        text[7] = missing;
        assert_true(uuid_parse(text_of(text), &key));
        assert_false(batch_find(fixture->batch, key, &i));
    }
}

static void in_an_empty_batch_nothing_is_found(void **state)
{
    size_t i;

    assert_false(batch_find(make_batch(*state), (struct uuid){{0}}, &i));
}

static void keys_go_to_the_store_in_ascending_order(void **state)
{
    struct fixture *fixture = *state;
    struct params *params = params_new(fixture->arena);

    add(fixture, KEY("5"));
    add(fixture, KEY("3"));
    add(fixture, KEY("9"));
    params_keys(make_batch(fixture), params);
    params_finish(params);
    assert_string_equal(fixture_param_text(fixture->arena, params, 1), KEY("3") " " KEY("5") " " KEY("9"));
}

static void keys_sort_by_key_and_then_by_place(void **state)
{
    struct key_index keys[] = {{{{2}}, 0}, {{{1}}, 3}, {{{1}}, 1}, {{{0xFF}}, 2}, {{{1}}, 2}};
    static const size_t in_order[] = {1, 2, 3, 0, 2};

    (void)state;
    sort_keys(keys, COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_int_equal(keys[i].position, in_order[i]);
    assert_int_equal(keys[4].key.bytes[0], 0xFF);
}

static void work_is_zeroed_and_begun_for_each_batch(void **state)
{
    struct fixture *fixture = *state;

    begun = 0;
    *(int *)make_batch(fixture)->work = 7;
    make_batch(fixture);
    assert_int_equal(begun, 2);
}

static void what_follows_says_where_it_comes_from(void **state)
{
    struct fixture *fixture = *state;
    struct fact *first, *second;

    add(fixture, KEY("5"));
    add(fixture, KEY("3"));
    make_batch(fixture);
    first = say(fixture->batch, 0, SEAT_HELD, "held");
    second = say(fixture->batch, 1, BOOKING_CLOSED, "rejected");
    say_field(fixture->batch, second, "reason", TEXT_NONE);
    say_field(fixture->batch, second, "user", TEXT("ayu"));
    assert_int_equal(fixture_said_count(fixture), 2);
    assert_ptr_equal(fixture_said(fixture, 0), first);
    check_said(fixture, 0, SEAT_HELD,
               "event_id=" KEY("5") ":held booking_id=" KEY("5") " source=try traceparent=00-ab-cd-01");
    check_said(fixture, 1, BOOKING_CLOSED, "event_id=" KEY("3") ":rejected user=ayu reason=-");
    assert_int_equal(second->word_count, 10);
}

static void what_is_said_again_is_the_same_event(void **state)
{
    struct fixture *fixture = *state;
    struct text ids[2];

    add(fixture, KEY("5"));
    for (size_t i = 0; i < 2; i++)
        ids[i] = fact_value(say(make_batch(fixture), 0, SEAT_HELD, "held"), "event_id");
    assert_true(text_equal(ids[0], ids[1]));
}

static void an_outcome_is_one_of_three(void **state)
{
    struct fixture *fixture = *state;

    add(fixture, KEY("1"));
    add(fixture, KEY("2"));
    add(fixture, KEY("3"));
    make_batch(fixture);
    done(fixture->batch, 0, "seat held");
    retry(fixture->batch, 1, "no answer");
    reject(fixture->batch, 2, "unknown_booking", TEXT("no such booking"));
    check_outcome(fixture, 0, DONE, "seat held");
    check_outcome(fixture, 1, RETRY, "no answer");
    check_outcome(fixture, 2, REJECT, "unknown_booking");
    check_text(fixture->batch->outcomes[2].detail, "no such booking");
}

static void decide_twice(void *context)
{
    struct fixture *fixture = context;

    done(fixture->batch, 0, "once");
    done(fixture->batch, 0, "twice");
}

static void decide_beyond(void *context)
{
    done(((struct fixture *)context)->batch, 1, "beyond");
}

static void deciding_twice_or_about_nothing_is_a_bug(void **state)
{
    struct fixture *fixture = *state;

    add(fixture, KEY("1"));
    make_batch(fixture);
    assert_int_equal(support_run_in_child(decide_twice, fixture).exit_code, -1);
    assert_int_equal(support_run_in_child(decide_beyond, fixture).exit_code, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_is_checked_by_the_table_and_then_by_the_step),
        TEST(an_entry_is_found_by_its_key),
        TEST(in_an_empty_batch_nothing_is_found),
        TEST(keys_go_to_the_store_in_ascending_order),
        TEST(keys_sort_by_key_and_then_by_place),
        TEST(work_is_zeroed_and_begun_for_each_batch),
        TEST(what_follows_says_where_it_comes_from),
        TEST(what_is_said_again_is_the_same_event),
        TEST(an_outcome_is_one_of_three),
        TEST(deciding_twice_or_about_nothing_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
