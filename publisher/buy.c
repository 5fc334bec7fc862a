/* Buying tickets. */
#include "publisher/buy.h"

#include <jansson.h>

#include "common/access.h"
#include "common/answer.h"
#include "common/arena.h"
#include "common/body.h"
#include "common/bounds.h"
#include "common/json.h"
#include "common/problem.h"
#include "common/request.h"
#include "common/ticket.h"
#include "publisher/booked.h"
#include "publisher/door.h"
#include "publisher/take.h"

/* ---- what was sent ---- */

/* The original shop's stages had numbers. */
static struct text read_stage(const struct body *body)
{
    const json_t *given = json_object_get(body->object, "stage_id");

    if (json_is_integer(given) && json_integer_value(given) >= 0)
        return text_of_int64(body->problems->arena, json_integer_value(given));
    return body_identifier(body, "stage_id", IDENTIFIER_BYTES_MAX);
}

bool buy_read(const struct json_t *document, struct problems *problems, struct book_request *booking)
{
    const struct body body = body_open(document, problems);

    *booking = (struct book_request){.waitlist = TEXT("no"), .payment = TEXT("auto")};
    body_require(&body, "username");
    body_require(&body, "stage_id");
    body_require(&body, "qty");
    booking->user = body_identifier(&body, "username", IDENTIFIER_BYTES_MAX);
    booking->show = read_stage(&body);
    body_integer(&body, "qty", 1, BOOKING_SEATS_MAX, &booking->quantity);
    return problems->count == 0;
}

/* ---- the answer ---- */

static void answer_error(struct request *request, int status, struct text error)
{
    struct json json = json_in(request->arena);

    json_begin_object(&json);
    json_key(&json, "error");
    json_text(&json, error);
    json_end_object(&json);
    answer_json(request, status, &json);
}

/* "qty must be an integer from 1 to 10; username is required" */
static void answer_wrong(struct request *request, const struct problems *problems)
{
    struct buffer buffer = buffer_in(request->arena);

    for (size_t i = 0; i < problems->count; i++) {
        const struct text pointer = problems->items[i].pointer, detail = problems->items[i].detail;
        const struct text name = pointer.len > 1 ? (struct text){pointer.ptr + 1, pointer.len - 1} : TEXT("the body");

        buffer_format(&buffer, "%s%.*s %.*s", i > 0 ? "; " : "", (int)name.len, name.ptr, (int)detail.len, detail.ptr);
    }
    answer_error(request, 400, buffer_take(&buffer));
}

const char *buy_why_not(const struct booked *booked)
{
    static const struct {
        const char *reason, *error;
    } reasons[] = {
        {"unknown_show", "there is no such stage"},
        {"unknown_user", "there is no such user"},
        {"not_enough_seats", "there are not enough tickets left"},
        {"payment_failed", "the payment failed"},
    };

    if (text_is(booked->status, "CONFIRMED"))
        return NULL;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (text_is(booked->reason, reasons[i].reason))
            return reasons[i].error;
    return "the tickets could not be bought";
}

static void write_text(struct json *json, const char *key, struct text text)
{
    json_key(json, key);
    json_text(json, text);
}

/* The same members as GET /my-tickets, but for when the show starts. */
static void write_ticket(struct json *json, const struct booked *booked, struct text seat)
{
    json_begin_object(json);
    write_text(json, "ticket_id", uuid_text(json->buffer.arena, ticket_id(booked->id, seat)));
    write_text(json, "booking_id", uuid_text(json->buffer.arena, booked->id));
    write_text(json, "username", booked->user);
    write_text(json, "stage_id", booked->show);
    write_text(json, "stage", booked->title);
    write_text(json, "seat", seat);
    json_key(json, "timestamp");
    json_time(json, booked->closed_at_us);
    json_key(json, "bought_at");
    json_time(json, booked->closed_at_us);
    json_end_object(json);
}

static void answer_bought(struct request *request, const struct booked *booked)
{
    const char *why_not = buy_why_not(booked);
    struct text labels = booked->seats, label;
    struct json json = json_in(request->arena);

    if (why_not) {
        answer_error(request, 400, text_of(why_not));
        return;
    }
    json_begin_array(&json);
    while (text_next(&labels, ',', &label))
        write_ticket(&json, booked, label);
    json_end_array(&json);
    answer_json(request, 200, &json);
}

static void answer_later(struct request *request, struct text booking_id)
{
    struct json json = json_in(request->arena);

    json_begin_object(&json);
    write_text(&json, "booking_id", booking_id);
    write_text(&json, "status", TEXT("REQUESTED"));
    json_end_object(&json);
    answer_json(request, 202, &json);
}

static void answer_taken(struct taking *taking, enum take_outcome outcome, const struct booked *booked)
{
    struct request *request = taking->request;
    const struct text id = taking->booking_id;

    if (outcome == TAKE_OTHER_BODY) {
        answer_error(request, 422, TEXT("this Idempotency-Key was used with another body"));
        return;
    }
    answer_header(request, "Location", text_format(request->arena, "/bookings/%.*s", (int)id.len, id.ptr));
    if (taking->is_again)
        answer_header(request, "Idempotent-Replayed", TEXT("true"));
    if (outcome == TAKE_ARRIVED)
        answer_bought(request, booked);
    else
        answer_later(request, id);
}

/* ---- the request ---- */

static void buy(struct request *request, void *context)
{
    struct problems problems = {.arena = request->arena};
    struct taking *taking = ARENA_NEW(request->arena, struct taking);
    const char *wrong;
    struct text why;

    if (door_refuses(request))
        return;
    request->document = body_parse(request->arena, request->body, &why);
    if (!request->document) {
        answer_error(request, 400, why);
        return;
    }
    if (!access_user_of_body(request, "username"))
        return;
    *taking = (struct taking){.request = request, .goal = WAIT_CLOSED, .wait_s = BUY_WAIT_S, .done = answer_taken};
    wrong = idempotency_read(request, request->document, &taking->key);
    if (wrong)
        answer_error(request, 400, text_of(wrong));
    else if (!buy_read(request->document, &problems, &taking->booking))
        answer_wrong(request, &problems);
    else
        take_booking(context, taking);
}

const struct route buy_routes[] = {
    {"POST", "/buy-tickets", USER, buy},
    {0},
};
