-- name: count_codes
-- How many codes a contact was given lately.
SELECT count(*) FILTER (WHERE made_at > $2) AS fresh, count(*) FILTER (WHERE made_at > $3) AS hour, count(*) AS day
FROM sign_in_code WHERE contact_hash = $1 AND made_at > $4

-- name: drop_codes
-- Old codes of a contact tell nothing any more.
DELETE FROM sign_in_code WHERE contact_hash = $1 AND made_at < $2

-- name: insert_code
-- A code, by its keyed hash.
INSERT INTO sign_in_code (code_id, contact_hash, code_hash, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: count_try
-- One try at the newest code of a contact, if it still holds.
UPDATE sign_in_code SET tries = tries + 1
WHERE code_id = (SELECT c.code_id FROM sign_in_code c WHERE c.contact_hash = $1 ORDER BY c.made_at DESC LIMIT 1)
  AND used_at IS NULL AND expires_at > $2 AND tries < $3
RETURNING code_id, code_hash

-- name: set_used
-- A code is used once.
UPDATE sign_in_code SET used_at = $2 WHERE code_id = $1 AND used_at IS NULL RETURNING code_id

-- name: forget_codes
-- One-time codes that are over.
DELETE FROM sign_in_code WHERE expires_at < $1
