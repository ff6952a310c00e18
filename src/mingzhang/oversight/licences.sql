-- name: list_licences
-- Every licence as it stands: its newest version.
SELECT DISTINCT ON (licence_id) licence_id, version, kind, party, title, number, issuer, scope, valid_until, source_url,
  contact, proof_sha256, ended, set_by, set_at
FROM licence ORDER BY licence_id, version DESC LIMIT $1

-- name: list_versions
-- A licence's versions, the newest first.
SELECT licence_id, version, kind, party, title, number, issuer, scope, valid_until, source_url, contact, proof_sha256,
  ended, set_by, set_at
FROM licence WHERE licence_id = $1 ORDER BY version DESC LIMIT 200

-- name: insert_licence
-- A new version, unless somebody was first.
INSERT INTO licence (licence_id, version, kind, party, title, number, issuer, scope, valid_until, source_url, contact,
  proof_sha256, ended, set_by, set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING RETURNING version

-- name: insert_picture
-- Keep a picture by its hash, once.
INSERT INTO licence_picture (sha256, body, added_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: read_picture
-- A picture by its hash.
SELECT body FROM licence_picture WHERE sha256 = $1
