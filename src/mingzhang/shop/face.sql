-- name: list_versions
-- What the shop said of itself, the newest first.
SELECT version, face, set_by, reason, set_at FROM shop_setting ORDER BY version DESC LIMIT $1

-- name: insert_version
-- The next version, unless somebody else has set one since.
INSERT INTO shop_setting (version, face, set_by, reason, set_at)
SELECT $1::int, $2::jsonb, $3::text, $4::text, $5::timestamptz WHERE coalesce((SELECT max(version) FROM shop_setting), 0) = $6::int
ON CONFLICT (version) DO NOTHING RETURNING version

-- name: insert_logo
-- A logo under the hash of what is served; the same one again is the same row.
INSERT INTO shop_logo (logo_id, body, made_at) VALUES ($1, $2, $3) ON CONFLICT (logo_id) DO NOTHING

-- name: read_logo
-- One logo.
SELECT body FROM shop_logo WHERE logo_id = $1
