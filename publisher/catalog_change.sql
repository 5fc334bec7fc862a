-- What the catalog changes. Each request is one transaction that locks its show's row first, so that changes of a show come one
-- after the other; hold locks no shows and never notices. karcis.refuse_if ends it, with the answer's code.

-- name: catalog_lock_show
-- One row if it is there. $2: the tags of which it must have one, or NULL.
WITH show AS MATERIALIZED (SELECT found FROM ticketing.shows AS found WHERE show_id = $1 FOR UPDATE)
SELECT karcis.refuse_if(ticketing.tag(show.found) <> ALL($2::text[]), 'precondition_failed') FROM show

-- name: catalog_show
-- As common/shown.h wants it.
SELECT show.show_id, title, venue, starts_at, doors_at, time_zone, show.amount, currency, general, organizer_url,
       json_agg(label ORDER BY position) FILTER (WHERE NOT general AND label IS NOT NULL),
       count(*) FILTER (WHERE status = 'OPEN'),
       count(*) FILTER (WHERE status = 'ON_GOING'),
       count(*) FILTER (WHERE status = 'BOOKED'),
       ticketing.tag(show)
FROM ticketing.shows AS show LEFT JOIN ticketing.seats ON seats.show_id = show.show_id
WHERE show.show_id = $1
GROUP BY show.show_id

-- name: catalog_seats
-- As common/shown.h wants them, and their tags.
SELECT label, status, coalesce(seat.amount, show.amount), currency, booking_id, ticketing.tag(seat, show)
FROM ticketing.seats AS seat JOIN ticketing.shows AS show USING (show_id)
WHERE show_id = $1 AND label = ANY($2::text[])
ORDER BY position

-- name: catalog_stop_waiting
-- Before anything is taken away that somebody could wait for; afterwards we never wait for a row (SKIP LOCKED): what somebody has
-- locked is in use.
SELECT ticketing.stop_waiting()

-- name: catalog_add_seats
-- $2: labels; $3: their prices, NULL: the show's; $4: may none of them be there already; $5: how many seats a show may have. They
-- stand behind those that are there.
WITH before AS MATERIALIZED (
    SELECT coalesce(max(position), 0) AS position, count(*) AS count FROM ticketing.seats WHERE show_id = $1
), added AS (
    INSERT INTO ticketing.seats (show_id, label, amount, position)
    SELECT show.show_id, seat.label, seat.amount, before.position + seat.place
    FROM ticketing.shows AS show, before, unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS seat (label, amount, place)
    WHERE show.show_id = $1
    ON CONFLICT DO NOTHING
    RETURNING 1)
SELECT karcis.refuse_if($4 AND new.count < cardinality($2), 'seat_exists'),
       karcis.refuse_if(before.count + new.count > $5, 'too_many_seats')
FROM ticketing.shows, before, (SELECT count(*) AS count FROM added) AS new
WHERE show_id = $1
