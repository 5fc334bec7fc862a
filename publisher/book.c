/* Accepting bookings. */
#include "publisher/book.h"

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/problem.h"
#include "common/redis.h"
#include "common/request.h"
#include "common/stream.h"
#include "publisher/door.h"
#include "publisher/enqueue.h"
#include "publisher/traceparent.h"

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
        {TEXT("quantity"), booking->seat_count ? TEXT_NONE : text_of_int64(arena, booking->quantity)},
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

/* ---- the request ---- */

struct acceptance {
    struct request *request;
    struct text booking_id;
};

static void answer_accepted(struct request *request, struct text booking_id)
{
    struct json json = json_in(request->arena);

    json_begin_object(&json);
    json_key(&json, "booking_id");
    json_text(&json, booking_id);
    json_key(&json, "status");
    json_text(&json, TEXT("REQUESTED"));
    json_end_object(&json);
    answer_header(request, "Location",
                  text_format(request->arena, "/bookings/%.*s", (int)booking_id.len, booking_id.ptr));
    answer_json(request, 202, &json);
}

static void on_added(struct redis *redis, const struct redis_reply *reply, void *context)
{
    const struct acceptance *acceptance = context;
    struct request *request = acceptance->request;

    (void)redis;
    if (!enqueue_succeeded(
            request, reply,
            "it is not known whether the request was taken; with a booking_id of your own it can be sent again"))
        return;
    log_info("booking requested", LOG_TEXT("booking", acceptance->booking_id), LOG_TEXT("entry", reply->text),
             LOG_TEXT("request", request->id));
    answer_accepted(request, acceptance->booking_id);
}

static void accept_booking(struct request *request, void *context)
{
    struct redis *redis = context;
    const struct json_t *document;
    struct problems problems = {.arena = request->arena};
    struct text traceparent = request_header(request, "traceparent");
    struct text words[3 + BOOK_WORDS_MAX] = {TEXT("XADD"), stream_key(BOOKING_REQUESTED), TEXT("*")};
    struct acceptance *acceptance;
    struct book_request booking;
    size_t count;

    if (door_refuses(request))
        return;
    document = request_json(request);
    if (!document || !access_user_of_body(request, "user"))
        return;
    if (!book_read(document, &problems, &booking)) {
        answer_invalid(request, &problems);
        return;
    }
    if (!booking.has_booking_id)
        booking.booking_id = uuid_now(clock_now_ms());
    if (!traceparent_is_valid(traceparent))
        traceparent = TEXT_NONE;
    count = 3 + book_entry(request->arena, &booking, traceparent, words + 3);
    acceptance = ARENA_NEW(request->arena, struct acceptance);
    *acceptance = (struct acceptance){request, uuid_text(request->arena, booking.booking_id)};
    if (!redis_send(redis, on_added, acceptance, count, words))
        enqueue_answer_away(request);
}

const struct route book_routes[] = {
    {"POST", "/bookings", USER, accept_booking},
    {0},
};
