-- name: wait_bookings
-- $1: the bookings that are waited for. One that is not decided yet has no row.
SELECT b.booking_id, b.user_name, b.show_id, show.title, array_to_string(b.seats, ',') AS seats, b.status, b.reason,
       b.amount, b.currency, b.hold_expires_at, b.requested_at, b.closed_at, b.fingerprint
FROM unnest($1::uuid[]) AS waited(booking_id)
JOIN ticketing.bookings AS b ON b.booking_id = waited.booking_id
LEFT JOIN ticketing.shows AS show ON show.show_id = b.show_id
