-- Where those who wait stand, for a page of bookings or for all whose clients are to be told at once.

-- Which place each of these bookings has among those of its show who could take one of its seats, and how many those are; of
-- one that does not wait there is no row. Its cost is that of the queue, not the queue's times the bookings': a show's queue is
-- read once, who takes any seat is counted along it, and who names a seat of theirs is found by hashing the labels. So the plan
-- is made here, not with the caller's settings, which know no hash join (common/store.c). Rows are gone to by LATERAL, by key.
CREATE FUNCTION ticketing.places(asked uuid[]) RETURNS TABLE (booking_id uuid, place bigint, length bigint)
LANGUAGE sql STABLE ROWS 10 SET enable_hashjoin = on SET enable_nestloop = off SET enable_mergejoin = off AS $$
    WITH asked AS MATERIALIZED (
        SELECT waiting.booking_id, waiting.show_id
        FROM (SELECT DISTINCT id FROM unnest(asked) AS id) AS given
        CROSS JOIN LATERAL (SELECT * FROM ticketing.waitlist AS w WHERE w.booking_id = given.id OFFSET 0) AS waiting
    ), queue AS MATERIALIZED (
        SELECT waiting.booking_id, waiting.show_id, b.seats,
               count(*) OVER standing AS number, count(*) OVER whole AS length,
               count(*) FILTER (WHERE b.seats = '{}') OVER standing AS any_number,
               count(*) FILTER (WHERE b.seats = '{}') OVER whole AS any_length
        FROM (SELECT DISTINCT show_id FROM asked) AS show
        CROSS JOIN LATERAL (
            SELECT * FROM ticketing.waitlist AS w WHERE w.show_id = show.show_id
            ORDER BY entry_ms, entry_seq, booking_id OFFSET 0
        ) AS waiting
        CROSS JOIN LATERAL (SELECT seats FROM ticketing.bookings AS b WHERE b.booking_id = waiting.booking_id OFFSET 0) AS b
        WINDOW whole AS (PARTITION BY waiting.show_id),
               standing AS (PARTITION BY waiting.show_id ORDER BY waiting.entry_ms, waiting.entry_seq, waiting.booking_id)
    ), waiting AS MATERIALIZED (
        SELECT queue.* FROM asked JOIN queue USING (booking_id)
    ), beside AS ( -- who names one of these seats, each once, whatever they have in common
        SELECT DISTINCT wanted.show_id, wanted.seats, other.booking_id, other.number
        FROM (SELECT DISTINCT show_id, seats, unnest(seats) AS label FROM waiting) AS wanted
        JOIN (SELECT show_id, booking_id, number, unnest(seats) AS label FROM queue) AS other USING (show_id, label)
    ), named AS (
        SELECT beside.*, row_number() OVER (PARTITION BY show_id, seats ORDER BY number) AS place,
               count(*) OVER (PARTITION BY show_id, seats) AS length
        FROM beside
    )
    SELECT booking_id, number, length FROM waiting WHERE seats = '{}'
    UNION ALL
    SELECT booking_id, any_number + named.place, any_length + named.length FROM waiting JOIN named USING (booking_id, seats)
$$;

REVOKE ALL ON FUNCTION ticketing.places(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ticketing.places(uuid[]) TO karcis_publisher, karcis_aggregator;
