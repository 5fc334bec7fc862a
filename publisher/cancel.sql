-- name: cancel_owner
-- Whose booking $1 is; no row while it is not decided yet.
SELECT user_name FROM ticketing.bookings WHERE booking_id = $1
