-- name: rescue_probe
-- Which of these consumers' sessions are gone: their lock can be had. It is given back with the statement's end.
SELECT probe.place
FROM unnest($1::bigint[]) WITH ORDINALITY AS probe(lock, place)
WHERE pg_try_advisory_xact_lock(probe.lock)
