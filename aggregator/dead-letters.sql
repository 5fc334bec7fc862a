-- name: dead_letters_list
-- Newest first. $1: the last one of the page before, or NULL; $2: how many.
SELECT dead_letter_id, stream, entry_id, step, reason, detail, deliveries, fields, at, replayed_at
FROM log.dead_letters
WHERE dead_letter_id < coalesce($1, 9223372036854775807)
ORDER BY dead_letter_id DESC LIMIT $2
