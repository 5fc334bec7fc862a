/* From a request to book to its entry, and to its outcome. */
#include "publisher/take.h"

#include "common/answer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/redis.h"
#include "common/request.h"
#include "common/stream.h"
#include "publisher/booked.h"
#include "publisher/enqueue.h"
#include "publisher/traceparent.h"

static void on_waited(const struct booked *booked, void *context)
{
    struct taking *taking = context;

    if (!booked)
        taking->done(taking, TAKE_ACCEPTED, NULL);
    else if (booked->fingerprint == taking->fingerprint)
        taking->done(taking, TAKE_ARRIVED, booked);
    else
        taking->done(taking, taking->booking.has_booking_id ? TAKE_OTHER_BOOKING : TAKE_OTHER_BODY, NULL);
}

static void on_added(struct redis *redis, const struct redis_reply *reply, void *context)
{
    struct taking *taking = context;
    struct request *request = taking->request;
    enum idempotency_answer answer;
    struct text entry;

    (void)redis;
    if (!enqueue_succeeded(request, reply,
                           taking->key.is_given
                               ? "it is not known whether the request was taken; send it again with its key"
                               : "it is not known whether the request was taken; with an Idempotency-Key or a "
                                 "booking_id of your own it can be sent again")) {
        wait_forget(taking->waiter);
        return;
    }
    answer = idempotency_answer(reply, &entry);
    if (answer == IDEMPOTENCY_OTHER) {
        wait_forget(taking->waiter);
        taking->done(taking, TAKE_OTHER_BODY, NULL);
        return;
    }
    taking->is_again = answer == IDEMPOTENCY_AGAIN;
    log_info(taking->is_again ? "booking requested again" : "booking requested",
             LOG_TEXT("booking", taking->booking_id), LOG_TEXT("entry", entry), LOG_TEXT("request", request->id));
    if (taking->waiter)
        wait_begin(taking->waiter, taking->is_again || taking->booking.has_booking_id);
    else
        taking->done(taking, TAKE_ACCEPTED, NULL);
}

void take_booking(struct redis *redis, struct taking *taking)
{
    struct request *request = taking->request;
    struct book_request *booking = &taking->booking;
    struct text traceparent = request_header(request, "traceparent");
    struct text words[BOOK_WORDS_MAX];
    size_t count;

    if (!booking->has_booking_id)
        booking->booking_id = taking->key.is_given ? taking->key.id : uuid_now(clock_now_ms());
    taking->booking_id = uuid_text(request->arena, booking->booking_id);
    if (!traceparent_is_valid(traceparent))
        traceparent = TEXT_NONE;
    count = book_entry(request->arena, booking, traceparent, words);
    if (taking->wait_s > 0) {
        taking->fingerprint = book_fingerprint(request->arena, booking);
        taking->waiter = wait_add(booking->booking_id, taking->goal, taking->wait_s, on_waited, taking);
    }
    taking->is_waited_for = taking->waiter;
    if (idempotency_add(redis, on_added, taking, &taking->key, request->arena, BOOKING_REQUESTED, count, words))
        return;
    wait_forget(taking->waiter);
    enqueue_answer_away(request);
}
