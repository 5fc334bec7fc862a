/* See step_fixture.h. */
#include "tests/unit/step_fixture.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/store_wire.h"

#define EPOCH_2000_US 946684800000000LL
#define COLUMNS_MAX   16

struct fixture *fixture_new(const struct step *step)
{
    struct arena *arena = arena_new();
    struct fixture *fixture = ARENA_NEW(arena, struct fixture);

    fixture->arena = arena;
    fixture->step = step;
    assert_true(time_parse(TEXT(FIXTURE_NOW), &fixture->now_us));
    return fixture;
}

void fixture_free(struct fixture *fixture)
{
    if (fixture)
        arena_free(fixture->arena);
}

/* ---- entries ---- */

static struct text value_of(struct text word)
{
    if (text_is(word, "-"))
        return TEXT_NONE;
    return text_is(word, "''") ? TEXT("") : word;
}

struct entry *fixture_entry(struct fixture *fixture, enum stream stream, const char *id, const char *fields)
{
    struct arena *arena = fixture->arena;
    struct entry *entry = ARENA_NEW(arena, struct entry);
    struct text rest = text_copy(arena, text_of(fields)), word;
    struct text *pairs = ARENA_ARRAY(arena, struct text, strlen(fields) + 2);

    entry->stream = stream;
    entry->id_text = text_copy(arena, text_of(id));
    entry->pairs = pairs;
    assert_true(entry_id_parse(entry->id_text, &entry->id));
    while (rest.len && text_next(&rest, ' ', &word)) {
        assert_true(text_next(&word, '=', &pairs[2 * entry->pair_count]) && word.ptr);
        pairs[2 * entry->pair_count++ + 1] = value_of(word);
    }
    step_check(arena, fixture->step, entry);
    assert_true(fixture->count < FIXTURE_ENTRIES_MAX);
    fixture->entries[fixture->count++] = entry;
    return entry;
}

/* ---- rows ---- */

void fixture_given(struct fixture *fixture, const char *statement, const char *types, const char *row)
{
    struct fixture_rows *given = fixture->given;

    while (given->statement && strcmp(given->statement, statement) != 0)
        given++;
    assert_true(given < fixture->given + STEP_QUERIES_MAX);
    given->statement = statement;
    given->types = types;
    if (given->count == given->capacity) {
        const char **rows = ARENA_ARRAY(fixture->arena, const char *, given->capacity * 2 + 16);

        if (given->count)
            memcpy(rows, given->rows, given->count * sizeof *rows);
        given->rows = rows;
        given->capacity = given->capacity * 2 + 16;
    }
    given->rows[given->count++] = text_terminated(fixture->arena, text_of(row));
}

static size_t put_int(char *out, int64_t number)
{
    const uint64_t wire = htobe64((uint64_t)number);

    memcpy(out, &wire, sizeof wire);
    return sizeof wire;
}

static size_t put_word(char *out, uint32_t word)
{
    const uint32_t wire = htobe32(word);

    memcpy(out, &wire, sizeof wire);
    return sizeof wire;
}

/* "{1,2}" as bigint[]. */
static size_t put_ints(char *out, struct text list)
{
    struct text rest = {list.ptr + 1, list.len - 2}, piece;
    size_t len = 20;
    uint32_t count = 0;

    assert_true(list.len >= 2 && list.ptr[0] == '{');
    while (rest.len && text_next(&rest, ',', &piece)) {
        int64_t number;

        assert_true(text_to_int64(piece, INT64_MIN, INT64_MAX, &number));
        len += put_word(out + len, 8);
        len += put_int(out + len, number);
        count++;
    }
    put_word(out, count ? 1 : 0);
    put_word(out + 4, 0);
    put_word(out + 8, 20);
    put_word(out + 12, count);
    put_word(out + 16, 1);
    return count ? len : 12;
}

static size_t put_value(char *out, struct text type, struct text value)
{
    int64_t number;
    struct uuid id;
    unsigned block, offset;

    if (text_is(type, "text")) {
        if (value.len)
            memcpy(out, value.ptr, value.len);
        return value.len;
    }
    if (text_is(type, "int")) {
        assert_true(text_to_int64(value, INT64_MIN, INT64_MAX, &number));
        return put_int(out, number);
    }
    if (text_is(type, "time")) {
        assert_true(time_parse(value, &number));
        return put_int(out, number - EPOCH_2000_US);
    }
    if (text_is(type, "uuid")) {
        assert_true(uuid_parse(value, &id));
        memcpy(out, id.bytes, sizeof id.bytes);
        return sizeof id.bytes;
    }
    if (text_is(type, "bool")) {
        assert_true(text_is(value, "t") || text_is(value, "f"));
        *out = value.ptr[0] == 't';
        return 1;
    }
    if (text_is(type, "place")) {
        assert_int_equal(sscanf(value.ptr, "%u/%u", &block, &offset), 2);
        put_word(out, block);
        out[4] = (char)(offset >> 8);
        out[5] = (char)offset;
        return 6;
    }
    assert_true(text_is(type, "ints"));
    return put_ints(out, value);
}

static PGresult *make_result(const struct fixture_rows *given)
{
    static char name[] = "column";
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[COLUMNS_MAX];
    struct text types = text_of(given->types), type;
    int count = 0;

    while (text_next(&types, ' ', &type)) {
        assert_true(count < COLUMNS_MAX);
        columns[count++] = (PGresAttDesc){.name = name, .format = 1};
    }
    assert_true(PQsetResultAttrs(result, count, columns));
    for (size_t row = 0; row < given->count; row++) {
        struct text words = text_of(given->rows[row]), word;

        types = text_of(given->types);
        for (int column = 0; column < count; column++) {
            char bytes[4096];
            struct text value;
            int len = -1;

            assert_true(text_next(&types, ' ', &type));
            check_row(text_next(&words, ' ', &word), "%s: too few words: %s", given->statement, given->rows[row]);
            value = value_of(word);
            assert_true(value.len < sizeof bytes / 12);
            if (value.ptr)
                len = (int)put_value(bytes, type, value);
            assert_true(PQsetvalue(result, (int)row, column, value.ptr ? bytes : NULL, len));
        }
        check_row(!words.ptr, "%s: too many words: %s", given->statement, given->rows[row]);
    }
    return result;
}

/* ---- deciding ---- */

static void run_load(struct fixture *fixture, const struct query *load)
{
    struct params *params = params_new(fixture->arena);
    const struct fixture_rows *given = fixture->given;
    struct rows rows;

    if (!load->bind(fixture->batch, params))
        return;
    params_finish(params);
    if (fixture->answer)
        fixture->answer(fixture, load->statement->name, params);
    while (given->statement && strcmp(given->statement, load->statement->name) != 0)
        given++;
    if (!given->statement || !load->take)
        return;
    rows.result = make_result(given);
    load->take(fixture->batch, &rows);
    PQclear(rows.result); /* whoever kept a pointer into it is found by the sanitizer */
}

void fixture_decide(struct fixture *fixture)
{
    const struct step *step = fixture->step;

    fixture->batch = batch_new(fixture->arena, step, fixture->entries, fixture->count, fixture->now_us);
    batch_begin(fixture->batch);
    for (size_t i = 0; i < STEP_QUERIES_MAX && step->loads[i].statement; i++)
        run_load(fixture, &step->loads[i]);
    step->decide(fixture->batch);
    for (size_t i = 0; i < fixture->count; i++)
        assert_int_not_equal(fixture->batch->outcomes[i].kind, UNDECIDED);
    for (size_t i = 0; i < STEP_QUERIES_MAX && step->stores[i].statement; i++) {
        struct params *params = params_new(fixture->arena);

        if (step->stores[i].bind(fixture->batch, params)) {
            params_finish(params);
            fixture->stored[i] = params;
        }
    }
}

/* ---- what came of it ---- */

void fixture_check_outcome(const struct fixture *fixture, size_t i, enum outcome_kind kind, const char *what,
                           const char *file, int line)
{
    static const char *const names[] = {"UNDECIDED", "DONE", "RETRY", "REJECT"};
    const struct outcome *outcome = &fixture->batch->outcomes[i];

    if (outcome->kind == kind && strcmp(outcome->what, what) == 0)
        return;
    print_error("entry %zu: %s \"%s\" is not %s \"%s\"\n", i, names[outcome->kind], outcome->what, names[kind], what);
    _fail(file, line);
}

size_t fixture_said_count(const struct fixture *fixture)
{
    size_t count = 0;

    for (const struct fact *fact = fixture->batch->said; fact; fact = fact->next)
        count++;
    return count;
}

const struct fact *fixture_said(const struct fixture *fixture, size_t n)
{
    const struct fact *fact = fixture->batch->said;

    while (fact && n-- > 0)
        fact = fact->next;
    assert_non_null(fact);
    return fact;
}

struct text fact_value(const struct fact *fact, const char *name)
{
    for (size_t i = 0; i < fact->word_count; i += 2)
        if (text_is(fact->words[i], name))
            return fact->words[i + 1];
    return TEXT_NONE;
}

void fixture_check_said(const struct fixture *fixture, size_t n, enum stream stream, const char *fields,
                        const char *file, int line)
{
    const struct fact *fact = fixture_said(fixture, n);
    struct text rest = text_of(fields), word, name;

    if (fact->stream != stream) {
        print_error("event %zu is on %s, not on %s\n", n, stream_key(fact->stream).ptr, stream_key(stream).ptr);
        _fail(file, line);
    }
    while (rest.len && text_next(&rest, ' ', &word)) {
        assert_true(text_next(&word, '=', &name) && word.ptr);
        support_check_text(fact_value(fact, text_terminated(fixture->arena, name)),
                           text_is(word, "''") ? "" : text_terminated(fixture->arena, word),
                           text_terminated(fixture->arena, name), file, line);
    }
}

static int64_t get_int(const char *bytes, size_t len)
{
    int64_t number = bytes[0] < 0 ? -1 : 0;

    for (size_t i = 0; i < len; i++)
        number = (int64_t)((uint64_t)number << 8 | (unsigned char)bytes[i]);
    return number;
}

static struct text element_text(struct arena *arena, enum column_type type, const char *bytes, size_t len)
{
    struct uuid id;

    switch (type) {
    case COLUMN_TEXT:
        return len ? (struct text){bytes, len} : TEXT("''");
    case COLUMN_UUID:
        memcpy(id.bytes, bytes, sizeof id.bytes);
        return uuid_text(arena, id);
    case COLUMN_TIME:
        return time_text(arena, (get_int(bytes, len) + EPOCH_2000_US) / 1000);
    case COLUMN_PLACE:
        return text_format(arena, "%lld/%lld", (long long)get_int(bytes, 4), (long long)get_int(bytes + 4, 2));
    case COLUMN_BOOL:
        return *bytes ? TEXT("t") : TEXT("f");
    case COLUMN_INT64:
    case COLUMN_INT32:
    case COLUMN_INT16:
        return text_of_int64(arena, get_int(bytes, len));
    }
    return TEXT_NONE;
}

/* The element at *at; ptr NULL for NULL. Moves on. */
static struct text next_element(const struct column *column, size_t *at)
{
    const int64_t len = get_int(column->bytes + *at, 4);
    const struct text bytes = {len < 0 ? NULL : column->bytes + *at + 4, len < 0 ? 0 : (size_t)len};

    *at += 4 + bytes.len;
    return bytes;
}

const char *fixture_param_text(struct arena *arena, const struct params *params, int parameter)
{
    const struct column *column = params->columns[parameter - 1];
    struct text all = TEXT("");
    size_t at = 20;

    assert_true(parameter <= params->count);
    if (!column)
        return params->values[parameter - 1]
                   ? text_terminated(arena, text_of_int64(arena, get_int(params->values[parameter - 1],
                                                                         (size_t)params->lengths[parameter - 1])))
                   : "-";
    for (size_t i = 0; i < column->count; i++) {
        const struct text bytes = next_element(column, &at);
        const struct text text = bytes.ptr ? element_text(arena, column->type, bytes.ptr, bytes.len) : TEXT("-");

        all = text_format(arena, "%.*s%s%.*s", (int)all.len, all.ptr, i > 0 ? " " : "", (int)text.len, text.ptr);
    }
    return text_terminated(arena, all);
}

size_t fixture_param_texts(const struct params *params, int parameter, struct text *out, size_t out_max)
{
    const struct column *column = params->columns[parameter - 1];
    size_t at = 20;

    assert_true(column && column->type == COLUMN_TEXT && column->count <= out_max);
    for (size_t i = 0; i < column->count; i++)
        out[i] = next_element(column, &at);
    return column->count;
}

int64_t fixture_param_int(const struct params *params, int parameter, size_t element)
{
    const struct column *column = params->columns[parameter - 1];
    size_t at = 20;

    assert_true(column && element < column->count);
    while (element-- > 0)
        next_element(column, &at);
    return get_int(column->bytes + at + 4, (size_t)get_int(column->bytes + at, 4));
}

const char *fixture_stored(struct fixture *fixture, const char *statement, int parameter)
{
    for (size_t i = 0; i < STEP_QUERIES_MAX && fixture->step->stores[i].statement; i++)
        if (strcmp(fixture->step->stores[i].statement->name, statement) == 0)
            return fixture->stored[i] ? fixture_param_text(fixture->arena, fixture->stored[i], parameter) : NULL;
    fail_msg("no such store: %s", statement);
    return NULL;
}
