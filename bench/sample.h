/* The events and rows of one booking, as the system itself makes them: what the floors write, without deciding
 * anything. */
#ifndef KARCIS_BENCH_SAMPLE_H
#define KARCIS_BENCH_SAMPLE_H

#include "common/event.h"
#include "common/id.h"

struct arena;

/* A booking's whole way, in order. */
#define SAMPLE_STREAMS 5
extern const enum stream sample_streams[SAMPLE_STREAMS];

struct sample {
    int64_t entry_ms, number; /* the booking's number: its seat's label, too */
    struct uuid id;
    struct text id_text, user, show, seat, invoice_no, payment_id, payment_url;
    struct text at; /* some time as events write it */
};

struct sample sample_make(struct arena *arena, struct text show, int64_t number, int64_t now_ms);
/* Its event on a stream, with its event_id as the first field. */
struct fact *sample_event(struct arena *arena, const struct sample *sample, enum stream stream);

#endif
