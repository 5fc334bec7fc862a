/* id: UUIDs, names derived from content, and the numbers of invoices. */
#include "tests/unit/support.h"

#include <sodium.h>

#include "common/arena.h"
#include "common/id.h"

static struct uuid uuid_of(const char *text)
{
    struct uuid id;

    assert_true(uuid_parse(text_of(text), &id));
    return id;
}

static struct uuid random_uuid(struct random *random)
{
    struct uuid id;

    for (size_t i = 0; i < sizeof id.bytes; i++)
        id.bytes[i] = (uint8_t)support_random(random);
    return id;
}

static void a_uuid_is_thirty_six_characters_in_any_case(void **state)
{
    static const struct {
        struct text text;
        bool is_uuid;
    } cases[] = {
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789ab"), true},
        {TEXT("019AA402-81C0-8F6F-A0E1-0123456789AB"), true},
        {TEXT("00000000-0000-0000-0000-000000000000"), true},
        {TEXT("ffffffff-ffff-ffff-ffff-ffffffffffff"), true},
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789a"), false},
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789abc"), false},
        {TEXT("019aa40281c08f6fa0e10123456789ab"), false},
        {TEXT("{019aa402-81c0-8f6f-a0e1-0123456789"), false},
        {TEXT("019aa402-81c0-8f6f-a0e1 0123456789ab"), false},
        {TEXT("019aa402081c0-8f6f-a0e1-0123456789ab"), false},
        {TEXT("019aa402-81c008f6f-a0e1-0123456789ab"), false},
        {TEXT("019aa402-81c0-8f6f0a0e1-0123456789ab"), false},
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789ag"), false},
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789a@"), false},
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789a\x01"), false}, /* a digit, if bits are set without a look */
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789a\x10"), false},
        {TEXT("019aa402-81c0-8f6f-a0e1-0123456789a\0"), false},
        {TEXT("-19aa402-81c0-8f6f-a0e1-0123456789ab"), false},
        {TEXT(" 19aa402-81c0-8f6f-a0e1-0123456789ab"), false},
        {TEXT(""), false},
    };
    struct uuid id;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(uuid_parse(cases[i].text, &id) == cases[i].is_uuid, "%s", cases[i].text.ptr);
    assert_false(uuid_parse(TEXT_NONE, &id));
}

static void a_uuid_that_is_written_reads_back(void **state)
{
    struct random random = support_seed("a_uuid_that_is_written_reads_back");
    struct arena *arena = arena_new();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        const struct uuid id = random_uuid(&random);

        assert_int_equal(uuid_compare(uuid_of(text_terminated(arena, uuid_text(arena, id))), id), 0);
    }
    check_text(uuid_text(arena, uuid_of("019AA402-81C0-8F6F-A0E1-0123456789AB")),
               "019aa402-81c0-8f6f-a0e1-0123456789ab");
    assert_true(uuid_is_nil(uuid_of("00000000-0000-0000-0000-000000000000")));
    assert_false(uuid_is_nil(uuid_of("00000000-0000-0000-0000-000000000001")));
    arena_free(arena);
}

static void a_derived_uuid_is_the_same_for_ever(void **state)
{
    const struct text parts[] = {TEXT("booking.requested"), TEXT("1763692800000-0"), TEXT("user"), TEXT("ayu")};
    const struct uuid once = uuid_derive(1763692800000, parts, COUNT_OF(parts));
    const struct uuid again = uuid_derive(1763692800000, parts, COUNT_OF(parts));
    struct arena *arena = arena_new();

    (void)state;
    assert_int_equal(uuid_compare(once, again), 0);
    /* Ids of bookings that exist depend on it: if this changes, every entry under way becomes another booking. */
    check_text(uuid_text(arena, once), "019aa448-6800-8b73-a277-6d0eba7ba17c");
    arena_free(arena);
}

static void a_derived_uuid_differs_with_time_and_every_part(void **state)
{
    const struct text parts[] = {TEXT("a"), TEXT("bc")}, shifted[] = {TEXT("ab"), TEXT("c")},
                      longer[] = {TEXT("a"), TEXT("bc"), TEXT("")};
    const struct uuid id = uuid_derive(1000, parts, 2);

    (void)state;
    assert_int_not_equal(uuid_compare(id, uuid_derive(1001, parts, 2)), 0);
    assert_int_not_equal(uuid_compare(id, uuid_derive(1000, shifted, 2)), 0);
    assert_int_not_equal(uuid_compare(id, uuid_derive(1000, longer, 3)), 0);
    assert_int_not_equal(uuid_compare(id, uuid_derive(1000, parts, 1)), 0);
}

static int64_t time_of(struct uuid id)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    return ms;
}

static void made_uuids_say_their_version_variant_and_time(void **state)
{
    struct random random = support_seed("made_uuids_say_their_version_variant_and_time");

    (void)state;
    assert_true(sodium_init() >= 0);
    for (int i = 0; i < 2000; i++) {
        const int64_t time_ms = (int64_t)(support_random(&random) >> 16);
        const uint64_t content = support_random(&random);
        const struct text part = {(const char *)&content, sizeof content};
        const struct uuid derived = uuid_derive(time_ms, &part, 1), now = uuid_now(time_ms);

        assert_int_equal(derived.bytes[6] >> 4, 8);
        assert_int_equal(now.bytes[6] >> 4, 7);
        assert_int_equal(derived.bytes[8] >> 6, 2);
        assert_int_equal(now.bytes[8] >> 6, 2);
        assert_int_equal(time_of(derived), time_ms);
        assert_int_equal(time_of(now), time_ms);
    }
}

static void derived_uuids_sort_by_time(void **state)
{
    static const int64_t times[] = {
        0, 1, 255, 256, 65535, 65536, 1763692800000, 1763692800001, 4102444800000, (1LL << 48) - 1};
    struct random random = support_seed("derived_uuids_sort_by_time");
    struct uuid last = {{0}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        const uint64_t content = support_random(&random);
        const struct uuid id = uuid_derive(times[i], &(struct text){(const char *)&content, sizeof content}, 1);

        assert_true(uuid_compare(last, id) < 0);
        last = id;
    }
}

static void two_new_uuids_of_one_millisecond_differ(void **state)
{
    (void)state;
    assert_int_not_equal(uuid_compare(uuid_now(5), uuid_now(5)), 0);
}

static void content_is_told_apart_wherever_it_is_cut(void **state)
{
    const struct text a[] = {TEXT("a"), TEXT("bc")}, b[] = {TEXT("ab"), TEXT("c")}, c[] = {TEXT("abc")},
                      d[] = {TEXT("abc"), TEXT("")}, e[] = {TEXT(""), TEXT("abc")}, f[] = {TEXT("bc"), TEXT("a")},
                      none[] = {TEXT("abc"), TEXT_NONE};
    const uint64_t hashes[] = {content_hash(a, 2), content_hash(b, 2), content_hash(c, 1),
                               content_hash(d, 2), content_hash(e, 2), content_hash(f, 2)};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(hashes); i++)
        for (size_t j = 0; j < i; j++)
            check_row(hashes[i] != hashes[j], "cases %zu and %zu", i, j);
    assert_true(content_hash(a, 2) == content_hash(a, 2));
    assert_true(content_hash(none, 2) == content_hash(d, 2)); /* nothing and empty are the same content */
}

static void a_number_names_its_uuid_and_nothing_else(void **state)
{
    struct random random = support_seed("a_number_names_its_uuid_and_nothing_else");
    struct arena *arena = arena_new();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        const struct uuid id = random_uuid(&random);
        const struct text number = number_of_uuid(arena, "INV-", id);
        struct uuid back;

        assert_int_equal(number.len, 4 + NUMBER_DIGITS);
        assert_true(text_is_identifier(number, 64));
        assert_true(number_to_uuid(number, "INV-", &back, NULL));
        assert_int_equal(uuid_compare(id, back), 0);
    }
    check_text(number_of_uuid(arena, "INV-", (struct uuid){{0}}), "INV-00000000000000000000000000");
    check_text(number_of_uuid(arena, "INV-", uuid_of("ffffffff-ffff-ffff-ffff-ffffffffffff")),
               "INV-7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    /* The example of the ULID specification: 128 bits in the same digits. */
    check_text(number_of_uuid(arena, "", uuid_of("01563e3a-b5d3-d676-4c61-efb99302bd5b")),
               "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    arena_free(arena);
}

static void a_number_has_one_spelling(void **state)
{
    static const struct text refused[] = {
        TEXT("INV-8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), /* a 129th bit */
        TEXT("INV-Z0000000000000000000000000"),
        TEXT("INV-01aryz6s410gbp7vcedrx2rs2e"), /* lower case, which Crockford's readers take */
        TEXT("INV-O1ARYZ6S410GBP7VCEDRX2RS2E"), /* O for 0 */
        TEXT("INV-0IARYZ6S410GBP7VCEDRX2RS2E"), /* I for 1 */
        TEXT("INV-0LARYZ6S410GBP7VCEDRX2RS2E"), /* L for 1 */
        TEXT("INV-01ARYZ6S410GBP7VCEDRX2RS2U"),
        TEXT("INV-01ARYZ6S-10GBP7VCEDRX2RS2E"),
        TEXT("INV-01ARYZ6S41\0GBP7VCEDRX2RS2E"), /* what strchr finds at the end of its list */
        TEXT("INV-01ARYZ6S410GBP7VCEDRX2RS2"),
        TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAVE"),
        TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAV-1"),
        TEXT("inv-01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        TEXT("PAY-01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        TEXT("INV01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        TEXT(" INV-01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAV "),
        TEXT("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        TEXT("INV-"),
        TEXT(""),
        TEXT_NONE,
    };
    const struct uuid untouched = uuid_of("019aa402-81c0-8f6f-a0e1-0123456789ab");
    struct uuid id = untouched;

    (void)state;
    assert_true(number_to_uuid(TEXT("INV-01ARZ3NDEKTSV4RRFFQ69G5FAV"), "INV-", &(struct uuid){{0}}, NULL));
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        check_row(!number_to_uuid(refused[i], "INV-", &id, NULL), "%.*s", (int)refused[i].len, refused[i].ptr);
        assert_int_equal(uuid_compare(id, untouched), 0);
    }
}

/* Any other character in any place makes another number or none, never the same one. */
static void no_two_numbers_name_one_uuid(void **state)
{
    struct arena *arena = arena_new();
    const struct uuid id = uuid_of("01563e3a-b5d3-d676-4c61-efb99302bd5b");
    char *number = text_terminated(arena, number_of_uuid(arena, "INV-", id));

    (void)state;
    for (size_t at = 0; at < 4 + NUMBER_DIGITS; at++)
        for (int c = 0; c < 256; c++) {
            const char was = number[at];
            struct uuid other;

            number[at] = (char)c;
            if ((char)c != was && number_to_uuid((struct text){number, 4 + NUMBER_DIGITS}, "INV-", &other, NULL))
                check_row(uuid_compare(other, id) != 0, "%zu: %02x", at, (unsigned)c);
            number[at] = was;
        }
    arena_free(arena);
}

static void what_stands_behind_a_number_is_handed_back(void **state)
{
    struct uuid id;
    struct text rest;

    (void)state;
    assert_true(number_to_uuid(TEXT("PAY-01ARZ3NDEKTSV4RRFFQ69G5FAV-1"), "PAY-", &id, &rest));
    check_text(rest, "-1");
    assert_true(number_to_uuid(TEXT("PAY-01ARZ3NDEKTSV4RRFFQ69G5FAV"), "PAY-", &id, &rest));
    check_text(rest, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uuid_is_thirty_six_characters_in_any_case),
        cmocka_unit_test(a_uuid_that_is_written_reads_back),
        cmocka_unit_test(a_derived_uuid_is_the_same_for_ever),
        cmocka_unit_test(a_derived_uuid_differs_with_time_and_every_part),
        cmocka_unit_test(made_uuids_say_their_version_variant_and_time),
        cmocka_unit_test(derived_uuids_sort_by_time),
        cmocka_unit_test(two_new_uuids_of_one_millisecond_differ),
        cmocka_unit_test(content_is_told_apart_wherever_it_is_cut),
        cmocka_unit_test(a_number_names_its_uuid_and_nothing_else),
        cmocka_unit_test(a_number_has_one_spelling),
        cmocka_unit_test(no_two_numbers_name_one_uuid),
        cmocka_unit_test(what_stands_behind_a_number_is_handed_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
