-- record: every entry of every stream becomes an event of the log, once, and is counted once.

-- name: record_new
-- When events look new, as the flow's do: a third cheaper than looking for each first. One that is known after all ends the
-- batch with 23505, and all of it is recorded by record_familiar instead. Sorted by key (the caller does it), so that two
-- recorders with the same events cannot deadlock.
INSERT INTO log.events (topic, event_id, at, source, payload, stream, entry_ms, entry_seq)
SELECT topic, event_id, at, source, payload::json, stream, entry_ms, entry_seq
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::bigint[])
    AS event(topic, event_id, at, source, payload, stream, entry_ms, entry_seq)

-- name: record_familiar
-- Looked for; those that are there under another entry's id are duplicates and noted, those that are not there are stored
-- (sorted, too), each in the order in which they came. What is neither is left to record_repeats: an entry that was
-- delivered again, or an event that came twice in this batch or just now to another recorder.
WITH incoming AS MATERIALIZED (
    SELECT event.*, known.stream AS known_stream, known.entry_ms AS known_ms, known.entry_seq AS known_seq,
           known.payload::text <> event.payload AS is_conflict
    FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::bigint[])
        AS event(topic, event_id, at, source, payload, stream, entry_ms, entry_seq)
    LEFT JOIN LATERAL (
        SELECT stream, entry_ms, entry_seq, payload FROM log.events
        WHERE topic = event.topic AND event_id = event.event_id OFFSET 0) AS known ON true),
stored AS (
    INSERT INTO log.events (topic, event_id, at, source, payload, stream, entry_ms, entry_seq)
    SELECT topic, event_id, at, source, payload::json, stream, entry_ms, entry_seq FROM incoming WHERE known_ms IS NULL
    ON CONFLICT (topic, event_id) DO NOTHING
    RETURNING stream, entry_ms, entry_seq),
noted AS (
    INSERT INTO log.duplicates (stream, entry_ms, entry_seq, topic, event_id, is_conflict)
    SELECT stream, entry_ms, entry_seq, topic, event_id, is_conflict FROM incoming
    WHERE (known_stream, known_ms, known_seq) <> (stream, entry_ms, entry_seq)
    ON CONFLICT DO NOTHING
    RETURNING stream, entry_ms, entry_seq, is_conflict)
SELECT stream, entry_ms, entry_seq, false AS is_noted, false AS is_conflict FROM stored
UNION ALL
SELECT stream, entry_ms, entry_seq, true, is_conflict FROM noted

-- name: record_count
INSERT INTO log.counters (slot, topic, unique_processed, duplicate_dropped, conflicts)
SELECT $1, topic, stored, noted, conflicts
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS counted(topic, stored, noted, conflicts)
ON CONFLICT (slot, topic) DO UPDATE SET
    unique_processed = counters.unique_processed + excluded.unique_processed,
    duplicate_dropped = counters.duplicate_dropped + excluded.duplicate_dropped,
    conflicts = counters.conflicts + excluded.conflicts

-- name: record_repeats
-- Of what the statements above left over; all of it is in the log by now. An event that is there under this very entry's id
-- was redelivered; under another entry's id it is a duplicate, which is counted when its entry is noted for the first time.
-- What is not newly noted came before, so it is a redelivery.
WITH incoming AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::bigint[])
        AS event(topic, event_id, payload, stream, entry_ms, entry_seq)),
noted AS (
    INSERT INTO log.duplicates (stream, entry_ms, entry_seq, topic, event_id, is_conflict)
    SELECT incoming.stream, incoming.entry_ms, incoming.entry_seq, incoming.topic, incoming.event_id,
           known.payload::text <> incoming.payload
    FROM incoming
    CROSS JOIN LATERAL (
        SELECT stream, entry_ms, entry_seq, payload FROM log.events
        WHERE topic = incoming.topic AND event_id = incoming.event_id OFFSET 0) AS known
    WHERE (known.stream, known.entry_ms, known.entry_seq) <> (incoming.stream, incoming.entry_ms, incoming.entry_seq)
    ON CONFLICT DO NOTHING
    RETURNING stream, entry_ms, entry_seq, topic, is_conflict),
counted AS (
    INSERT INTO log.counters (slot, topic, duplicate_dropped, conflicts, redelivered)
    SELECT $1, topic, sum(duplicates), sum(conflicts), sum(entries) - sum(duplicates)
    FROM (
        SELECT topic, 0 AS duplicates, 0 AS conflicts, count(*) AS entries FROM incoming GROUP BY topic
        UNION ALL
        SELECT topic, count(*), count(*) FILTER (WHERE is_conflict), 0 FROM noted GROUP BY topic) AS part
    GROUP BY topic ORDER BY topic
    ON CONFLICT (slot, topic) DO UPDATE SET
        duplicate_dropped = counters.duplicate_dropped + excluded.duplicate_dropped,
        conflicts = counters.conflicts + excluded.conflicts,
        redelivered = counters.redelivered + excluded.redelivered)
SELECT stream, entry_ms, entry_seq, is_conflict FROM noted

-- name: record_rejected
WITH noted AS (
    INSERT INTO log.rejected (stream, entry_ms, entry_seq, reason)
    SELECT stream, entry_ms, entry_seq, reason
    FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::text[]) AS entry(stream, entry_ms, entry_seq, reason)
    ON CONFLICT DO NOTHING
    RETURNING stream),
named AS (
    SELECT key AS topic, count(*) AS rejected
    FROM noted JOIN unnest($6::smallint[], $7::text[]) AS name(stream, key) USING (stream)
    GROUP BY key)
INSERT INTO log.counters (slot, topic, rejected)
SELECT $1, topic, rejected FROM named ORDER BY topic
ON CONFLICT (slot, topic) DO UPDATE SET rejected = counters.rejected + excluded.rejected

-- name: record_dead
INSERT INTO log.dead_letters (stream, entry_id, step, reason, detail, deliveries, fields, is_exact, dead_entry_id)
SELECT stream, entry_id, step, reason, detail, deliveries, fields::json, is_exact, dead_entry_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::boolean[], $9::text[])
    AS letter(stream, entry_id, step, reason, detail, deliveries, fields, is_exact, dead_entry_id)
ON CONFLICT (stream, entry_id, step) DO NOTHING

-- name: record_replayed
-- Each replay names its letter by number or by its entry on `dead`. The latest one's own time stays, so that noting it again
-- changes nothing. Locked in the order of the key.
WITH replayed AS (
    SELECT letter.dead_letter_id, max(replay.at) AS at
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) AS replay(dead_letter_id, dead_entry_id, stream, at)
    CROSS JOIN LATERAL (
        SELECT dead_letter_id, stream FROM log.dead_letters WHERE dead_letter_id = replay.dead_letter_id
        UNION ALL
        SELECT dead_letter_id, stream FROM log.dead_letters WHERE dead_entry_id = replay.dead_entry_id
        OFFSET 0) AS letter   -- two looks by key: joined on either, or on the stream too, all letters of the stream are read
    WHERE letter.stream = replay.stream
    GROUP BY letter.dead_letter_id),
locked AS (
    SELECT dead_letter_id, replayed.at FROM replayed JOIN log.dead_letters AS letter USING (dead_letter_id)
    ORDER BY dead_letter_id FOR NO KEY UPDATE OF letter)
UPDATE log.dead_letters AS letter SET replayed_at = locked.at
FROM locked
WHERE letter.dead_letter_id = locked.dead_letter_id AND (letter.replayed_at IS NULL OR letter.replayed_at < locked.at)

-- name: record_latencies
INSERT INTO log.latencies (slot, name, bucket, count)
SELECT $1, name, bucket, count FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS counted(name, bucket, count)
ON CONFLICT (slot, name, bucket) DO UPDATE SET count = latencies.count + excluded.count
