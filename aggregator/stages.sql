-- name: stages_list
-- $1: the last show of the page before, or NULL; $2: how many. The day is the show's own, in its time zone.
SELECT show.show_id, show.title, karcis.day_at(show.starts_at, show.time_zone) AS day,
       show.doors_at, show.starts_at, show.amount, show.currency, seats.capacity, seats.open
FROM (
    SELECT * FROM ticketing.shows WHERE general AND show_id > coalesce($1, '') ORDER BY show_id LIMIT $2
) AS show,
LATERAL (
    SELECT count(*) AS capacity, count(*) FILTER (WHERE status = 'OPEN') AS open
    FROM ticketing.seats WHERE seats.show_id = show.show_id
) AS seats
ORDER BY show.show_id
