/* A booking as people read it, in a list or alone. */
#ifndef KARCIS_AGGREGATOR_BOOKING_H
#define KARCIS_AGGREGATOR_BOOKING_H

#include <stddef.h>

struct query;
struct rows;

#define NO_BOOKING "there is no such booking"

/* The columns that every statement which reads bookings begins with, in this order. */
enum booking_column {
    BOOKING_ID,
    BOOKING_USER,
    BOOKING_SHOW,
    BOOKING_SEATS, /* labels, separated by commas */
    BOOKING_STATUS,
    BOOKING_REASON,
    BOOKING_AMOUNT,
    BOOKING_CURRENCY,
    BOOKING_INVOICE_NO,
    BOOKING_PAYMENT_URL,
    BOOKING_HOLD_EXPIRES_AT,
    BOOKING_REQUESTED_AT,
    BOOKING_CLOSED_AT,
    BOOKING_POSITION, /* in the waitlist, and how long that is: bigint, NULL unless it waits */
    BOOKING_LENGTH,
    BOOKING_COLUMNS
};

/* The booking in this row, for whoever asks. */
void booking_write(struct query *query, const struct rows *rows, size_t row);

#endif
