-- Making and changing shows, after catalog_lock_show (catalog_change.sql) if there is one to change.

-- name: catalog_check_time_zone
-- $1: the name of one. With a slash and without a digit AT TIME ZONE takes nothing but a zone that there is, in microseconds; what
-- it does not take is 22023. Of others it would also take abbreviations (MST) and rules (FOO3BAR, Foo3/Bar): those few are looked
-- up in the list of all, which takes tens of milliseconds.
SELECT karcis.refuse_if(CASE
    WHEN strpos($1::text, '/') > 0 AND $1 !~ '[0-9]' THEN now() AT TIME ZONE $1 IS NULL
    ELSE $1 <> 'UTC' AND NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names WHERE name = $1)
END, 'unknown_time_zone')

-- name: catalog_add_show
-- A show and its seats.
WITH show AS (
    INSERT INTO ticketing.shows (show_id, title, venue, starts_at, doors_at, time_zone, amount, currency, general, organizer_url)
    VALUES ($1, $2, $3, $4, $5, coalesce($6, 'Asia/Jakarta'), $7, $8, $9, $10)
    ON CONFLICT DO NOTHING
    RETURNING show_id
), seats AS (
    INSERT INTO ticketing.seats (show_id, label, position)
    SELECT show.show_id, seat.label, seat.position
    FROM show, unnest($11::text[]) WITH ORDINALITY AS seat (label, position)
)
SELECT karcis.refuse_if(count(*) = 0, 'show_exists') FROM show

-- name: catalog_check_change
-- $2: its currency to be, or NULL; whether it is to have $3: these seats, $4: so many. Seats with a price of their own have it in
-- the show's currency.
SELECT karcis.refuse_if(general AND $3, 'general_admission'),
       karcis.refuse_if(NOT general AND $4, 'numbered_seats'),
       karcis.refuse_if(currency <> $2 AND EXISTS (SELECT FROM ticketing.seats WHERE show_id = $1 AND amount IS NOT NULL),
                        'seats_have_prices')
FROM ticketing.shows WHERE show_id = $1

-- name: catalog_change_show
-- $2: the names of what changes. What was booked before keeps its price.
UPDATE ticketing.shows
SET title = CASE WHEN 'title' = ANY($2::text[]) THEN $3 ELSE title END,
    venue = CASE WHEN 'venue' = ANY($2) THEN $4 ELSE venue END,
    starts_at = CASE WHEN 'starts_at' = ANY($2) THEN $5 ELSE starts_at END,
    doors_at = CASE WHEN 'doors_at' = ANY($2) THEN $6 ELSE doors_at END,
    time_zone = CASE WHEN 'time_zone' = ANY($2) THEN coalesce($7, 'Asia/Jakarta') ELSE time_zone END,
    amount = CASE WHEN 'amount' = ANY($2) THEN $8 ELSE amount END,
    currency = CASE WHEN 'currency' = ANY($2) THEN $9 ELSE currency END,
    organizer_url = CASE WHEN 'organizer_url' = ANY($2) THEN $10 ELSE organizer_url END,
    version = version + 1
WHERE show_id = $1

-- name: catalog_keep_seats
-- All seats go but those of $2.
WITH gone AS MATERIALIZED (
    SELECT label FROM ticketing.seats WHERE show_id = $1
    EXCEPT SELECT unnest($2::text[])
), waited_for AS (
    SELECT unnest(booking.seats)
    FROM ticketing.waitlist JOIN ticketing.bookings AS booking USING (booking_id)
    WHERE waitlist.show_id = $1
    INTERSECT SELECT label FROM gone
), free AS MATERIALIZED (
    SELECT seat.seat_id
    FROM gone CROSS JOIN LATERAL (
        SELECT seat_id FROM ticketing.seats WHERE show_id = $1 AND label = gone.label AND status = 'OPEN'
        FOR UPDATE SKIP LOCKED) AS seat
), removed AS (
    DELETE FROM ticketing.seats USING free WHERE seats.seat_id = free.seat_id RETURNING 1)
SELECT karcis.refuse_if(EXISTS (SELECT FROM waited_for) OR (SELECT count(*) FROM removed) < (SELECT count(*) FROM gone), 'in_use')

-- name: catalog_shrink
-- To $2 seats, of which nobody has those that go. The last ones go first.
WITH before AS MATERIALIZED (
    SELECT count(*) AS count FROM ticketing.seats WHERE show_id = $1
), free AS MATERIALIZED (
    SELECT seat_id FROM ticketing.seats WHERE show_id = $1 AND status = 'OPEN'
    ORDER BY position DESC LIMIT (SELECT greatest(count - $2::bigint, 0) FROM before) FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM ticketing.seats USING free WHERE seats.seat_id = free.seat_id RETURNING 1)
SELECT karcis.refuse_if((SELECT count FROM before) - count(*) > $2, 'in_use') FROM removed

-- name: catalog_grow
-- To $2 seats; general admission counts its labels.
INSERT INTO ticketing.seats (show_id, label, position)
SELECT show.show_id, lpad(place::text, greatest(before.digits, length(place::text)), '0'), place
FROM ticketing.shows AS show,
     (SELECT count(*) AS count, coalesce(max(position), 0) AS last, coalesce(max(length(label)), 1) AS digits
      FROM ticketing.seats WHERE show_id = $1) AS before,
     generate_series(before.last + 1, before.last + $2::bigint - before.count) AS place
WHERE show.show_id = $1

-- name: catalog_remove_show
-- With all its seats, if nobody has one or waits for one.
WITH free AS MATERIALIZED (
    SELECT seat_id FROM ticketing.seats WHERE show_id = $1 AND status = 'OPEN' FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM ticketing.shows
    WHERE show_id = $1
      AND (SELECT count(*) FROM free) = (SELECT count(*) FROM ticketing.seats WHERE show_id = $1)
      AND NOT EXISTS (SELECT FROM ticketing.waitlist WHERE show_id = $1)
    RETURNING 1)
SELECT karcis.refuse_if(NOT EXISTS (SELECT FROM removed), 'in_use') FROM ticketing.shows WHERE show_id = $1
