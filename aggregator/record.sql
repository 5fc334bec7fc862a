-- record: every entry of every stream becomes an event of the log, once, and is counted once.

-- name: record_known
-- Which of these events are in the log, as whose entry, and whether with another payload.
SELECT item, known.stream, known.entry_ms, known.entry_seq, known.payload::text <> event.payload
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS event(topic, event_id, payload, item)
CROSS JOIN LATERAL (
    SELECT stream, entry_ms, entry_seq, payload FROM log.events
    WHERE topic = event.topic AND event_id = event.event_id OFFSET 0) AS known

-- name: record_new
-- One that is known after all ends the batch with 23505; then all of it is looked for. Sorted by key (the caller does it), so
-- that two recorders with the same events cannot deadlock. $9 ends with the last extra that there is, so it is mostly empty: the
-- rows behind its end have NULL.
INSERT INTO log.events (topic, event_id, at, source, payload, stream, entry_ms, entry_seq, extra)
SELECT topic, event_id, at, source, payload::json, stream, entry_ms, entry_seq, extra::json
FROM (SELECT unnest($1::text[]) AS topic, unnest($2::text[]) AS event_id, unnest($3::timestamptz[]) AS at,
             unnest($4::text[]) AS source, unnest($5::text[]) AS payload, unnest($6::smallint[]) AS stream,
             unnest($7::bigint[]) AS entry_ms, unnest($8::bigint[]) AS entry_seq, unnest($9::text[]) AS extra) AS event

-- name: record_count
INSERT INTO log.counters (slot, topic, unique_processed)
SELECT $1, topic, uniques FROM unnest($2::text[], $3::bigint[]) AS counted(topic, uniques)
ON CONFLICT (slot, topic) DO UPDATE SET unique_processed = counters.unique_processed + excluded.unique_processed

-- name: record_count_repeats
-- The same for a batch in which entries repeat what the log knows: an event under another entry's id is a duplicate, which
-- counts when its entry is noted for the first time. What is not newly noted came before, so it is a redelivery.
WITH incoming AS (
    SELECT * FROM unnest($4::text[], $5::text[], $6::boolean[], $7::boolean[], $8::smallint[], $9::bigint[], $10::bigint[])
        AS repeat(topic, event_id, is_duplicate, is_conflict, stream, entry_ms, entry_seq)),
noted AS (
    INSERT INTO log.duplicates (stream, entry_ms, entry_seq, topic, event_id, is_conflict)
    SELECT stream, entry_ms, entry_seq, topic, event_id, is_conflict FROM incoming WHERE is_duplicate
    ON CONFLICT DO NOTHING
    RETURNING stream, entry_ms, entry_seq, topic, is_conflict),
counted AS (
    INSERT INTO log.counters (slot, topic, unique_processed, duplicate_dropped, conflicts, redelivered)
    SELECT $1, topic, sum(uniques), sum(duplicates), sum(conflicts), sum(entries) - sum(duplicates)
    FROM (
        SELECT topic, uniques, 0 AS duplicates, 0 AS conflicts, 0 AS entries
        FROM unnest($2::text[], $3::bigint[]) AS counted(topic, uniques)
        UNION ALL
        SELECT topic, 0, 0, 0, count(*) FROM incoming GROUP BY topic
        UNION ALL
        SELECT topic, 0, count(*), count(*) FILTER (WHERE is_conflict), 0 FROM noted GROUP BY topic) AS part
    GROUP BY topic ORDER BY topic
    ON CONFLICT (slot, topic) DO UPDATE SET
        unique_processed = counters.unique_processed + excluded.unique_processed,
        duplicate_dropped = counters.duplicate_dropped + excluded.duplicate_dropped,
        conflicts = counters.conflicts + excluded.conflicts,
        redelivered = counters.redelivered + excluded.redelivered)
SELECT stream, entry_ms, entry_seq FROM noted

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
