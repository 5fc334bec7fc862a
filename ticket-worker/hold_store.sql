-- What hold writes. Every change of a row that was looked at is guarded: karcis.expect ends the transaction if it is no
-- longer what was loaded. Many rows come as lists of SELECT, which unnest walks in step: as a function in FROM it would write
-- each column into a store of its own first.

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
FROM (SELECT unnest($1::uuid[]) AS booking_id, unnest($2::bigint[]) AS fingerprint, unnest($3::bigint[]) AS entry_ms,
             unnest($4::bigint[]) AS entry_seq, unnest($5::bigint[]) AS amount, unnest($6::timestamptz[]) AS hold_expires_at,
             unnest($7::timestamptz[]) AS requested_at, unnest($8::timestamptz[]) AS closed_at, unnest($9::text[]) AS status,
             unnest($10::smallint[]) AS quantity, unnest($11::boolean[]) AS pays_by_link, unnest($12::text[]) AS user_name,
             unnest($13::text[]) AS show_id, unnest($14::text[]) AS currency, unnest($15::text[]) AS seats,
             unnest($16::text[]) AS seat_ids, unnest($17::text[]) AS reason, unnest($18::text[]) AS traceparent) AS booking

-- name: hold_take
-- By place (ctid), which is where each was seen; id and status say that it is still that seat and still open.
WITH taken AS (
    UPDATE ticketing.seats SET status = 'ON_GOING', booking_id = wanted.booking_id
    FROM (SELECT unnest($1::tid[]) AS place, unnest($2::bigint[]) AS seat_id, unnest($3::uuid[]) AS booking_id) AS wanted
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
-- them away waits until we have committed (stop_waiting), and then sees who waits. And who is told that the show lacks such seats
-- relies on the show: it may have gone, with its seats, between our look at it and that at them.
SELECT karcis.expect(count(*), $3)
FROM (SELECT FROM ticketing.seats WHERE seat_id = ANY($1::bigint[])
      UNION ALL SELECT FROM ticketing.shows WHERE show_id = ANY($2::text[])) AS thing
