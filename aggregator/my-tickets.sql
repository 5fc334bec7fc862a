-- name: my_tickets_list
-- $1: the user; $2: how many bookings. Newest first, in the original shop's words.
SELECT b.booking_id, array_to_string(b.seats, ',') AS seats, b.show_id, show.title, show.starts_at, b.user_name, b.closed_at
FROM ticketing.bookings AS b
LEFT JOIN ticketing.shows AS show ON show.show_id = b.show_id
WHERE b.user_name = $1 AND b.status = 'CONFIRMED'
ORDER BY b.entry_ms DESC, b.entry_seq DESC LIMIT $2
