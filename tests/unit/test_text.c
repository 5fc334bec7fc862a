/* text: numbers, UTF-8, identifiers and lists as they come from outside. */
#include "tests/unit/support.h"

#include "common/arena.h"
#include "common/text.h"

static void a_number_is_read_only_if_it_is_nothing_but_a_number(void **state)
{
    static const struct {
        const char *text;
        int64_t min, max;
        bool is_number;
        int64_t number;
    } cases[] = {
        {"0", INT64_MIN, INT64_MAX, true, 0},
        {"7", 7, 7, true, 7},
        {"-1", -1, 0, true, -1},
        {"9223372036854775807", 0, INT64_MAX, true, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, 0, true, INT64_MIN},
        {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
        {"92233720368547758070", INT64_MIN, INT64_MAX, false, 0},
        {"99999999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
        {"11", 0, 10, false, 0},
        {"10", 0, 10, true, 10},
        {"0", 1, 10, false, 0},
        {"-1", 0, 10, false, 0},
        {"", 0, 10, false, 0},
        {"-", -10, 10, false, 0},
        {"+1", 0, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1 ", 0, 10, false, 0},
        {"1\n", 0, 10, false, 0},
        {"01", 0, 10, false, 0}, /* so that a number has one spelling */
        {"00", 0, 10, false, 0},
        {"1.0", 0, 10, false, 0},
        {"1e1", 0, 10, false, 0},
        {"0x1", 0, 10, false, 0},
        {"--1", -10, 10, false, 0},
        {"\xD9\xA1", 0, 10, false, 0}, /* a digit, in Arabic */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t number = 42;
        const bool is_number = text_to_int64(text_of(cases[i].text), cases[i].min, cases[i].max, &number);

        check_row(is_number == cases[i].is_number, "\"%s\"", cases[i].text);
        check_row(number == (is_number ? cases[i].number : 42), "\"%s\" gives %lld", cases[i].text, (long long)number);
    }
}

static void a_number_with_a_byte_zero_in_it_is_no_number(void **state)
{
    int64_t number;

    (void)state;
    assert_false(text_to_int64(TEXT("1\0"), 0, 10, &number));
    assert_false(text_to_int64(TEXT("1\0002"), 0, 100, &number));
    assert_false(text_to_int64(TEXT_NONE, 0, 10, &number));
}

static void a_number_that_is_written_reads_back(void **state)
{
    static const int64_t corners[] = {0, 9, 10, -1, -10, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    struct random random = support_seed("a_number_that_is_written_reads_back");
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(corners) + 20000; i++) {
        const int64_t wanted = i < COUNT_OF(corners)
                                   ? corners[i]
                                   : (int64_t)(support_random(&random) >> support_random_below(&random, 64));
        int64_t number;

        assert_true(text_to_int64(text_of_int64(arena, wanted), INT64_MIN, INT64_MAX, &number));
        assert_int_equal(number, wanted);
    }
    check_text(text_of_int64(arena, INT64_MIN), "-9223372036854775808");
    check_text(text_of_int64(arena, 0), "0");
    arena_free(arena);
}

static void utf8_is_well_formed_or_refused(void **state)
{
    static const struct {
        struct text text;
        bool is_utf8, is_printable;
    } cases[] = {
        {TEXT(""), true, true},
        {TEXT("Malam Gamelan"), true, true},
        {TEXT("a\tb"), true, false},
        {TEXT("a\nb"), true, false},
        {TEXT("\x1F"), true, false},
        {TEXT("\x20"), true, true},
        {TEXT("\x7E"), true, true},
        {TEXT("\x7F"), true, false},
        {TEXT("\0"), false, false},
        {TEXT("a\0b"), false, false},
        /* two bytes: U+0080 to U+07FF; U+0080 to U+009F are control characters */
        {TEXT("\xC2\x80"), true, false},
        {TEXT("\xC2\x9F"), true, false},
        {TEXT("\xC2\xA0"), true, true},
        {TEXT("\xC3\xA9"), true, true},
        {TEXT("\xDF\xBF"), true, true},
        {TEXT("\xC3"), false, false},
        {TEXT("\xC3 "), false, false},
        {TEXT("\xC3\xC3"), false, false},
        {TEXT("\xC0\x80"), false, false}, /* overlong U+0000 */
        {TEXT("\xC0\xAF"), false, false}, /* overlong "/" */
        {TEXT("\xC1\xBF"), false, false}, /* overlong U+007F */
        /* three bytes: U+0800 to U+FFFF without surrogates */
        {TEXT("\xE0\xA0\x80"), true, true},
        {TEXT("\xE6\x97\xA5\xE6\x9C\xAC"), true, true},
        {TEXT("\xEF\xBF\xBF"), true, true},
        {TEXT("\xED\x9F\xBF"), true, true},
        {TEXT("\xEE\x80\x80"), true, true},
        {TEXT("\xE0\x9F\xBF"), false, false}, /* overlong */
        {TEXT("\xE0\x80\x80"), false, false}, /* overlong */
        {TEXT("\xED\xA0\x80"), false, false}, /* U+D800, a surrogate */
        {TEXT("\xED\xBF\xBF"), false, false}, /* U+DFFF, a surrogate */
        {TEXT("\xE6\x97"), false, false},
        {TEXT("\xE6"), false, false},
        {TEXT("\xE6\x97 "), false, false},
        {TEXT("\xE6 \xA5"), false, false},
        /* four bytes: U+10000 to U+10FFFF */
        {TEXT("\xF0\x90\x80\x80"), true, true},
        {TEXT("\xF0\x9F\x8E\xAB"), true, true},
        {TEXT("\xF4\x8F\xBF\xBF"), true, true},
        {TEXT("\xF0\x8F\xBF\xBF"), false, false}, /* overlong */
        {TEXT("\xF4\x90\x80\x80"), false, false}, /* above U+10FFFF */
        {TEXT("\xF5\x80\x80\x80"), false, false},
        {TEXT("\xF0\x9F\x8E"), false, false},
        {TEXT("\xF0\x9F"), false, false},
        {TEXT("\xF0"), false, false},
        {TEXT("\xF8\x88\x80\x80\x80"), false, false},
        {TEXT("\xFF"), false, false},
        {TEXT("\xFE"), false, false},
        {TEXT("\x80"), false, false}, /* a tail without a head */
        {TEXT("\xBF"), false, false},
        {TEXT("ok\xC3\xA9\xFF"), false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_row(text_is_utf8(cases[i].text) == cases[i].is_utf8, "case %zu: is_utf8", i);
        check_row(text_is_printable(cases[i].text) == cases[i].is_printable, "case %zu: is_printable", i);
    }
}

/* Every sequence of one to three bytes, and what a decoder by the letter of RFC 3629 says about it. */
static bool reference_is_utf8(const unsigned char *at, size_t len)
{
    while (len > 0) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const size_t size = *at < 0x80             ? 1
                            : (*at & 0xE0) == 0xC0 ? 2
                            : (*at & 0xF0) == 0xE0 ? 3
                            : (*at & 0xF8) == 0xF0 ? 4
                                                   : 0;
        uint32_t character = size == 1 ? *at : *at & (0x7Fu >> size);

        if (size == 0 || size > len)
            return false;
        for (size_t i = 1; i < size; i++) {
            if ((at[i] & 0xC0) != 0x80)
                return false;
            character = character << 6 | (at[i] & 0x3F);
        }
        if (character < smallest[size] || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF) ||
            character == 0)
            return false;
        at += size;
        len -= size;
    }
    return true;
}

static void every_short_sequence_of_bytes_is_judged_as_the_standard_says(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits += bits < 1u << 16 ? 1 : 3) {
        const unsigned char bytes[] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16)};
        const size_t len = bits < 1u << 8 ? 1 : bits < 1u << 16 ? 2 : 3;

        if (text_is_utf8((struct text){(const char *)bytes, len}) != reference_is_utf8(bytes, len))
            check_row(false, "%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
    }
}

static void random_four_byte_sequences_are_judged_as_the_standard_says(void **state)
{
    struct random random = support_seed("random_four_byte_sequences_are_judged_as_the_standard_says");

    (void)state;
    for (int i = 0; i < 500000; i++) {
        const uint64_t bits = support_random(&random);
        const unsigned char bytes[] = {(unsigned char)(0xEC + (bits & 15)), (unsigned char)(bits >> 8 | 0x80),
                                       (unsigned char)(0x80 | (bits >> 16 & 0x7F)),
                                       (unsigned char)(0x80 | (bits >> 24 & 0x7F))};

        if (text_is_utf8((struct text){(const char *)bytes, 4}) != reference_is_utf8(bytes, 4))
            check_row(false, "%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
}

/* Longer texts are judged several bytes at a time: each byte at each place among others that are fine. */
static void a_byte_is_judged_the_same_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t at = 0; at < 19; at++)
        for (int byte = 0; byte < 256; byte++) {
            unsigned char bytes[19];

            memset(bytes, at % 2 ? ' ' : '~', sizeof bytes);
            bytes[at] = (unsigned char)byte;
            check_row(text_is_utf8((struct text){(const char *)bytes, sizeof bytes}) == (byte > 0 && byte < 0x80),
                      "%02x at %zu: is_utf8", byte, at);
            check_row(text_is_printable((struct text){(const char *)bytes, sizeof bytes}) ==
                          (byte >= ' ' && byte < 0x7F),
                      "%02x at %zu: is_printable", byte, at);
        }
}

static void an_identifier_has_only_what_is_promised_and_fits(void **state)
{
    static const struct {
        struct text text;
        size_t len_max;
        bool is_identifier;
    } cases[] = {
        {TEXT("ayu"), 64, true},     {TEXT("A-Z_0.9"), 64, true},   {TEXT("."), 64, true},
        {TEXT("12345678"), 8, true}, {TEXT("123456789"), 8, false}, {TEXT(""), 64, false},
        {TEXT("a b"), 64, false},    {TEXT("a,b"), 64, false},      {TEXT("a/b"), 64, false},
        {TEXT("a:b"), 64, false},    {TEXT("a\0"), 64, false},      {TEXT("\xC3\xA9"), 64, false},
        {TEXT("a\n"), 64, false},    {TEXT("@"), 64, false},        {TEXT("["), 64, false},
        {TEXT("`"), 64, false},      {TEXT("{"), 64, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_row(text_is_identifier(cases[i].text, cases[i].len_max) == cases[i].is_identifier, "case %zu", i);
    assert_false(text_is_identifier(TEXT_NONE, 64));
}

static void a_currency_is_three_capital_letters(void **state)
{
    (void)state;
    assert_true(text_is_currency(TEXT("IDR")));
    assert_true(text_is_currency(TEXT("AZZ")));
    assert_false(text_is_currency(TEXT("idr")));
    assert_false(text_is_currency(TEXT("ID")));
    assert_false(text_is_currency(TEXT("IDRX")));
    assert_false(text_is_currency(TEXT("I R")));
    assert_false(text_is_currency(TEXT("I@R")));
    assert_false(text_is_currency(TEXT("I[R")));
    assert_false(text_is_currency(TEXT_NONE));
}

static void a_list_gives_every_piece_also_the_empty_ones(void **state)
{
    static const struct {
        const char *list;
        const char *pieces[5]; /* "" is a piece too; NULL ends */
    } cases[] = {
        {"a", {"a"}},      {"a,b", {"a", "b"}}, {"a,,b", {"a", "", "b"}}, {",", {"", ""}}, {"a,", {"a", ""}},
        {",a", {"", "a"}}, {"", {""}},          {NULL, {NULL}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text rest = text_of(cases[i].list), piece;
        size_t count = 0;

        for (; text_next(&rest, ',', &piece); count++) {
            check_row(cases[i].pieces[count], "case %zu: too many pieces", i);
            check_text_row(piece, cases[i].pieces[count], cases[i].list);
        }
        check_row(!cases[i].pieces[count], "case %zu: a piece is missing", i);
        assert_false(text_next(&rest, ',', &piece)); /* the end stays the end */
    }
}

static void texts_compare_byte_by_byte_as_collate_c_does(void **state)
{
    static const struct text in_order[] = {TEXT(""),   TEXT("\0"), TEXT("A"), TEXT("A\0"),  TEXT("A1"),   TEXT("A10"),
                                           TEXT("A2"), TEXT("B"),  TEXT("a"), TEXT("\x7F"), TEXT("\x80"), TEXT("\xFF")};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(in_order); i++)
        for (size_t j = 0; j < COUNT_OF(in_order); j++) {
            const int order = text_compare(in_order[i], in_order[j]);

            check_row((order > 0) - (order < 0) == (i > j) - (i < j), "cases %zu and %zu", i, j);
            check_row(text_equal(in_order[i], in_order[j]) == (i == j), "cases %zu and %zu", i, j);
        }
    assert_true(text_equal(TEXT_NONE, TEXT("")));
    assert_int_equal(text_compare(TEXT_NONE, TEXT("")), 0);
}

static void a_copy_is_terminated_and_nothing_stays_nothing(void **state)
{
    struct arena *arena = arena_new();
    const struct text copy = text_copy(arena, (struct text){"seat-A1", 4});

    (void)state;
    check_text(copy, "seat");
    assert_int_equal(copy.ptr[4], 0);
    assert_null(text_copy(arena, TEXT_NONE).ptr);
    assert_non_null(text_copy(arena, TEXT("")).ptr);
    assert_string_equal(text_terminated(arena, TEXT_NONE), "");
    check_text(text_format(arena, "%s:%d", "seat", 7), "seat:7");
    check_text(text_format(arena, "%s", ""), "");
    arena_free(arena);
}

static void a_text_is_shown_to_people_whatever_is_in_it(void **state)
{
    static const struct {
        struct text text;
        const char *shown;
    } cases[] = {
        {TEXT(""), "\"\""},
        {TEXT("ayu b"), "\"ayu b\""},
        {TEXT("ay\xC3\xBA"), "\"ay\xC3\xBA\""},
        {TEXT("a\0b\nc\xFF\xC3\xBA"), "\"a\\x00b\\x0Ac\\xFF\\xC3\\xBA\""},
        {TEXT("0123456789012345678901234567890123456789"), "\"0123456789012345678901234567890123456789\""},
        {TEXT("0123456789012345678901234567890123456789x"),
         "\"0123456789012345678901234567890123456789...\" (41 bytes)"},
        {TEXT("012345678901234567890123456789012345678\xC3\xBA"),
         "\"012345678901234567890123456789012345678...\" (41 bytes)"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_text(text_shown(arena, cases[i].text), cases[i].shown);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_read_only_if_it_is_nothing_but_a_number),
        cmocka_unit_test(a_number_with_a_byte_zero_in_it_is_no_number),
        cmocka_unit_test(a_number_that_is_written_reads_back),
        cmocka_unit_test(utf8_is_well_formed_or_refused),
        cmocka_unit_test(every_short_sequence_of_bytes_is_judged_as_the_standard_says),
        cmocka_unit_test(random_four_byte_sequences_are_judged_as_the_standard_says),
        cmocka_unit_test(a_byte_is_judged_the_same_wherever_it_stands),
        cmocka_unit_test(an_identifier_has_only_what_is_promised_and_fits),
        cmocka_unit_test(a_currency_is_three_capital_letters),
        cmocka_unit_test(a_list_gives_every_piece_also_the_empty_ones),
        cmocka_unit_test(texts_compare_byte_by_byte_as_collate_c_does),
        cmocka_unit_test(a_copy_is_terminated_and_nothing_stays_nothing),
        cmocka_unit_test(a_text_is_shown_to_people_whatever_is_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
