-- What can be booked, and how much of it is left. Seats are counted from their rows: they are the truth.

-- name: shows_list
-- $1: this show alone, or NULL: a page; $2: the last show of the page before, or NULL; $3: how many; $4: what the title holds, or
-- NULL; $5: how many to leave out first.
SELECT show.show_id, show.title, show.venue, show.starts_at, show.doors_at, show.time_zone, show.amount, show.currency,
       show.general, show.organizer_url, seats.labels, seats.open, seats.on_going, seats.booked,
       ticketing.tag(found.one)
FROM (
    SELECT one FROM ticketing.shows AS one WHERE show_id = $1
    UNION ALL
    (SELECT one FROM ticketing.shows AS one
     WHERE $1 IS NULL AND show_id > coalesce($2, '')
       AND ($4::text IS NULL OR strpos(lower(title COLLATE "und-x-icu"), lower($4 COLLATE "und-x-icu")) > 0)
     ORDER BY show_id LIMIT $3 OFFSET $5)
) AS found,
LATERAL (SELECT (found.one).*) AS show,
LATERAL (
    SELECT json_agg(label ORDER BY position) FILTER (WHERE NOT show.general) AS labels,
           count(*) FILTER (WHERE status = 'OPEN') AS open,
           count(*) FILTER (WHERE status = 'ON_GOING') AS on_going,
           count(*) FILTER (WHERE status = 'BOOKED') AS booked
    FROM ticketing.seats WHERE seats.show_id = show.show_id
) AS seats
ORDER BY show.show_id

-- name: shows_seats
-- $1: the show; $2: the last label of the page before, or NULL; $3: a status, or NULL; $4: how many.
-- A show without such seats is one row of NULLs, an unknown show is none.
SELECT seat.label, seat.status, coalesce(seat.amount, show.amount) AS amount, show.currency, seat.booking_id
FROM ticketing.shows AS show
LEFT JOIN LATERAL (
    SELECT label, status, amount, booking_id
    FROM ticketing.seats
    WHERE seats.show_id = show.show_id AND label > coalesce($2, '')
      AND ($3::text IS NULL OR status = $3::ticketing.seat_status)
    ORDER BY label LIMIT $4
) AS seat ON true
WHERE show.show_id = $1
ORDER BY seat.label

-- name: shows_seat
SELECT label, status, coalesce(seat.amount, show.amount), currency, booking_id, ticketing.tag(seat, show)
FROM ticketing.seats AS seat JOIN ticketing.shows AS show USING (show_id)
WHERE show_id = $1 AND label = $2
