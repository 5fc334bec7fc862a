/* Published onto a stream of the flow: the payload's members become the entry's fields. */
#include <assert.h>
#include <jansson.h>

#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/id.h"
#include "common/problem.h"
#include "publisher/book.h"
#include "publisher/publish_read.h"

bool publish_may_say(enum stream stream)
{
    return stream == BOOKING_REQUESTED || stream == CANCEL_REQUESTED;
}

/* ["A1","A2"] of "A1,A2"; one label too many is enough to be refused. */
static json_t *array_of_list(struct text list)
{
    json_t *array = json_array();
    struct text label;

    while (json_array_size(array) <= BOOKING_SEATS_MAX && text_next(&list, ',', &label))
        json_array_append_new(array, json_stringn(label.ptr, label.len));
    return array;
}

/* On the stream all is text, and so the log shows it: what is read there can be published again. */
static void read_text_forms(json_t *payload)
{
    const json_t *seats = json_object_get(payload, "seats"), *quantity = json_object_get(payload, "quantity");
    int64_t number;

    if (json_string_length(seats) > 0)
        json_object_set_new(payload, "seats",
                            array_of_list((struct text){json_string_value(seats), json_string_length(seats)}));
    if (json_is_string(quantity) &&
        text_to_int64((struct text){json_string_value(quantity), json_string_length(quantity)}, 1, BOOKING_SEATS_MAX,
                      &number))
        json_object_set_new(payload, "quantity", json_integer(number));
}

/* As POST /bookings takes it, or as the stream has it. Without a booking_id the hold step makes one of the event_id,
 * the same whenever the event is published again. */
static size_t booking_words(json_t *payload, struct problems *problems, struct text *words)
{
    struct book_request booking;
    struct text said[BOOK_WORDS_MAX];
    size_t count = 0, said_count;

    static_assert(BOOK_WORDS_MAX <= PUBLISH_FLOW_WORDS_MAX, "a booking fits");
    read_text_forms(payload);
    if (!book_read(payload, problems, &booking))
        return 0;
    said_count = book_entry(problems->arena, &booking, TEXT_NONE, said);
    for (size_t i = 0; i < said_count; i += 2) {
        if (text_is(said[i], "source") || (text_is(said[i], "booking_id") && !booking.has_booking_id))
            continue;
        words[count++] = said[i];
        words[count++] = text_copy(problems->arena, said[i + 1]);
    }
    return count;
}

static size_t cancel_words(const json_t *payload, struct problems *problems, struct text *words)
{
    const struct body body = body_open(payload, problems);
    struct uuid booking_id;
    struct text by, reason;
    size_t count = 0;

    body_require(&body, "booking_id");
    body_uuid(&body, "booking_id", &booking_id);
    by = body_identifier(&body, "by", IDENTIFIER_BYTES_MAX);
    reason = body_line(&body, "reason", REASON_BYTES_MAX);
    if (reason.len > REASON_BYTES_MAX)
        body_refuse(&body, "reason", "must be at most %d bytes", REASON_BYTES_MAX);
    if (problems->count > 0)
        return 0;
    words[count++] = TEXT("booking_id");
    words[count++] = uuid_text(problems->arena, booking_id);
    if (by.ptr) {
        words[count++] = TEXT("by");
        words[count++] = text_copy(problems->arena, by);
    }
    if (reason.ptr) {
        words[count++] = TEXT("reason");
        words[count++] = text_copy(problems->arena, reason);
    }
    return count;
}

size_t publish_flow_words(enum stream stream, struct text payload, struct problems *problems,
                          struct text words[PUBLISH_FLOW_WORDS_MAX])
{
    struct text why;
    json_t *document = body_parse(problems->arena, payload, &why);
    size_t count;

    assert(publish_may_say(stream));
    if (!document) { /* it was scanned, so it is JSON; but of a payload that is read a tree is made */
        problems_add(problems, TEXT(""), text_terminated(problems->arena, why));
        return 0;
    }
    count = stream == BOOKING_REQUESTED ? booking_words(document, problems, words)
                                        : cancel_words(document, problems, words);
    json_decref(document);
    return count;
}
