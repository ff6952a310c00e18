-- name: insert_unbooked
-- A fact that the float cannot carry yet: the order takes no other posting until it is booked.
INSERT INTO unbooked (bucket, subject, key, code, since) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (bucket, subject, key) DO NOTHING RETURNING key

-- name: delete_unbooked
-- It was booked.
DELETE FROM unbooked WHERE bucket = $1 AND subject = $2 AND key = $3

-- name: find_unbooked
-- What an order waits for before this one: facts are booked in the order in which they came to be listed.
SELECT u.key, u.code FROM unbooked u WHERE u.bucket = $1 AND u.subject = $2 AND u.key <> $3 AND NOT EXISTS (
  SELECT FROM unbooked o WHERE o.bucket = $1 AND o.subject = $2 AND o.key = $3 AND (o.since, o.key) < (u.since, u.key))
ORDER BY u.since, u.key LIMIT 1

-- name: list_unbooked
-- Every fact that waits for float: listed differences between the outside and the ledger.
SELECT bucket, subject, key, code, since FROM unbooked ORDER BY since LIMIT $1
