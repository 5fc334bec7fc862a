-- name: catalog_add_show
-- A show and its seats. No row is added if there is a show of that id already; added says which it was.
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
SELECT count(*) > 0 AS added FROM show
