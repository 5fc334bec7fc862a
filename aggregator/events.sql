-- A topic's events in the order of their own times, equal times in the order of arrival; (entry_ms, entry_seq, stream) names
-- an entry, so the order is total. Without a topic the list merges all topics, each of them read through the index.
-- $1: the topic, or NULL; $2 to $5: the place of the last event of the page before, or NULLs; $6: how many; $7: bytes, behind
-- which payloads and extras are left out, so that a page of large events does not fill the memory.

-- name: events_oldest_first
SELECT topic, event_id, at, source, stream, entry_ms, entry_seq, received_at,
       CASE WHEN bytes <= $7::bigint THEN payload END AS payload, CASE WHEN bytes <= $7 THEN extra END AS extra
FROM (
    SELECT event.*, sum(octet_length(payload::text) + coalesce(octet_length(extra::text), 0)) OVER (
               ORDER BY at, entry_ms, entry_seq, stream ROWS UNBOUNDED PRECEDING) AS bytes
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
) AS listed
ORDER BY at, entry_ms, entry_seq, stream LIMIT $6

-- name: events_newest_first
SELECT topic, event_id, at, source, stream, entry_ms, entry_seq, received_at,
       CASE WHEN bytes <= $7::bigint THEN payload END AS payload, CASE WHEN bytes <= $7 THEN extra END AS extra
FROM (
    SELECT event.*, sum(octet_length(payload::text) + coalesce(octet_length(extra::text), 0)) OVER (
               ORDER BY at DESC, entry_ms DESC, entry_seq DESC, stream DESC ROWS UNBOUNDED PRECEDING) AS bytes
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
) AS listed
ORDER BY at DESC, entry_ms DESC, entry_seq DESC, stream DESC LIMIT $6
