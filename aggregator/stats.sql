-- The numbers of /stats. Those that must add up come from one statement, which sees one moment.

-- name: stats_counters
SELECT topic, sum(unique_processed)::bigint, sum(duplicate_dropped)::bigint, sum(rejected)::bigint, sum(redelivered)::bigint,
       sum(conflicts)::bigint
FROM log.counters GROUP BY topic ORDER BY topic

-- name: stats_received
SELECT coalesce(sum(unique_processed + duplicate_dropped + rejected), 0)::bigint FROM log.counters

-- name: stats_latencies
SELECT name, bucket, sum(count)::bigint FROM log.latencies GROUP BY name, bucket

-- name: stats_dead_letters
SELECT count(*) FROM log.dead_letters WHERE replayed_at IS NULL
