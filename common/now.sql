-- name: store_now
-- The one clock by which all processes agree on when a hold ends and an invoice is due: theirs may be wrong, each differently.
SELECT now()
