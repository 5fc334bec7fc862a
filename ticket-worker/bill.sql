-- name: bill_store
-- Nothing else follows from it, so a booking that is not HELD any more (billed before, or closed) is simply left alone.
UPDATE ticketing.bookings SET status = 'AWAITING_PAYMENT'
WHERE booking_id = ANY($1::uuid[]) AND status = 'HELD'
