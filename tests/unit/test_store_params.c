/* store_params: parameters and results in PostgreSQL's binary form. What the bytes must be is written out by hand from
 * the server's documentation; that a server agrees is tests/steps/test_store.c's. */
#include "tests/unit/support.h"

#include <stdio.h>

#include "common/arena.h"
#include "common/store_wire.h"

static int open_params(void **state)
{
    *state = params_new(arena_new());
    return 0;
}

static int close_params(void **state)
{
    arena_free(((struct params *)*state)->arena);
    return 0;
}

/* The parameter's bytes, in hexadecimal with spaces anywhere. */
static void check_bytes(const struct params *params, int index, const char *expected)
{
    char wanted[512];
    size_t len = 0;
    unsigned byte;
    int used;

    for (; sscanf(expected, " %2x%n", &byte, &used) == 1; expected += used)
        wanted[len++] = (char)byte;
    assert_true(index < params->count);
    assert_int_equal(params->formats[index], 1);
    assert_int_equal(params->lengths[index], len);
    assert_memory_equal(params->values[index], wanted, len);
}

static struct uuid uuid_of(const char *text)
{
    struct uuid id;

    assert_true(uuid_parse(text_of(text), &id));
    return id;
}

static void single_values_travel_as_the_server_reads_them(void **state)
{
    struct params *params = *state;

    params_text(params, TEXT("ayu\0\xFF"));
    params_text(params, TEXT(""));
    params_int64(params, -2);
    params_int64(params, INT64_MIN);
    params_int16(params, -2);
    params_uuid(params, uuid_of("01563e3a-b5d3-d676-4c61-efb99302bd5b"));
    params_time(params, 946684800000000); /* 2000-01-01 */
    params_time(params, 946684799999999);
    params_time(params, 0);
    params_bool(params, true);
    params_bool(params, false);
    params_finish(params);
    assert_int_equal(params->count, 11);
    check_bytes(params, 0, "61 79 75 00 ff");
    check_bytes(params, 1, "");
    assert_non_null(params->values[1]); /* empty is not NULL */
    check_bytes(params, 2, "ff ff ff ff ff ff ff fe");
    check_bytes(params, 3, "80 00 00 00 00 00 00 00");
    check_bytes(params, 4, "ff fe");
    check_bytes(params, 5, "01563e3ab5d3d6764c61efb99302bd5b");
    check_bytes(params, 6, "00 00 00 00 00 00 00 00");
    check_bytes(params, 7, "ff ff ff ff ff ff ff ff");
    check_bytes(params, 8, "ff fc a2 fe c4 c8 20 00");
    check_bytes(params, 9, "01");
    check_bytes(params, 10, "00");
}

static void nothing_is_null(void **state)
{
    struct params *params = *state;

    params_text(params, TEXT_NONE);
    assert_int_equal(params->count, 1);
    assert_null(params->values[0]);
}

static void an_empty_array_has_no_dimensions(void **state)
{
    struct params *params = *state;

    params_column(params, COLUMN_TEXT);
    params_column(params, COLUMN_INT64);
    params_finish(params);
    check_bytes(params, 0, "00000000 00000000 00000019");
    check_bytes(params, 1, "00000000 00000000 00000014");
}

static void an_array_travels_with_its_type_count_and_elements(void **state)
{
    static const struct {
        enum column_type type;
        const char *bytes;
    } cases[] = {
        {COLUMN_TEXT, "00000001 00000000 00000019 00000002 00000001  00000002 4131  00000000"},
        {COLUMN_UUID, "00000001 00000000 00000b86 00000002 00000001  00000010 01563e3ab5d3d6764c61efb99302bd5b"
                      "  00000010 00000000000000000000000000000000"},
        {COLUMN_INT64,
         "00000001 00000000 00000014 00000002 00000001  00000008 7fffffffffffffff  00000008 ffffffffffffffff"},
        {COLUMN_INT32, "00000001 00000000 00000017 00000002 00000001  00000004 7fffffff  00000004 ffffffff"},
        {COLUMN_INT16, "00000001 00000000 00000015 00000002 00000001  00000002 7fff  00000002 ffff"},
        {COLUMN_TIME,
         "00000001 00000000 000004a0 00000002 00000001  00000008 0000000000000001  00000008 fffca2fec4c82000"},
        {COLUMN_PLACE, "00000001 00000000 0000001b 00000002 00000001  00000006 000000010002  00000006 ffffffffffff"},
        {COLUMN_BOOL, "00000001 00000000 00000010 00000002 00000001  00000001 01  00000001 00"},
    };
    struct params *params = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct column *column = params_column(params, cases[i].type);

        assert_int_equal(column_count(column), 0);
        switch (cases[i].type) {
        case COLUMN_TEXT:
            column_text(column, TEXT("A1"));
            column_text(column, TEXT(""));
            break;
        case COLUMN_UUID:
            column_uuid(column, uuid_of("01563e3a-b5d3-d676-4c61-efb99302bd5b"));
            column_uuid(column, (struct uuid){{0}});
            break;
        case COLUMN_INT64:
            column_int(column, INT64_MAX);
            column_int(column, -1);
            break;
        case COLUMN_INT32:
            column_int(column, INT32_MAX);
            column_int(column, -1);
            break;
        case COLUMN_INT16:
            column_int(column, INT16_MAX);
            column_int(column, -1);
            break;
        case COLUMN_TIME:
            column_time(column, 946684800000001);
            column_time(column, 0);
            break;
        case COLUMN_PLACE:
            column_place(column, 1 << 16 | 2);
            column_place(column, 0xFFFFFFFFFFFF);
            break;
        case COLUMN_BOOL:
            column_bool(column, true);
            column_bool(column, false);
            break;
        }
        assert_int_equal(column_count(column), 2);
    }
    params_finish(params);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bytes(params, (int)i, cases[i].bytes);
}

static void nulls_in_an_array_are_announced(void **state)
{
    struct params *params = *state;
    struct column *texts = params_column(params, COLUMN_TEXT), *times = params_column(params, COLUMN_TIME);

    column_text(texts, TEXT("a"));
    column_text(texts, TEXT_NONE);
    column_null(times);
    params_finish(params);
    check_bytes(params, 0, "00000001 00000001 00000019 00000002 00000001  00000001 61  ffffffff");
    check_bytes(params, 1, "00000001 00000001 000004a0 00000001 00000001  ffffffff");
}

static void an_array_grows_as_it_must(void **state)
{
    struct params *params = *state;
    struct column *texts = params_column(params, COLUMN_TEXT);
    char value[3000];
    size_t len = 20;

    memset(value, 'x', sizeof value);
    for (size_t i = 0; i < 500; i++) {
        column_text(texts, (struct text){value, i * 7 % sizeof value});
        len += 4 + i * 7 % sizeof value;
    }
    params_finish(params);
    assert_int_equal(params->lengths[0], len);
    for (size_t i = 0, at = 20; i < 500; i++) {
        const unsigned char *head = (const unsigned char *)params->values[0] + at;

        assert_int_equal(head[2] << 8 | head[3], i * 7 % sizeof value);
        at += 4 + i * 7 % sizeof value;
    }
}

static void an_array_may_be_finished_twice(void **state)
{
    struct params *params = *state;
    struct column *column = params_column(params, COLUMN_INT16);

    params_finish(params);
    column_int(column, 5);
    params_finish(params);
    check_bytes(params, 0, "00000001 00000000 00000015 00000001 00000001  00000002 0005");
}

/* ---- results ---- */

struct cell {
    const char *bytes; /* NULL: SQL NULL */
    int len;
};

#define CELL(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

/* One row with these cells. */
static struct rows row_of(const struct cell *cells, int count)
{
    static char name[] = "column";
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[16];

    assert_true(count <= 16);
    for (int i = 0; i < count; i++)
        columns[i] = (PGresAttDesc){.name = name, .format = 1};
    assert_true(PQsetResultAttrs(result, count, columns));
    for (int i = 0; i < count; i++) {
        char copy[256];

        if (cells[i].bytes)
            memcpy(copy, cells[i].bytes, (size_t)cells[i].len);
        assert_true(PQsetvalue(result, 0, i, cells[i].bytes ? copy : NULL, cells[i].bytes ? cells[i].len : -1));
    }
    return (struct rows){result};
}

static void results_are_read_as_the_server_writes_them(void **state)
{
    static const struct cell cells[] = {
        CELL("ayu\xFF"),
        CELL("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE"),
        CELL("\xFF\xFF\xFF\xFE"),
        CELL("\xFF\xFE"),
        CELL("\x01"),
        CELL("\x00"),
        CELL("\x3F\xF8\x00\x00\x00\x00\x00\x00"),
        CELL("\x00\x00\x00\x00\x00\x00\x00\x01"),
        CELL("\x01\x56\x3e\x3a\xb5\xd3\xd6\x76\x4c\x61\xef\xb9\x93\x02\xbd\x5b"),
        CELL("\x00\x00\x00\x01\x00\x02"),
        CELL(""),
        CELL("\xFF\xFC\xA2\xFE\xC4\xC8\x20\x00"),
    };
    struct params *params = *state;
    const struct rows rows = row_of(cells, COUNT_OF(cells));

    assert_int_equal(rows_count(&rows), 1);
    check_text(rows_text(&rows, 0, 0), "ayu\xFF");
    assert_int_equal(rows_int(&rows, 0, 1), -2);
    assert_int_equal(rows_int(&rows, 0, 2), -2);
    assert_int_equal(rows_int(&rows, 0, 3), -2);
    assert_true(rows_bool(&rows, 0, 4));
    assert_false(rows_bool(&rows, 0, 5));
    assert_true(rows_double(&rows, 0, 6) == 1.5);
    assert_int_equal(rows_time(&rows, 0, 7), 946684800000001);
    check_text(uuid_text(params->arena, rows_uuid(&rows, 0, 8)), "01563e3a-b5d3-d676-4c61-efb99302bd5b");
    assert_int_equal(rows_place(&rows, 0, 9), 1 << 16 | 2);
    check_text(rows_text(&rows, 0, 10), "");
    assert_int_equal(rows_time(&rows, 0, 11), 0);
    PQclear(rows.result);
}

static void null_in_a_result_is_nothing_zero_and_false(void **state)
{
    static const struct cell cells[] = {{NULL, 0}};
    const struct rows rows = row_of(cells, 1);
    struct params *params = *state;
    size_t count = 7;

    assert_true(rows_is_null(&rows, 0, 0));
    check_text(rows_text(&rows, 0, 0), "-");
    assert_int_equal(rows_int(&rows, 0, 0), 0);
    assert_false(rows_bool(&rows, 0, 0));
    assert_true(uuid_is_nil(rows_uuid(&rows, 0, 0)));
    assert_null(rows_int_array(&rows, 0, 0, params->arena, &count));
    assert_int_equal(count, 0);
    PQclear(rows.result);
}

static void an_array_of_numbers_is_read(void **state)
{
    static const struct cell cells[] = {
        CELL("\0\0\0\1"
             "\0\0\0\0"
             "\0\0\0\x14"
             "\0\0\0\2"
             "\0\0\0\1"
             "\0\0\0\x08"
             "\0\0\0\0\0\0\0\x05"
             "\0\0\0\x08"
             "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
        CELL("\0\0\0\0"
             "\0\0\0\0"
             "\0\0\0\x14"),
    };
    const struct rows rows = row_of(cells, 2);
    struct params *params = *state;
    size_t count;
    const int64_t *numbers = rows_int_array(&rows, 0, 0, params->arena, &count);

    assert_int_equal(count, 2);
    assert_int_equal(numbers[0], 5);
    assert_int_equal(numbers[1], -1);
    assert_null(rows_int_array(&rows, 0, 1, params->arena, &count));
    assert_int_equal(count, 0);
    PQclear(rows.result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_params, close_params)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(single_values_travel_as_the_server_reads_them),
        TEST(nothing_is_null),
        TEST(an_empty_array_has_no_dimensions),
        TEST(an_array_travels_with_its_type_count_and_elements),
        TEST(nulls_in_an_array_are_announced),
        TEST(an_array_grows_as_it_must),
        TEST(an_array_may_be_finished_twice),
        TEST(results_are_read_as_the_server_writes_them),
        TEST(null_in_a_result_is_nothing_zero_and_false),
        TEST(an_array_of_numbers_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
