-- name: users_one
SELECT name, email, is_guest, created_at, version FROM ticketing.users WHERE name = $1

-- name: users_list
-- $1: the last of the page before, or NULL; $2: how many.
SELECT name, email, is_guest, created_at, version FROM ticketing.users
WHERE $1::text IS NULL OR name > $1 COLLATE "C"
ORDER BY name LIMIT $2
