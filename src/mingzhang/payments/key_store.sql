-- name: ensure_watch
-- The daily look at keys is due from now on.
INSERT INTO key_watch (watch, due_at) VALUES ('keys', $1) ON CONFLICT (watch) DO NOTHING

-- name: claim_watch
-- Take the daily look when it is due.
UPDATE key_watch SET lease_owner = $2, lease_generation = lease_generation + 1, lease_until = $3
WHERE watch IN (
  SELECT watch FROM key_watch WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  FOR UPDATE SKIP LOCKED)
RETURNING watch

-- name: set_watch
-- Looked; the next look.
UPDATE key_watch SET done_at = $1, due_at = $2, lease_until = NULL WHERE watch = 'keys'

-- name: upsert_terms
-- What the channels say is in force.
INSERT INTO key_term (party, key, ends_at, seen_at)
SELECT t.party, t.key, t.ends_at, $4 FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS t (party, key, ends_at)
ON CONFLICT (party, key) DO UPDATE SET ends_at = excluded.ends_at, seen_at = excluded.seen_at

-- name: forget_terms
-- What is in force no more.
DELETE FROM key_term WHERE seen_at < $1 AND party <> ALL ($2::text[])

-- name: list_ending
-- Keys that end before a time, the soonest first.
SELECT party, key, ends_at FROM key_term WHERE ends_at <= $1 ORDER BY ends_at, party, key
