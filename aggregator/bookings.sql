-- name: bookings_one
-- $1: the booking. Those who wait in front of it, or behind, are those of the same show who could take one of its seats: as
-- ticketing.places has it for many at once, which costs more for one. Of a show's queue nothing is read for one that does not
-- wait: HAVING, unlike a condition of the join, is asked first.
SELECT b.booking_id, b.user_name, b.show_id, array_to_string(b.seats, ',') AS seats, b.status, b.reason, b.amount, b.currency,
       invoice.invoice_no, invoice.payment_url, b.hold_expires_at, b.requested_at, b.closed_at, queue.position, queue.length
FROM ticketing.bookings AS b
LEFT JOIN payment.invoices AS invoice ON invoice.booking_id = b.booking_id
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE (w.entry_ms, w.entry_seq, w.booking_id) <= (b.entry_ms, b.entry_seq, b.booking_id)) AS position,
           count(*) AS length
    FROM ticketing.waitlist AS w
    JOIN ticketing.bookings AS other ON other.booking_id = w.booking_id
    WHERE w.show_id = b.show_id AND (other.seats && b.seats OR other.seats = '{}' OR b.seats = '{}')
    HAVING b.status = 'WAITLISTED'
) AS queue ON true
WHERE b.booking_id = $1
