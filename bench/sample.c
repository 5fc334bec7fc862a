/* See sample.h. */
#include "bench/sample.h"

#include "common/arena.h"
#include "common/clock.h"
#include "common/stream.h"

const enum stream sample_streams[SAMPLE_STREAMS] = {BOOKING_REQUESTED, SEAT_HELD, INVOICE_CREATED, PAYMENT_DONE,
                                                    BOOKING_CLOSED};

struct sample sample_make(struct arena *arena, struct text show, int64_t number, int64_t now_ms)
{
    struct sample sample = {.entry_ms = now_ms, .number = number, .show = show};

    sample.seat = text_of_int64(arena, number);
    sample.user = text_format(arena, "user-%lld", (long long)number % 1000);
    sample.id = uuid_derive(now_ms, &sample.seat, 1);
    sample.id_text = uuid_text(arena, sample.id);
    sample.invoice_no = number_of_uuid(arena, "INV-", sample.id);
    sample.payment_id = number_of_uuid(arena, "PAY-", sample.id);
    sample.payment_url =
        text_format(arena, "http://127.0.0.1:8080/pay/%.*s?token=0123456789012345678901234567890123456789012",
                    (int)sample.invoice_no.len, sample.invoice_no.ptr);
    sample.at = time_text(arena, now_ms);
    return sample;
}

static void add(struct arena *arena, struct fact *event, const char *name, struct text value)
{
    fact_add(arena, event, text_of(name), value);
}

static void add_money(struct arena *arena, struct fact *event)
{
    add(arena, event, "amount", TEXT("125000"));
    add(arena, event, "currency", TEXT("IDR"));
}

static void add_who(struct arena *arena, struct fact *event, const struct sample *sample)
{
    add(arena, event, "user", sample->user);
    add(arena, event, "show", sample->show);
    add(arena, event, "seats", sample->seat);
}

static void add_invoice(struct arena *arena, struct fact *event, const struct sample *sample)
{
    add(arena, event, "invoice_no", sample->invoice_no);
    add_money(arena, event);
    add(arena, event, "payment_url", sample->payment_url);
    add(arena, event, "due_at", sample->at);
    add(arena, event, "payment", TEXT("auto"));
}

static void add_payment(struct arena *arena, struct fact *event, const struct sample *sample)
{
    add(arena, event, "invoice_no", sample->invoice_no);
    add(arena, event, "payment_id", sample->payment_id);
    add(arena, event, "status", TEXT("succeeded"));
    add_money(arena, event);
}

static void add_body(struct arena *arena, struct fact *event, const struct sample *sample, enum stream stream)
{
    switch (stream) {
    case SEAT_HELD:
        add_who(arena, event, sample);
        add_money(arena, event);
        add(arena, event, "hold_expires_at", sample->at);
        add(arena, event, "payment", TEXT("auto"));
        break;
    case INVOICE_CREATED:
        add_invoice(arena, event, sample);
        break;
    case PAYMENT_DONE:
        add_payment(arena, event, sample);
        break;
    default:
        add_who(arena, event, sample);
        add(arena, event, "status", TEXT("confirmed"));
        add(arena, event, "requested_at", sample->at);
    }
}

struct fact *sample_event(struct arena *arena, const struct sample *sample, enum stream stream)
{
    static const char *const suffixes[STREAM_COUNT] = {
        [SEAT_HELD] = "held", [INVOICE_CREATED] = "invoiced", [PAYMENT_DONE] = "paid", [BOOKING_CLOSED] = "confirmed"};
    struct fact *event = fact_new(arena, stream);

    if (stream == BOOKING_REQUESTED) { /* typed by somebody: without any of this */
        add(arena, event, "event_id", text_format(arena, "%lld-0", (long long)(sample->entry_ms + sample->number)));
        add(arena, event, "user", sample->user);
        add(arena, event, "show", sample->show);
        add(arena, event, "seat", sample->seat);
        return event;
    }
    add(arena, event, "event_id",
        text_format(arena, "%.*s:%s", (int)sample->id_text.len, sample->id_text.ptr, suffixes[stream]));
    add(arena, event, "booking_id", sample->id_text);
    add(arena, event, "source", TEXT("settle"));
    add_body(arena, event, sample, stream);
    return event;
}
