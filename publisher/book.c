/* Accepting bookings. */
#include "publisher/book.h"

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/json.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/wish.h"
#include "publisher/booked.h"
#include "publisher/door.h"
#include "publisher/prefer.h"
#include "publisher/take.h"

/* ---- what was sent ---- */

/* Seats are said in one of three ways. */
static void read_seats(const struct body *body, struct book_request *booking)
{
    static const char *const ways[] = {"seats", "seat", "quantity"};
    size_t given = 0;

    for (size_t i = 0; i < 3; i++)
        given += body_is_given(body, ways[i]);
    if (body->object && given != 1)
        body_refuse(body, "seats", "give exactly one of seats, seat and quantity");
    booking->seat_count = body_labels(body, "seats", BOOKING_SEATS_MAX, &booking->seats);
    if (body_is_given(body, "seat")) {
        booking->seats = ARENA_NEW(body->problems->arena, struct text);
        booking->seats[0] = body_identifier(body, "seat", SEAT_LABEL_BYTES_MAX);
        booking->seat_count = 1;
    }
    body_integer(body, "quantity", 1, BOOKING_SEATS_MAX, &booking->quantity);
}

static struct text read_choice(const struct body *body, const char *name, const char *choices)
{
    const int which = body_choice(body, name, choices);
    struct text rest = text_of(choices), choice = TEXT_NONE;

    for (int i = 0; i <= which; i++)
        text_next(&rest, '|', &choice);
    return choice;
}

bool book_read(const struct json_t *document, struct problems *problems, struct book_request *booking)
{
    const struct body body = body_open(document, problems);

    *booking = (struct book_request){0};
    body_require(&body, "user");
    body_require(&body, "show");
    booking->user = body_identifier(&body, "user", IDENTIFIER_BYTES_MAX);
    booking->show = body_identifier(&body, "show", IDENTIFIER_BYTES_MAX);
    read_seats(&body, booking);
    booking->waitlist = read_choice(&body, "waitlist", "yes|no");
    booking->payment = read_choice(&body, "payment", "auto|link");
    booking->has_booking_id = body_uuid(&body, "booking_id", &booking->booking_id);
    return problems->count == 0;
}

/* ---- what is said on the stream ---- */

static struct text join(struct arena *arena, const struct text *labels, size_t count)
{
    struct buffer buffer = buffer_in(arena);

    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_byte(&buffer, ',');
        buffer_add(&buffer, labels[i]);
    }
    return buffer_take(&buffer);
}

static struct text quantity_said(struct arena *arena, const struct book_request *booking)
{
    return booking->seat_count ? TEXT_NONE : text_of_int64(arena, booking->quantity);
}

size_t book_entry(struct arena *arena, const struct book_request *booking, struct text traceparent,
                  struct text words[BOOK_WORDS_MAX])
{
    const struct {
        struct text name, value;
    } fields[] = {
        {TEXT("booking_id"), uuid_text(arena, booking->booking_id)},
        {TEXT("user"), booking->user},
        {TEXT("show"), booking->show},
        {TEXT("seats"), booking->seat_count ? join(arena, booking->seats, booking->seat_count) : TEXT_NONE},
        {TEXT("quantity"), quantity_said(arena, booking)},
        {TEXT("waitlist"), booking->waitlist},
        {TEXT("payment"), booking->payment},
        {TEXT("source"), TEXT("publisher")},
        {TEXT("traceparent"), traceparent},
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!fields[i].value.ptr)
            continue;
        words[count++] = fields[i].name;
        words[count++] = fields[i].value;
    }
    return count;
}

int64_t book_fingerprint(struct arena *arena, const struct book_request *booking)
{
    struct text *labels = ARENA_ARRAY(arena, struct text, booking->seat_count + 1);

    for (size_t i = 0; i < booking->seat_count; i++)
        labels[i] = booking->seats[i];
    wish_sort_labels(labels, booking->seat_count);
    return wish_fingerprint(&(struct wish){.user = booking->user,
                                           .show = booking->show,
                                           .payment = booking->payment,
                                           .quantity = quantity_said(arena, booking),
                                           .waits = !text_is(booking->waitlist, "no"),
                                           .labels = labels,
                                           .label_count = booking->seat_count});
}

/* ---- the request ---- */

static void answer_accepted(struct request *request, struct text booking_id)
{
    struct json json = json_in(request->arena);

    json_begin_object(&json);
    json_key(&json, "booking_id");
    json_text(&json, booking_id);
    json_key(&json, "status");
    json_text(&json, TEXT("REQUESTED"));
    json_end_object(&json);
    answer_json(request, 202, &json);
}

static void answer_booked(struct request *request, const struct booked *booked)
{
    struct json json = json_in(request->arena);

    booked_write(&json, booked);
    answer_json(request, 201, &json);
}

static void answer_taken(struct taking *taking, enum take_outcome outcome, const struct booked *booked)
{
    struct request *request = taking->request;
    const struct text id = taking->booking_id;

    if (outcome == TAKE_OTHER_BODY) {
        answer_problem(request, 422, "idempotency_key_reused", "this Idempotency-Key was used with another body");
        return;
    }
    if (outcome == TAKE_OTHER_BOOKING) {
        answer_problem(request, 422, "booking_id_reused",
                       "this booking_id belongs to another booking, which stays as it is");
        return;
    }
    answer_header(request, "Location", text_format(request->arena, "/bookings/%.*s", (int)id.len, id.ptr));
    if (taking->is_again)
        answer_header(request, "Idempotent-Replayed", TEXT("true"));
    if (taking->is_waited_for)
        answer_header(request, "Preference-Applied", text_format(request->arena, "wait=%d", taking->wait_s));
    if (outcome == TAKE_ARRIVED)
        answer_booked(request, booked);
    else
        answer_accepted(request, id);
}

static void accept_booking(struct request *request, void *context)
{
    struct problems problems = {.arena = request->arena};
    const struct json_t *document;
    struct taking *taking;
    const char *wrong;

    if (door_refuses(request))
        return;
    document = request_json(request);
    if (!document || !access_user_of_body(request, "user"))
        return;
    taking = ARENA_NEW(request->arena, struct taking);
    *taking = (struct taking){.request = request, .goal = WAIT_DECIDED, .done = answer_taken};
    wrong = idempotency_read(request, document, &taking->key);
    if (wrong) {
        answer_problem(request, 400, "bad_idempotency_key", wrong);
        return;
    }
    if (!book_read(document, &problems, &taking->booking)) {
        answer_invalid(request, &problems);
        return;
    }
    taking->wait_s = prefer_wait_s(&request->head);
    take_booking(context, taking);
}

const struct route book_routes[] = {
    {"POST", "/bookings", USER, accept_booking},
    {0},
};
