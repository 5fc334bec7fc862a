/* Parameters and results in PostgreSQL's binary form (documentation: "Message Data Types" and the types' _send and
 * _recv functions): integers big-endian, timestamps in microseconds since 2000, arrays with a five-word head. */
#include "common/store_wire.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#include "common/arena.h"

#define EPOCH_2000_US    946684800000000LL
#define ARRAY_HEAD_BYTES 20

static const unsigned element_oids[] = {
    [COLUMN_TEXT] = 25,  [COLUMN_UUID] = 2950, [COLUMN_INT64] = 20, [COLUMN_INT32] = 23,
    [COLUMN_INT16] = 21, [COLUMN_TIME] = 1184, [COLUMN_PLACE] = 27, [COLUMN_BOOL] = 16,
};

struct params *params_new(struct arena *arena)
{
    struct params *params = ARENA_NEW(arena, struct params);

    params->arena = arena;
    return params;
}

static char *add(struct params *params, size_t len)
{
    char *value = arena_alloc_raw(params->arena, len ? len : 1);

    assert(params->count < PARAMS_MAX);
    params->values[params->count] = value;
    params->lengths[params->count] = (int)len;
    params->formats[params->count++] = 1;
    return value;
}

void params_text(struct params *params, struct text value)
{
    char *out = add(params, value.len);

    if (!value.ptr)
        params->values[params->count - 1] = NULL;
    else if (value.len)
        memcpy(out, value.ptr, value.len);
}

static void put_int64(char *out, int64_t value)
{
    const uint64_t wire = htobe64((uint64_t)value);

    memcpy(out, &wire, sizeof wire);
}

static void put_int32(char *out, int32_t value)
{
    const uint32_t wire = htobe32((uint32_t)value);

    memcpy(out, &wire, sizeof wire);
}

static void put_int16(char *out, int16_t value)
{
    const uint16_t wire = htobe16((uint16_t)value);

    memcpy(out, &wire, sizeof wire);
}

void params_int16(struct params *params, int16_t value)
{
    put_int16(add(params, 2), value);
}

void params_int64(struct params *params, int64_t value)
{
    put_int64(add(params, 8), value);
}

void params_uuid(struct params *params, struct uuid value)
{
    memcpy(add(params, 16), value.bytes, 16);
}

void params_time(struct params *params, int64_t time_us)
{
    put_int64(add(params, 8), time_us - EPOCH_2000_US);
}

void params_bool(struct params *params, bool value)
{
    *add(params, 1) = value;
}

/* ---- arrays ---- */

struct column *params_column(struct params *params, enum column_type type)
{
    struct column *column = ARENA_NEW(params->arena, struct column);

    assert(params->count < PARAMS_MAX);
    column->arena = params->arena;
    column->type = type;
    column->capacity = 1024;
    column->bytes = arena_alloc_raw(params->arena, column->capacity);
    column->len = ARRAY_HEAD_BYTES;
    params->columns[params->count] = column;
    params->formats[params->count++] = 1;
    return column;
}

/* Room for one element of `len` bytes; its length word is written. */
static char *element(struct column *column, size_t len)
{
    char *out;

    if (column->capacity - column->len < len + 4) {
        size_t capacity = column->capacity * 2;
        char *bytes;

        while (capacity - column->len < len + 4)
            capacity *= 2;
        bytes = arena_alloc_raw(column->arena, capacity);
        memcpy(bytes, column->bytes, column->len);
        column->bytes = bytes;
        column->capacity = capacity;
    }
    out = column->bytes + column->len;
    put_int32(out, (int32_t)len);
    column->len += len + 4;
    column->count++;
    return out + 4;
}

void column_null(struct column *column)
{
    put_int32(element(column, 0) - 4, -1);
    column->has_null = true;
}

void column_text(struct column *column, struct text value)
{
    assert(column->type == COLUMN_TEXT);
    if (!value.ptr) {
        column_null(column);
        return;
    }
    if (value.len)
        memcpy(element(column, value.len), value.ptr, value.len);
    else
        element(column, 0);
}

void column_uuid(struct column *column, struct uuid value)
{
    assert(column->type == COLUMN_UUID);
    memcpy(element(column, 16), value.bytes, 16);
}

void column_int(struct column *column, int64_t value)
{
    if (column->type == COLUMN_INT64)
        put_int64(element(column, 8), value);
    else if (column->type == COLUMN_INT32)
        put_int32(element(column, 4), (int32_t)value);
    else if (column->type == COLUMN_INT16)
        put_int16(element(column, 2), (int16_t)value);
    else
        assert(!"not a column of integers");
}

void column_bool(struct column *column, bool value)
{
    assert(column->type == COLUMN_BOOL);
    *element(column, 1) = value;
}

void column_time(struct column *column, int64_t time_us)
{
    assert(column->type == COLUMN_TIME);
    put_int64(element(column, 8), time_us - EPOCH_2000_US);
}

void column_place(struct column *column, uint64_t place)
{
    char *out = element(column, 6);

    assert(column->type == COLUMN_PLACE);
    put_int32(out, (int32_t)(place >> 16));
    put_int16(out + 4, (int16_t)(place & 0xFFFF));
}

size_t column_count(const struct column *column)
{
    return column->count;
}

void params_finish(struct params *params)
{
    for (int i = 0; i < params->count; i++) {
        struct column *column = params->columns[i];

        if (!column)
            continue;
        put_int32(column->bytes, column->count ? 1 : 0); /* dimensions */
        put_int32(column->bytes + 4, column->has_null);
        put_int32(column->bytes + 8, (int32_t)element_oids[column->type]);
        put_int32(column->bytes + 12, (int32_t)column->count);
        put_int32(column->bytes + 16, 1); /* the first index */
        params->values[i] = column->bytes;
        params->lengths[i] = (int)(column->count ? column->len : 12); /* an empty array has no dimension words */
    }
}

/* ---- results ---- */

size_t rows_count(const struct rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

bool rows_is_null(const struct rows *rows, size_t row, int field)
{
    return PQgetisnull(rows->result, (int)row, field);
}

struct text rows_text(const struct rows *rows, size_t row, int field)
{
    if (rows_is_null(rows, row, field))
        return TEXT_NONE;
    return (struct text){PQgetvalue(rows->result, (int)row, field), (size_t)PQgetlength(rows->result, (int)row, field)};
}

int64_t rows_int(const struct rows *rows, size_t row, int field)
{
    const char *value = PQgetvalue(rows->result, (int)row, field);
    uint64_t wide;
    uint32_t middle;
    uint16_t narrow;

    switch (PQgetlength(rows->result, (int)row, field)) {
    case 8:
        memcpy(&wide, value, 8);
        return (int64_t)be64toh(wide);
    case 4:
        memcpy(&middle, value, 4);
        return (int32_t)be32toh(middle);
    case 2:
        memcpy(&narrow, value, 2);
        return (int16_t)be16toh(narrow);
    case 0:
        return 0; /* NULL */
    }
    assert(!"not an integer");
    abort();
}

bool rows_bool(const struct rows *rows, size_t row, int field)
{
    return !rows_is_null(rows, row, field) && *PQgetvalue(rows->result, (int)row, field);
}

double rows_double(const struct rows *rows, size_t row, int field)
{
    const int64_t bits = rows_int(rows, row, field);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

int64_t rows_time(const struct rows *rows, size_t row, int field)
{
    return rows_int(rows, row, field) + EPOCH_2000_US;
}

struct uuid rows_uuid(const struct rows *rows, size_t row, int field)
{
    struct uuid id = {{0}};

    if (PQgetlength(rows->result, (int)row, field) == sizeof id.bytes)
        memcpy(id.bytes, PQgetvalue(rows->result, (int)row, field), sizeof id.bytes);
    return id;
}

uint64_t rows_place(const struct rows *rows, size_t row, int field)
{
    const char *value = PQgetvalue(rows->result, (int)row, field);
    uint32_t block;
    uint16_t offset;

    assert(PQgetlength(rows->result, (int)row, field) == 6);
    memcpy(&block, value, 4);
    memcpy(&offset, value + 4, 2);
    return (uint64_t)be32toh(block) << 16 | be16toh(offset);
}

const int64_t *rows_int_array(const struct rows *rows, size_t row, int field, struct arena *arena, size_t *count)
{
    const char *value = PQgetvalue(rows->result, (int)row, field);
    uint32_t dimensions, wire_count;
    int64_t *numbers;

    *count = 0;
    if (PQgetlength(rows->result, (int)row, field) < ARRAY_HEAD_BYTES)
        return NULL;
    memcpy(&dimensions, value, 4);
    memcpy(&wire_count, value + 12, 4);
    assert(be32toh(dimensions) == 1);
    *count = be32toh(wire_count);
    assert((size_t)PQgetlength(rows->result, (int)row, field) == ARRAY_HEAD_BYTES + *count * 12);
    numbers = arena_alloc_raw(arena, *count * sizeof *numbers);
    for (size_t i = 0; i < *count; i++) {
        uint64_t wire;

        memcpy(&wire, value + ARRAY_HEAD_BYTES + i * 12 + 4, 8);
        numbers[i] = (int64_t)be64toh(wire);
    }
    return numbers;
}
