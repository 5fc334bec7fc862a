-- redrive: bookings whose events may have been lost.

-- name: redrive_overdue
-- In the order of their holds, which is the order in which they were decided. One that waits for its user to pay is not late.
WITH page AS MATERIALIZED (
    SELECT booking_id, hold_expires_at, status = 'HELD' OR status = 'AWAITING_PAYMENT' AND NOT pays_by_link AS waits
    FROM ticketing.bookings
    WHERE (hold_expires_at, booking_id) > ($1, $2) AND hold_expires_at <= $3
    ORDER BY hold_expires_at, booking_id LIMIT $4)
SELECT booking_id, hold_expires_at, waits FROM page WHERE waits
UNION ALL
(SELECT booking_id, hold_expires_at, false FROM page ORDER BY hold_expires_at DESC, booking_id DESC LIMIT 1)

-- name: redrive_recall
WITH page AS MATERIALIZED (
    SELECT booking_id, closed_at, status <> 'WAITLISTED' AND (closed_at IS NULL OR closed_at >= $2) AS is_concerned
    FROM ticketing.bookings
    WHERE booking_id > $1
    ORDER BY booking_id LIMIT $3)
SELECT booking_id, closed_at, is_concerned FROM page WHERE is_concerned
UNION ALL
(SELECT booking_id, closed_at, false FROM page ORDER BY booking_id DESC LIMIT 1)

-- name: redrive_load
-- The columns of hold_known, and the trace.
SELECT booking_id, fingerprint, status::text, user_name, show_id, array_to_string(seats, ','), amount, currency,
       hold_expires_at, pays_by_link, reason, requested_at, traceparent
FROM ticketing.bookings
WHERE booking_id = ANY($1::uuid[])
