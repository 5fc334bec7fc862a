-- name: gauges_counters
SELECT coalesce(sum(unique_processed), 0)::bigint, coalesce(sum(duplicate_dropped), 0)::bigint,
       coalesce(sum(conflicts), 0)::bigint, coalesce(sum(rejected), 0)::bigint
FROM log.counters

-- name: gauges_dead_letters
SELECT count(*) FROM log.dead_letters WHERE replayed_at IS NULL
