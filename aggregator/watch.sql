-- watch: is Redis still what it was?

-- name: watch_look
SELECT incarnation, beat, read_up_to, lost_since, lost_at, lost_at + $1::bigint * interval '1 ms' > now() FROM log.wire

-- name: watch_marks
SELECT stream, entry_ms, entry_seq FROM log.marks

-- name: watch_begin
INSERT INTO log.wire (incarnation) VALUES ($1) ON CONFLICT DO NOTHING RETURNING incarnation, lost_since

-- name: watch_advance
-- Two that watch at the same time do no harm: the beat only grows.
UPDATE log.wire SET beat = $2, read_up_to = greatest(read_up_to, $3), is_recalled = is_recalled OR $4
WHERE incarnation = $1 AND beat < $2

-- name: watch_mark
INSERT INTO log.marks AS known (stream, entry_ms, entry_seq)
SELECT stream, entry_ms, entry_seq
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS mark(stream, entry_ms, entry_seq) ORDER BY stream
ON CONFLICT (stream) DO UPDATE SET entry_ms = excluded.entry_ms, entry_seq = excluded.entry_seq
WHERE (known.entry_ms, known.entry_seq) < (excluded.entry_ms, excluded.entry_seq)

-- name: watch_lose
-- Only whoever saw the last beat may declare it. What an earlier loss may have lost counts again unless all of it was said.
UPDATE log.wire
SET incarnation = $3, beat = 0, losses = losses + 1, lost_at = now(), is_recalled = false,
    lost_since = least(read_up_to - $4::bigint * interval '1 ms', CASE WHEN NOT is_recalled THEN lost_since END)
WHERE incarnation = $1 AND beat = $2
RETURNING incarnation, lost_since

-- name: watch_restore
-- Bookings whose request the log does not have because Redis lost it before it was recorded. $1, $2: entries between, in
-- milliseconds; $3: slot of the counters. The request's own event_id is gone with it: its entry's id takes its place.
WITH stored AS (
    INSERT INTO log.events (topic, event_id, at, source, payload, stream, entry_ms, entry_seq)
    SELECT 'booking.requested', entry_ms || '-' || entry_seq, requested_at, 'restored',
           json_build_object('booking_id', booking_id, 'user', user_name, 'show', show_id, 'seats',
                             array_to_string(seats, ','), 'quantity', quantity::text), 0, entry_ms, entry_seq
    FROM ticketing.bookings AS booking
    WHERE entry_ms BETWEEN $1 AND $2
      AND NOT EXISTS (SELECT FROM log.events AS event
                      WHERE (event.topic, event.at, event.entry_ms, event.entry_seq) =
                            ('booking.requested', booking.requested_at, booking.entry_ms, booking.entry_seq))
      AND NOT EXISTS (SELECT FROM log.duplicates AS known
                      WHERE (known.stream, known.entry_ms, known.entry_seq) = (0, booking.entry_ms, booking.entry_seq))
      AND NOT EXISTS (SELECT FROM log.rejected AS known
                      WHERE (known.stream, known.entry_ms, known.entry_seq) = (0, booking.entry_ms, booking.entry_seq))
    ON CONFLICT DO NOTHING
    RETURNING topic)
INSERT INTO log.counters (slot, topic, unique_processed)
SELECT $3, topic, count(*) FROM stored GROUP BY topic
ON CONFLICT (slot, topic) DO UPDATE SET unique_processed = counters.unique_processed + excluded.unique_processed
