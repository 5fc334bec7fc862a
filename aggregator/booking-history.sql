-- name: booking_history_changes
-- $1: the booking; $2 and $3: between these lie the ids of all events that the flow says about it ("<id>:" and "<id>;"), so
-- the log's key finds them. The first change is the request, whose event may have any id: the booking's row knows its
-- entry. An invoice that was made for a booking which had closed meanwhile changed nothing. That it waits is not said
-- on any stream: the row says so while it does.
WITH said AS (
    SELECT coalesce(told.status, upper(event.payload->>'status')) AS status, event.at, event.payload->>'reason' AS reason,
           event.topic, event.event_id, event.entry_ms, event.entry_seq
    FROM (VALUES ('seat.reserved', 'RESERVED'), ('seat.held', 'HELD'), ('invoice.created', 'AWAITING_PAYMENT'),
                 ('booking.closed', NULL)) AS told(topic, status)
    CROSS JOIN LATERAL (
        SELECT at, entry_ms, entry_seq, event_id, topic, payload FROM log.events
        WHERE events.topic = told.topic AND events.event_id > $2 AND events.event_id < $3 OFFSET 0) AS event
),
asked AS (
    SELECT entry_ms, entry_seq, user_name, status, least(requested_at, to_timestamp(entry_ms / 1000.0)) AS at
    FROM ticketing.bookings WHERE booking_id = $1
)
SELECT change.*, asked.user_name FROM asked, (
    SELECT 'REQUESTED' AS status, at, NULL AS reason, 'booking.requested' AS topic, NULL AS event_id, entry_ms, entry_seq, 0 AS rank
    FROM asked
    UNION ALL
    SELECT 'WAITLISTED', at, NULL, 'booking.requested', NULL, entry_ms, entry_seq, 1 FROM asked WHERE status = 'WAITLISTED'
    UNION ALL
    SELECT said.*, 2 FROM said, asked
    WHERE said.status <> 'AWAITING_PAYMENT'
       OR NOT EXISTS (SELECT FROM said AS closed WHERE closed.topic = 'booking.closed' AND closed.at < said.at)
) AS change
ORDER BY change.at, change.rank, change.entry_ms, change.entry_seq
