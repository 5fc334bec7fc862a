-- hold: a booking asks for seats. Nothing is locked while it is decided; every change is guarded instead, and
-- karcis.expect ends the transaction if a row is no longer what was loaded.

-- name: hold_known
SELECT booking_id, fingerprint, status::text, user_name, show_id, array_to_string(seats, ','), amount, currency,
       hold_expires_at, pays_by_link, reason, requested_at
FROM ticketing.bookings
WHERE booking_id = ANY($1::uuid[])

-- name: hold_shows
SELECT show_id, amount, currency, general, organizer_url
FROM ticketing.shows
WHERE show_id = ANY($1::text[])

-- name: hold_users
SELECT name FROM ticketing.users WHERE name = ANY($1::text[])

-- name: hold_seats
-- OFFSET 0: looked up one by one through the key, whatever the planner thinks of an empty table. Whose a seat is is looked up
-- for those that are taken only.
SELECT wanted.place, seat.seat_id, seat.ctid, seat.status = 'OPEN', seat.amount,
       CASE WHEN seat.booking_id IS NOT NULL
            THEN (SELECT user_name FROM ticketing.bookings WHERE booking_id = seat.booking_id) END
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted(show_id, label, place)
CROSS JOIN LATERAL (
    SELECT seat_id, ctid, status, amount, booking_id FROM ticketing.seats
    WHERE show_id = wanted.show_id AND label = wanted.label OFFSET 0) AS seat

-- name: hold_any
-- Open seats of shows in which somebody asks for any, from the position given on; if there are too few, from the beginning.
SELECT wanted.place, seat.seat_id, seat.ctid, seat.label, seat.amount, seat.position
FROM unnest($1::text[], $2::bigint[], $3::integer[]) WITH ORDINALITY AS wanted(show_id, quantity, from_position, place)
CROSS JOIN LATERAL (
    (SELECT seat_id, ctid, label, amount, position FROM ticketing.seats
     WHERE show_id = wanted.show_id AND status = 'OPEN' AND position >= wanted.from_position
     ORDER BY position LIMIT wanted.quantity)
    UNION ALL
    (SELECT seat_id, ctid, label, amount, position FROM ticketing.seats
     WHERE show_id = wanted.show_id AND status = 'OPEN' AND position < wanted.from_position
     ORDER BY position LIMIT wanted.quantity)
    LIMIT wanted.quantity) AS seat
