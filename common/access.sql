-- name: access_version
-- The number of the last change to keys.
SELECT version FROM access.version

-- name: access_keys
SELECT key_id, role, name, hash FROM access.keys WHERE revoked_at IS NULL ORDER BY created_at, key_id

-- name: access_session
-- $1: the hash of its token.
SELECT user_name FROM access.sessions WHERE token_hash = $1 AND expires_at > now()
