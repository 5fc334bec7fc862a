/* Bodies of POST /bookings and of shows and seats. What is refused is refused with a pointer and a reason, and what the
 * door lets in as a booking is one that the step hold can read: whoever was answered 202 has no dead letter for its
 * form. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/config.h"
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

/* What the catalog takes can be stored: each text is one, and only what may be named is. */
static void check_show(struct arena *arena, const json_t *document, enum catalog_how how)
{
    struct problems problems = {.arena = arena};
    struct catalog_show show;

    if (!catalog_read(document, how, TEXT("id"), &problems, &show)) {
        check_problems(&problems);
        return;
    }
    must(text_is_identifier(show.show_id, IDENTIFIER_BYTES_MAX));
    must(how == CATALOG_NEW || text_is(show.show_id, "id"));
    must(how == CATALOG_PART || (text_is_printable(show.title) && text_is_currency(show.currency)));
    must(show.name_count <= CATALOG_NAMES_MAX && show.seat_count <= SHOW_SEATS_MAX);
    must(how != CATALOG_NEW || show.seat_count > 0);
    for (size_t i = 0; show.seats && i < show.seat_count; i++)
        must(text_is_identifier(show.seats[i], SEAT_LABEL_BYTES_MAX));
}

static void check_seats(struct arena *arena, const json_t *document)
{
    struct problems problems = {.arena = arena}, one = {.arena = arena};
    struct catalog_seat *seats, seat;
    bool is_array;
    size_t count;

    if (catalog_read_seats(document, &problems, &is_array, &seats, &count))
        for (size_t i = 0; i < count; i++)
            must(text_is_identifier(seats[i].label, SEAT_LABEL_BYTES_MAX));
    else
        check_problems(&problems);
    if (catalog_read_seat(document, CATALOG_PART, TEXT("A1"), &one, &seat))
        must(text_is(seat.label, "A1"));
    else
        check_problems(&one);
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
        check_show(arena, document, CATALOG_NEW);
        check_show(arena, document, CATALOG_WHOLE);
        check_show(arena, document, CATALOG_PART);
        check_seats(arena, document);
        json_decref(document);
    } else {
        must(why.len > 0 && text_is_utf8(why));
    }
    free(copy);
    arena_free(arena);
    return 0;
}
