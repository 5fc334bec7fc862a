/* Bodies of POST /publish in all its forms. Whatever is taken is a row of commands that Redis can read, each an entry
 * that the log can store and, on booking.requested, that the step hold can read: nothing that was answered 202 is
 * rejected for its form. */
#include "tests/fuzz/fuzz.h"

#include "aggregator/logged.h"
#include "common/arena.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/json.h"
#include "common/problem.h"
#include "common/step.h"
#include "publisher/publish_read.h"
#include "ticket-worker/steps.h"

/* "*3\r\n": the number; what follows remains. */
static size_t take_head(struct text *rest, char sign)
{
    struct text line;
    int64_t number;

    must(text_next(rest, '\n', &line) && line.len > 2 && line.ptr[0] == sign && line.ptr[line.len - 1] == '\r');
    must(text_to_int64((struct text){line.ptr + 1, line.len - 2}, 0, INT32_MAX, &number));
    return (size_t)number;
}

static struct text take_word(struct text *rest)
{
    const size_t len = take_head(rest, '$');
    const struct text word = {rest->ptr, len};

    must(rest->len >= len + 2 && memcmp(rest->ptr + len, "\r\n", 2) == 0);
    *rest = (struct text){rest->ptr + len + 2, rest->len - len - 2};
    return word;
}

static void check_entry(struct arena *arena, struct entry *entry)
{
    struct json json = json_in(arena);
    struct logged logged;

    must(entry_bytes(entry) <= ENTRY_BYTES_MAX);
    if (entry->stream == BOOKING_REQUESTED)
        step_check(arena, &hold, entry);
    else
        entry->refusal = entry_read_common(arena, entry);
    must(!entry->refusal.reason);
    must(!logged_read(&json, entry, &logged).reason);
}

static void check_command(struct arena *arena, struct text *commands)
{
    const size_t count = take_head(commands, '*');
    struct text *words = ARENA_ARRAY(arena, struct text, count);
    struct entry entry = {.id = {1795000000000, 7}, .id_text = TEXT("1795000000000-7")};

    for (size_t i = 0; i < count; i++)
        words[i] = take_word(commands);
    must(count > 3 && count % 2 == 1 && text_is(words[0], "XADD") && text_is(words[2], "*"));
    must(stream_of_key(words[1], &entry.stream));
    must(entry.stream == EVENTS || publish_may_say(entry.stream));
    entry.pairs = words + 3;
    entry.pair_count = (count - 3) / 2;
    check_entry(arena, &entry);
}

static void check_problems(const struct problems *problems)
{
    must(problems->count > 0 && problems->count <= PROBLEMS_MAX);
    for (size_t i = 0; i < problems->count; i++)
        must(problems->items[i].detail.len > 0 && text_is_utf8(problems->items[i].pointer));
}

static void check_form(struct text bytes, enum publish_form form)
{
    const struct publish_body body = {.bytes = bytes, .form = form, .now_ms = 1795000000000};
    struct arena *arena = arena_new();
    struct problems problems = {.arena = arena};
    struct publish_batch batch;
    size_t count = 0;

    switch (publish_read(&body, &problems, &batch)) {
    case PUBLISH_TAKEN:
        must(problems.count == 0 && batch.count > 0 && batch.count <= PUBLISH_EVENTS_MAX);
        for (; batch.commands.len > 0; count++)
            check_command(arena, &batch.commands);
        must(count == batch.count);
        break;
    case PUBLISH_NOT_JSON:
        must(batch.why.len > 0 && text_is_utf8(batch.why));
        break;
    case PUBLISH_INVALID:
        check_problems(&problems);
        break;
    case PUBLISH_EMPTY:
    case PUBLISH_TOO_MANY:
        break;
    }
    arena_free(arena);
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
    char *copy = fuzz_copy(data, size);

    check_form((struct text){copy, size}, PUBLISH_EVENTS);
    check_form((struct text){copy, size}, PUBLISH_CLOUD_EVENT);
    check_form((struct text){copy, size}, PUBLISH_CLOUD_EVENTS);
    free(copy);
    return 0;
}
