-- Changing the seats of a show, after catalog_lock_show (catalog_change.sql).

-- name: catalog_check_new_seats
-- $2: the currencies of their prices.
SELECT karcis.refuse_if(general, 'general_admission'), karcis.refuse_if(currency <> ANY($2::text[]), 'other_currency')
FROM ticketing.shows WHERE show_id = $1

-- name: catalog_more_seats
UPDATE ticketing.shows SET version = version + 1 WHERE show_id = $1

-- name: catalog_lock_seat
-- One row if it is there. $3: the tags of which it must have one, or NULL; $4: the currency that its show must have, or NULL.
WITH seat AS MATERIALIZED (SELECT found FROM ticketing.seats AS found WHERE show_id = $1 AND label = $2 FOR UPDATE)
SELECT karcis.refuse_if(ticketing.tag(seat.found, show) <> ALL($3::text[]), 'precondition_failed'),
       karcis.refuse_if(show.currency <> $4, 'other_currency')
FROM seat, ticketing.shows AS show WHERE show.show_id = $1

-- name: catalog_price_seat
-- $3: its price, or NULL: the show's.
WITH seat AS (UPDATE ticketing.seats SET amount = $3 WHERE show_id = $1 AND label = $2 RETURNING 1)
UPDATE ticketing.shows SET version = version + 1 WHERE show_id = $1 AND EXISTS (SELECT FROM seat)

-- name: catalog_remove_seat
-- One row if it is there. $3: the tags of which it must have one, or NULL.
WITH free AS MATERIALIZED (
    SELECT seat_id FROM ticketing.seats WHERE show_id = $1 AND label = $2 AND status = 'OPEN' FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM ticketing.seats USING free
    WHERE seats.seat_id = free.seat_id
      AND NOT EXISTS (SELECT FROM ticketing.waitlist JOIN ticketing.bookings AS booking USING (booking_id)
                      WHERE waitlist.show_id = $1 AND $2 = ANY(booking.seats))
    RETURNING 1
), changed AS (
    UPDATE ticketing.shows SET version = version + 1 WHERE show_id = $1 AND EXISTS (SELECT FROM removed))
SELECT karcis.refuse_if(ticketing.tag(seat, show) <> ALL($3::text[]), 'precondition_failed'),
       karcis.refuse_if(NOT EXISTS (SELECT FROM removed), 'in_use')
FROM ticketing.seats AS seat JOIN ticketing.shows AS show USING (show_id)
WHERE show_id = $1 AND label = $2
