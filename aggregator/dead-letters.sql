-- name: dead_letters_list
-- Newest first. $1: the last one of the page before, or NULL; $2: how many; $3: replayed ones, or the others; NULL: all.
-- Letters may be large: no more are read than twice what a page holds.
SELECT dead_letter_id, stream, entry_id, step, reason, detail, deliveries, fields, at, replayed_at, is_exact, dead_entry_id
FROM (
    SELECT *, sum(octet_length(fields::text)) OVER (ORDER BY dead_letter_id DESC ROWS UNBOUNDED PRECEDING) AS bytes
    FROM log.dead_letters
    WHERE dead_letter_id < coalesce($1, 9223372036854775807) AND ($3::boolean IS NULL OR (replayed_at IS NOT NULL) = $3)
    ORDER BY dead_letter_id DESC LIMIT $2) AS letter
WHERE bytes - octet_length(fields::text) < 16777216
ORDER BY dead_letter_id DESC

-- name: dead_letters_one
SELECT dead_letter_id, stream, entry_id, step, reason, detail, deliveries, fields, at, replayed_at, is_exact, dead_entry_id
FROM log.dead_letters WHERE dead_letter_id = $1
