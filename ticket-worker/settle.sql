-- settle: a payment is done, so the booking closes. Rows are locked in the order of their keys.

-- name: settle_load
SELECT booking_id, status::text, user_name, show_id, array_to_string(seats, ','), seat_ids, reason, requested_at
FROM ticketing.bookings
WHERE booking_id = ANY($1::uuid[])

-- name: settle_close
WITH closed AS (
    UPDATE ticketing.bookings
    SET status = (CASE WHEN booking_id = ANY($2::uuid[]) THEN 'FAILED' ELSE 'CONFIRMED' END)::ticketing.booking_status,
        reason = CASE WHEN booking_id = ANY($2::uuid[]) THEN 'payment_failed' END,
        seat_ids = CASE WHEN booking_id = ANY($2::uuid[]) THEN '{}' ELSE seat_ids END,
        closed_at = $3
    WHERE booking_id = ANY($1::uuid[]) AND status IN ('HELD', 'AWAITING_PAYMENT')
    RETURNING 1)
SELECT karcis.expect(count(*), $4) FROM closed

-- name: settle_seats
-- A seat changes only while it belongs to the booking that it is closed for: $1, ascending, and $3 are pairs, and
-- width_bucket finds a seat's place in $1 by halving.
WITH changed AS (
    UPDATE ticketing.seats
    SET status = (CASE WHEN booking_id = ANY($2::uuid[]) THEN 'OPEN' ELSE 'BOOKED' END)::ticketing.seat_status,
        booking_id = CASE WHEN booking_id = ANY($2::uuid[]) THEN NULL ELSE booking_id END
    WHERE seat_id = ANY($1::bigint[]) AND status = 'ON_GOING'
      AND booking_id = ($3::uuid[])[width_bucket(seat_id, $1::bigint[])]
    RETURNING 1)
SELECT karcis.expect(count(*), $4) FROM changed
