-- name: insert_attachment
-- A picture of a conversation, sealed.
INSERT INTO attachment (bucket, attachment_id, owner, sha256, size_bytes, sealed, kept_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: read_attachment
-- One picture, if it is that owner's.
SELECT sealed FROM attachment WHERE bucket = $1 AND attachment_id = $2 AND owner = $3

-- name: list_attachments
-- What an owner has, oldest first; ids are time-ordered.
SELECT attachment_id, sha256, size_bytes, kept_at FROM attachment WHERE bucket = $1 AND owner = $2
ORDER BY attachment_id LIMIT $3
