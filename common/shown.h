/* Shows and seats as they are shown: publisher answers a change with them, aggregator a question. The rows come from
 * statements that each program has; here stands what their columns are. */
#ifndef KARCIS_SHOWN_H
#define KARCIS_SHOWN_H

#include <stddef.h>
#include "common/text.h"

struct arena;
struct json;
struct rows;

/* Columns: show_id, title, venue, starts_at, doors_at, time_zone, amount, currency, general, organizer_url, labels
 * (JSON), open, on_going, booked, tag. */
void shown_show(struct json *json, const struct rows *rows, size_t row);
/* The tag of all that is shown of it: of what it is and of its stock. "1766…-50-0-0" */
struct text shown_show_tag(struct arena *arena, const struct rows *rows, size_t row);

/* Columns: label, status, amount, currency, booking_id, and where it is a seat's own answer its tag. */
#define SHOWN_SEAT_TAG 5
void shown_seat(struct json *json, const struct rows *rows, size_t row);

#endif
