-- name: user_bookings_list
-- $1: the user; $2 and $3: the entry of the last booking of the page before, or NULLs; $4: how many. Newest first. Where they
-- stand is asked for all of the page who wait, together, and not at all if none does. A user without bookings is one row of
-- NULLs, an unknown one is none; one who was deleted is still known by the bookings.
WITH page AS MATERIALIZED (
    SELECT * FROM ticketing.bookings
    WHERE user_name = $1 AND (entry_ms, entry_seq) < (coalesce($2::bigint, 9223372036854775807), coalesce($3::bigint, 0))
    ORDER BY entry_ms DESC, entry_seq DESC LIMIT $4
), queued AS MATERIALIZED (
    SELECT stands.booking_id, stands.place, stands.length
    FROM (SELECT array_agg(booking_id) AS all_ids FROM page WHERE status = 'WAITLISTED' HAVING count(*) > 0) AS waiting
    CROSS JOIN LATERAL ticketing.places(waiting.all_ids) AS stands
)
SELECT b.booking_id, b.user_name, b.show_id, array_to_string(b.seats, ',') AS seats, b.status, b.reason, b.amount, b.currency,
       invoice.invoice_no, invoice.payment_url, b.hold_expires_at, b.requested_at, b.closed_at, queued.place, queued.length,
       b.entry_ms, b.entry_seq
FROM (
    SELECT WHERE EXISTS (SELECT FROM ticketing.users WHERE name = $1)
              OR EXISTS (SELECT FROM ticketing.bookings WHERE user_name = $1)
) AS known
LEFT JOIN page AS b ON true
LEFT JOIN queued ON queued.booking_id = b.booking_id
LEFT JOIN payment.invoices AS invoice ON invoice.booking_id = b.booking_id
ORDER BY b.entry_ms DESC, b.entry_seq DESC
