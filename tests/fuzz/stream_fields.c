/* An entry of a stream as anybody may type it: name and value as many as they like, of any bytes. Every step either
 * refuses it with a reason that can be shown, or holds values that its table allows; what the event log would keep is
 * JSON.
 *
 * Input: which stream, then names and values, each ended by a zero byte (a zero byte itself is written as 1, 'z'). */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

#include "aggregator/logged.h"
#include "aggregator/record.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/json.h"
#include "common/step.h"
#include "payment-worker/steps.h"
#include "ticket-worker/steps.h"

#define PAIRS_MAX 200

static const struct step *const all[] = {&hold, &bill, &settle, &invoice, &charge, &record};

static struct text take_word(struct arena *arena, const uint8_t **at, const uint8_t *end)
{
    char *word = arena_alloc(arena, (size_t)(end - *at) + 1);
    size_t len = 0;

    while (*at < end && **at != 0) {
        if (**at == 1 && *at + 1 < end && (*at)[1] == 'z') {
            word[len++] = '\0';
            *at += 2;
        } else {
            word[len++] = (char)*(*at)++;
        }
    }
    *at += *at < end;
    return (struct text){word, len};
}

static struct entry entry_of(struct arena *arena, const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *const end = data + size;
    struct text *pairs = ARENA_ARRAY(arena, struct text, 2 * PAIRS_MAX);
    struct entry entry = {.pairs = pairs, .id = {1795000000000, 7}, .id_text = TEXT("1795000000000-7")};

    if (at < end)
        entry.stream = (enum stream)(*at++ % STREAM_COUNT);
    while (at < end && entry.pair_count < PAIRS_MAX) {
        pairs[2 * entry.pair_count] = take_word(arena, &at, end);
        pairs[2 * entry.pair_count++ + 1] = take_word(arena, &at, end);
    }
    return entry;
}

static void check_refusal(const struct refusal *refusal)
{
    must(refusal->reason && *refusal->reason);
    must(text_is_utf8(refusal->detail));
}

static void check_value(const struct field *field, const struct value *value)
{
    if (!value->text.ptr) {
        must(!field->is_required);
        return;
    }
    must(text_is_printable(value->text));
    switch (field->type) {
    case FIELD_IDENTIFIER:
        must(text_is_identifier(value->text, IDENTIFIER_BYTES_MAX));
        break;
    case FIELD_INTEGER:
        must(value->number >= field->min && value->number <= field->max);
        break;
    case FIELD_CURRENCY:
        must(text_is_currency(value->text));
        break;
    case FIELD_UUID:
    case FIELD_INVOICE_NO:
        must(!uuid_is_nil(value->uuid) || value->text.len >= 30);
        break;
    case FIELD_TIME:
    case FIELD_CHOICE:
        must(value->number >= 0);
        break;
    case FIELD_TEXT:
        must(value->text.len <= (size_t)field->max);
    }
}

static void check_step(struct arena *arena, const struct step *step, struct entry entry)
{
    step_check(arena, step, &entry);
    if (entry.refusal.reason) {
        check_refusal(&entry.refusal);
        return;
    }
    for (size_t i = 0; i < step->field_count; i++)
        check_value(&step->fields[i], &entry.values[i]);
}

static void check_json(struct text text)
{
    json_t *value = json_loadb(text.ptr, text.len, 0, NULL);

    must(json_is_object(value));
    json_decref(value);
}

/* A name may come twice in an entry, and then it does in the payload or the extra, which are copies of it. */
static void check_log(struct arena *arena, struct entry entry)
{
    struct json json = json_in(arena);
    struct logged logged;
    struct letter letter;
    struct replay replay;
    struct refusal refusal;

    step_check(arena, &record, &entry);
    if (entry.refusal.reason)
        return;
    if (entry.stream == DEAD) {
        if (letter_read(&json, &entry, &letter))
            must(text_is_utf8(letter.reason) && text_is_utf8(letter.detail) && text_is_utf8(letter.fields));
        return;
    }
    replay_read(&entry, &replay);
    refusal = logged_read(&json, &entry, &logged);
    if (refusal.reason) {
        check_refusal(&refusal);
        return;
    }
    must(text_is_printable(logged.topic) && text_is_printable(logged.event_id) && text_is_utf8(logged.source));
    check_json(logged.payload);
    if (logged.extra.ptr) {
        must(text_is_utf8(logged.extra));
        check_json(logged.extra);
    }
}

/* The steps ask for settings. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    config_load();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const struct entry entry = entry_of(arena, data, size);

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t j = 0; j < all[i]->reads_count; j++)
            if (all[i]->reads[j] == entry.stream)
                check_step(arena, all[i], entry);
    check_log(arena, entry);
    arena_free(arena);
    return 0;
}
