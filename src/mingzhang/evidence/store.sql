-- name: insert_evidence
-- Keep one raw message.
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: insert_fact
-- State an outside thing once; nothing returned means that it was stated before.
INSERT INTO fact (party, kind, external_id, bucket, subject, content, content_hash, evidence_id, known_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (party, kind, external_id) DO NOTHING
RETURNING external_id

-- name: read_fact_hash
-- What was stated before under the same key.
SELECT content_hash FROM fact WHERE party = $1 AND kind = $2 AND external_id = $3

-- name: read_content
-- What a fact says.
SELECT content FROM fact WHERE party = $1 AND kind = $2 AND external_id = $3

-- name: list_known
-- Which of these outside things are on record.
SELECT external_id, bucket, content ->> 'payment_no' AS payment_no FROM fact
WHERE party = $1 AND kind = $2 AND external_id = ANY ($3::text[])

-- name: insert_inbox
-- Let the fact wait to be applied.
INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)

-- name: insert_conflict
-- The same thing was told with other content: a person must look.
INSERT INTO conflict (evidence_id, party, kind, external_id, bucket, subject, content, known_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: claim_inbox
-- Take due facts of one bucket for a while; an expired lease is taken over. Apart and MATERIALIZED, because an IN
-- may run its LIMIT more than once.
WITH due AS MATERIALIZED (
  SELECT party, kind, external_id FROM inbox
  WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE inbox i SET lease_owner = $4, lease_generation = i.lease_generation + 1, lease_until = $5, asked = i.asked + 1
FROM due WHERE i.bucket = $1 AND (i.party, i.kind, i.external_id) = (due.party, due.kind, due.external_id)
RETURNING i.party, i.kind, i.external_id, i.bucket, i.subject, i.content, i.evidence_id, i.known_at, i.asked

-- name: insert_applied
-- Apply a fact once: nothing returned means that it was applied before.
INSERT INTO applied (bucket, key, request_hash, result, applied_at) VALUES ($1, $2, $3, 'done', $4)
ON CONFLICT (bucket, key) DO NOTHING RETURNING key

-- name: finish_inbox
-- The fact was applied: its row has done its work.
DELETE FROM inbox WHERE party = $1 AND kind = $2 AND external_id = $3

-- name: record_batch
-- What many steps have to say to tables that are nobody's own bucket, in one call.
SELECT step_key, step_result, step_order FROM record_batch(
  $1::placement_row[], $2, $3::evidence_row[], $4::fact_row[], $5::number_row[], $6, $7, $8)

-- name: postpone_inbox
-- Applying failed: try again later, and keep why.
UPDATE inbox SET due_at = $4, lease_until = NULL, last_error = $5
WHERE party = $1 AND kind = $2 AND external_id = $3

-- name: insert_number
-- Remember a number that a person may quote.
INSERT INTO number (value, kind, bucket, order_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: find_number
-- Orders that know a number.
SELECT kind, bucket, order_id FROM number WHERE value = $1 LIMIT 20

-- name: read_evidence_heads
-- Hash, party, kind, standing and time of some messages, for the timeline.
SELECT evidence_id, party, kind, standing, sha256, known_at FROM evidence WHERE evidence_id = ANY ($1::text[])

-- name: read_body
-- One message's bytes as they were kept.
SELECT body FROM evidence WHERE evidence_id = $1

-- name: list_conflicts
-- What was told twice with other content.
SELECT evidence_id, party, kind, external_id, subject, known_at FROM conflict ORDER BY known_at DESC LIMIT 100

-- name: insert_unlogged
-- Note whose rows changed, for the public record.
INSERT INTO unlogged (bucket, subjects, noted_at) VALUES ($1, $2, $3)

-- name: take_notes
-- Take the oldest notes away; two sequencers never take the same.
DELETE FROM unlogged u USING (
  SELECT bucket, note_id FROM unlogged ORDER BY noted_at LIMIT $1 FOR UPDATE SKIP LOCKED) oldest
WHERE u.bucket = oldest.bucket AND u.note_id = oldest.note_id
RETURNING u.bucket, u.subjects, u.noted_at

-- name: read_waiting
-- What waits to be logged: how many notes (counted up to a bound), and since when.
SELECT count(*)::int AS notes, min(noted_at) AS oldest FROM (SELECT noted_at FROM unlogged LIMIT $1) waiting
