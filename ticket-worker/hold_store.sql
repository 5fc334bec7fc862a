-- What hold writes. Every change of a row that was looked at is guarded: karcis.expect ends the transaction if it is no
-- longer what was loaded.

-- name: hold_guests
INSERT INTO ticketing.users (name, is_guest)
SELECT name, true FROM unnest($1::text[]) AS guest(name)
ON CONFLICT DO NOTHING

-- name: hold_bookings
-- No ON CONFLICT: a worker that was given up and came back must be refused here, not pass unnoticed.
INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, amount, hold_expires_at, requested_at,
    closed_at, status, quantity, pays_by_link, user_name, show_id, currency, seats, seat_ids, reason, traceparent)
SELECT booking_id, fingerprint, entry_ms, entry_seq, amount, hold_expires_at, requested_at, closed_at,
       status::ticketing.booking_status, quantity, pays_by_link, user_name, show_id, currency,
       string_to_array(seats, ','), string_to_array(seat_ids, ',')::bigint[], reason, traceparent
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
            $8::timestamptz[], $9::text[], $10::smallint[], $11::boolean[], $12::text[], $13::text[], $14::text[],
            $15::text[], $16::text[], $17::text[], $18::text[])
    AS booking(booking_id, fingerprint, entry_ms, entry_seq, amount, hold_expires_at, requested_at, closed_at, status,
               quantity, pays_by_link, user_name, show_id, currency, seats, seat_ids, reason, traceparent)

-- name: hold_take
-- By place (ctid), which is where each was seen; id and status say that it is still that seat and still open.
WITH taken AS (
    UPDATE ticketing.seats SET status = 'ON_GOING', booking_id = wanted.booking_id
    FROM unnest($1::tid[], $2::bigint[], $3::uuid[]) AS wanted(place, seat_id, booking_id)
    WHERE seats.ctid = wanted.place AND seats.seat_id = wanted.seat_id AND seats.status = 'OPEN'
    RETURNING 1)
SELECT karcis.expect(count(*), $4) FROM taken

-- name: hold_wait
INSERT INTO ticketing.waitlist (show_id, entry_ms, entry_seq, booking_id)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::uuid[])

-- name: hold_still_taken
-- Who goes to the waitlist relies on these seats being taken: whoever frees one waits for us, and then sees the waitlist.
SELECT karcis.expect(count(*), $2)
FROM (SELECT FROM ticketing.seats WHERE seat_id = ANY($1::bigint[]) AND status <> 'OPEN' ORDER BY seat_id FOR SHARE) AS seat

-- name: hold_still_there
-- Who waits for any seats of a show, or for open seats besides those that are taken, relies on their being there. Whoever takes
-- them away waits until we have committed (stop_waiting), and then sees who waits.
SELECT karcis.expect(count(*), $3)
FROM (SELECT FROM ticketing.seats WHERE seat_id = ANY($1::bigint[])
      UNION ALL SELECT FROM ticketing.shows WHERE show_id = ANY($2::text[])) AS thing
