-- name: sessions_look_up
SELECT users.name, passwords.hash
FROM ticketing.users LEFT JOIN access.passwords ON passwords.user_name = users.name
WHERE users.name = $1

-- name: sessions_add_guest
INSERT INTO ticketing.users (name, is_guest) VALUES ($1, true) ON CONFLICT DO NOTHING

-- name: sessions_add
-- $1: the user, $2: the token's hash, $3: seconds, $4: the password's hash that was looked at, or NULL: if it is another one by
-- now, no row; $5: how many sessions a user may have besides.
WITH over AS (
    DELETE FROM access.sessions
    WHERE expires_at < now() OR token_hash IN (
        SELECT token_hash FROM access.sessions WHERE user_name = $1 ORDER BY created_at DESC, token_hash OFFSET $5::bigint)
)
INSERT INTO access.sessions (token_hash, user_name, expires_at)
SELECT $2::text, name, now() + $3::bigint * interval '1 second' FROM ticketing.users
WHERE name = $1 AND (SELECT hash FROM access.passwords WHERE user_name = $1) IS NOT DISTINCT FROM $4::text
RETURNING expires_at

-- name: sessions_end
DELETE FROM access.sessions WHERE token_hash = $1
