-- name: wait_bookings
-- $1: the bookings that are waited for. One that is not decided yet has no row. Where those who are WAITLISTED stand is not
-- counted here: whoever has seats does not wait for that.
SELECT b.booking_id, b.user_name, b.show_id, show.title, array_to_string(b.seats, ',') AS seats, b.status, b.reason,
       b.amount, b.currency, b.hold_expires_at, b.requested_at, b.closed_at, b.fingerprint,
       NULL::bigint AS place, NULL::bigint AS length
FROM unnest($1::uuid[]) AS waited(booking_id)
JOIN ticketing.bookings AS b ON b.booking_id = waited.booking_id
LEFT JOIN ticketing.shows AS show ON show.show_id = b.show_id

-- name: wait_waitlisted
-- $1: those of them who were WAITLISTED a moment ago. One that has moved up meanwhile has no row.
SELECT b.booking_id, b.user_name, b.show_id, show.title, array_to_string(b.seats, ',') AS seats, b.status, b.reason,
       b.amount, b.currency, b.hold_expires_at, b.requested_at, b.closed_at, b.fingerprint,
       stands.place, stands.length
FROM ticketing.places($1) AS stands
JOIN ticketing.bookings AS b ON b.booking_id = stands.booking_id AND b.status = 'WAITLISTED'
LEFT JOIN ticketing.shows AS show ON show.show_id = b.show_id
