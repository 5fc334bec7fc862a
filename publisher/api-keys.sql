-- name: api_keys_add
-- No row if there are $5 already, or one of that name.
INSERT INTO access.keys (key_id, role, name, hash)
SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM access.keys WHERE revoked_at IS NULL) < $5
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
RETURNING created_at

-- name: api_keys_list
-- $1: the last of the page before, or NULL; $2: how many. A key's id begins with the time it was made at.
SELECT key_id, role, name, created_at, revoked_at FROM access.keys
WHERE $1::uuid IS NULL OR key_id > $1
ORDER BY key_id LIMIT $2

-- name: api_keys_revoke
UPDATE access.keys SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL RETURNING name
