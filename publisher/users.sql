-- name: users_add
-- $1: name, $2: email, $3: the password's hash; both may be NULL. Without an added row: was it the name that was taken?
WITH added AS (
    INSERT INTO ticketing.users (name, email) VALUES ($1, $2) ON CONFLICT DO NOTHING
    RETURNING name, email, is_guest, version, created_at
), secret AS (
    INSERT INTO access.passwords (user_name, hash) SELECT name, $3::text FROM added WHERE $3 IS NOT NULL
)
SELECT added.name, added.email, added.is_guest, added.version, added.created_at,
       EXISTS (SELECT FROM ticketing.users WHERE users.name = $1) AS is_there
FROM (VALUES (1)) AS one LEFT JOIN added ON true

-- name: users_change
-- $1: name, $2: versions of which one it must have, or NULL, $3: email, $4: change the email, $5: the password's hash, or NULL,
-- $6: by a key. Without one, who has no password is not changed: anybody may have logged in by that name. Who gets another
-- password is logged out everywhere; who was a guest is one no longer.
WITH changed AS (
    UPDATE ticketing.users
    SET email = CASE WHEN $4::boolean THEN $3::text ELSE email END, is_guest = false, version = version + 1
    WHERE name = $1 AND ($2::text[] IS NULL OR version::text = ANY($2)) AND ($6::boolean OR EXISTS (SELECT FROM access.passwords WHERE user_name = $1))
    RETURNING name, email, is_guest, version, created_at
), secret AS (
    INSERT INTO access.passwords (user_name, hash) SELECT name, $5::text FROM changed WHERE $5 IS NOT NULL
    ON CONFLICT (user_name) DO UPDATE SET hash = excluded.hash
), ended AS (
    DELETE FROM access.sessions USING changed WHERE $5 IS NOT NULL AND sessions.user_name = changed.name
)
SELECT changed.name, changed.email, changed.is_guest, changed.version, changed.created_at,
       EXISTS (SELECT FROM ticketing.users WHERE users.name = $1) AS is_there
FROM (VALUES (1)) AS one LEFT JOIN changed ON true

-- name: users_remove
-- $1: name, $2: versions and $3: by a key, as above. Password and sessions go with it; bookings stay.
WITH removed AS (
    DELETE FROM ticketing.users
    WHERE name = $1 AND ($2::text[] IS NULL OR version::text = ANY($2))
      AND ($3::boolean OR EXISTS (SELECT FROM access.passwords WHERE user_name = $1))
    RETURNING name
)
SELECT removed.name, EXISTS (SELECT FROM ticketing.users WHERE users.name = $1) AS is_there
FROM (VALUES (1)) AS one LEFT JOIN removed ON true
