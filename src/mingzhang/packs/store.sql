-- name: list_cited
-- The messages that an order's timeline and postings cite.
SELECT evidence_id FROM event WHERE bucket = $1 AND order_id = $2 AND evidence_id <> ''
UNION SELECT evidence_id FROM leg WHERE bucket = $1 AND subject = $2 AND evidence_id <> '' LIMIT 500

-- name: list_messages
-- Those messages, and what was kept in the same millisecond with the same party and names one of the order's numbers:
-- the question beside its answer. The first nine characters of an id are its millisecond.
SELECT evidence_id, party, kind, direction, standing, content_type, body, sha256, known_at FROM evidence
WHERE evidence_id = ANY ($1::text[])
UNION
SELECT e.evidence_id, e.party, e.kind, e.direction, e.standing, e.content_type, e.body, e.sha256, e.known_at
FROM evidence c JOIN evidence e ON e.evidence_id >= left(c.evidence_id, 9) AND e.evidence_id < left(c.evidence_id, 9) || '~'
  AND e.party = c.party
WHERE c.evidence_id = ANY ($1::text[])
  AND EXISTS (SELECT FROM unnest($2::bytea[]) AS n (number) WHERE position(n.number IN e.body) > 0)
ORDER BY evidence_id LIMIT 400

-- name: list_legs
-- An order's postings, leg by leg.
SELECT seq, posting, place, party, owner, amount_fen, evidence_id, at FROM leg
WHERE bucket = $1 AND subject = $2 ORDER BY seq, n LIMIT 5000

-- name: list_corrections
-- The accounts that its buyer corrected.
SELECT old_mask, old_enc, new_mask, new_enc, at FROM account_correction WHERE bucket = $1 AND order_id = $2 ORDER BY n

-- name: read_last_audit
-- The newest audit.
SELECT started_at, covered_to, findings FROM audit_run ORDER BY run_id DESC LIMIT 1

-- name: read_schema
-- The newest migration that ran.
SELECT number, name FROM schema_migration ORDER BY number DESC LIMIT 1

-- name: read_server
-- Which database this is.
SELECT version()
