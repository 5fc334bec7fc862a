-- name: seat_history_changes
-- $1: the show; $2: the label. The bookings that have ever had the seat are found through an index of the show's bookings that
-- had seats, and what the flow said about each of them through the log's key. The first row has no change: it says since
-- when there is a show with such a seat, or NULL if there is none any more, only its past.
WITH change AS (
    SELECT CASE WHEN event.topic <> 'booking.closed' THEN 'ON_GOING'
                WHEN event.payload->>'status' = 'confirmed' THEN 'BOOKED' ELSE 'OPEN' END AS status,
           event.at, event.payload->>'reason' AS reason, event.topic, event.event_id, event.entry_ms, event.entry_seq,
           b.booking_id
    FROM (
        SELECT booking_id FROM ticketing.bookings
        WHERE show_id = $1 AND hold_expires_at IS NOT NULL AND seats @> ARRAY[$2::text] OFFSET 0) AS b
    CROSS JOIN (VALUES ('seat.reserved'), ('seat.held'), ('booking.closed')) AS told(topic)
    CROSS JOIN LATERAL (
        SELECT at, entry_ms, entry_seq, event_id, topic, payload FROM log.events
        WHERE events.topic = told.topic AND events.event_id > b.booking_id || ':' AND events.event_id < b.booking_id || ';'
        OFFSET 0) AS event
)
SELECT * FROM (
    SELECT NULL AS status, show.created_at AS at, NULL AS reason, NULL AS topic, NULL AS event_id, 0::bigint AS entry_ms,
           0::bigint AS entry_seq, NULL::uuid AS booking_id, 0 AS rank
    FROM ticketing.shows AS show JOIN ticketing.seats AS seat USING (show_id) WHERE show_id = $1 AND seat.label = $2
    UNION ALL
    SELECT change.*, 1 FROM change
) AS row
ORDER BY rank, at, entry_ms, entry_seq, topic
