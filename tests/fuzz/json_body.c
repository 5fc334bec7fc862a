/* Bodies of POST /bookings and POST /shows. What is refused is refused with a pointer and a reason, and what the door
 * lets in as a booking is one that the step hold can read: whoever was answered 202 has no dead letter for its form. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/config.h"
#include "common/json.h"
#include "common/problem.h"
#include "common/step.h"
#include "publisher/book.h"
#include "publisher/catalog.h"
#include "ticket-worker/steps.h"

static void check_problems(const struct problems *problems)
{
    must(problems->count > 0 && problems->count <= PROBLEMS_MAX);
    for (size_t i = 0; i < problems->count; i++) {
        must(problems->items[i].detail.len > 0 && text_is_utf8(problems->items[i].detail));
        must(text_is_utf8(problems->items[i].pointer));
    }
}

static void check_booking(struct arena *arena, const json_t *document)
{
    struct problems problems = {.arena = arena};
    struct book_request booking;
    struct text words[BOOK_WORDS_MAX];
    struct entry entry = {.stream = BOOKING_REQUESTED, .id = {1795000000000, 7}, .id_text = TEXT("1795000000000-7")};

    if (!book_read(document, &problems, &booking)) {
        check_problems(&problems);
        return;
    }
    if (!booking.has_booking_id)
        booking.booking_id = uuid_now(1795000000000);
    entry.pairs = words;
    entry.pair_count = book_entry(arena, &booking, TEXT_NONE, words) / 2;
    step_check(arena, &hold, &entry);
    must(!entry.refusal.reason);
}

static void check_show(struct arena *arena, const json_t *document)
{
    struct problems problems = {.arena = arena};
    struct json json = json_in(arena);
    struct catalog_show show;
    struct text written;
    json_t *read;

    if (!catalog_read(document, TEXT("new"), &problems, &show)) {
        check_problems(&problems);
        return;
    }
    catalog_write(&json, &show);
    written = json_take(&json);
    read = json_loadb(written.ptr, written.len, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_object(read));
    json_decref(read);
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
    char *copy = fuzz_copy(data, size);
    struct text why = TEXT_NONE;
    json_t *document = body_parse(arena, (struct text){copy, size}, &why);

    if (document) {
        check_booking(arena, document);
        check_show(arena, document);
        json_decref(document);
    } else {
        must(why.len > 0 && text_is_utf8(why));
    }
    free(copy);
    arena_free(arena);
    return 0;
}
