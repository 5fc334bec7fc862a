-- A topic's events in the order of their own times, equal times in the order of arrival; (entry_ms, entry_seq, stream) names
-- an entry, so the order is total. Without a topic the list merges all topics, each of them read through the index.
-- $1: the topic, or NULL; $2 to $5: the place of the last event of the page before, or NULLs; $6: how many; $7: bytes, behind
-- which payloads are left out, so that a page of large events does not fill the memory.

-- name: events_oldest_first
SELECT event.topic, event.event_id, event.at, event.source, event.stream, event.entry_ms, event.entry_seq, event.received_at,
       CASE WHEN sum(octet_length(event.payload::text)) OVER listed <= $7::bigint THEN event.payload END AS payload
FROM (
    SELECT $1::text AS topic WHERE $1 IS NOT NULL
    UNION ALL
    SELECT DISTINCT counters.topic FROM log.counters WHERE $1 IS NULL
) AS known,
LATERAL (
    SELECT * FROM log.events
    WHERE events.topic = known.topic
      AND (at, entry_ms, entry_seq, stream) > (coalesce($2, '-infinity'::timestamptz), coalesce($3::bigint, 0), coalesce($4::bigint, 0), coalesce($5::bigint, -1))
    ORDER BY at, entry_ms, entry_seq, stream LIMIT $6
) AS event
WINDOW listed AS (ORDER BY event.at, event.entry_ms, event.entry_seq, event.stream ROWS UNBOUNDED PRECEDING)
ORDER BY event.at, event.entry_ms, event.entry_seq, event.stream LIMIT $6

-- name: events_newest_first
SELECT event.topic, event.event_id, event.at, event.source, event.stream, event.entry_ms, event.entry_seq, event.received_at,
       CASE WHEN sum(octet_length(event.payload::text)) OVER listed <= $7::bigint THEN event.payload END AS payload
FROM (
    SELECT $1::text AS topic WHERE $1 IS NOT NULL
    UNION ALL
    SELECT DISTINCT counters.topic FROM log.counters WHERE $1 IS NULL
) AS known,
LATERAL (
    SELECT * FROM log.events
    WHERE events.topic = known.topic
      AND (at, entry_ms, entry_seq, stream) < (coalesce($2, 'infinity'::timestamptz), coalesce($3::bigint, 0), coalesce($4::bigint, 0), coalesce($5::bigint, 0))
    ORDER BY at DESC, entry_ms DESC, entry_seq DESC, stream DESC LIMIT $6
) AS event
WINDOW listed AS (ORDER BY event.at DESC, event.entry_ms DESC, event.entry_seq DESC, event.stream DESC ROWS UNBOUNDED PRECEDING)
ORDER BY event.at DESC, event.entry_ms DESC, event.entry_seq DESC, event.stream DESC LIMIT $6
