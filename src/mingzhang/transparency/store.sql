-- name: take_gate
-- Be the one who appends, until the end of the transaction; nothing: another one is.
SELECT gate FROM log_gate WHERE gate = 1 FOR UPDATE SKIP LOCKED

-- name: read_last
-- Up to which number each subject stands in the log, in the order asked.
SELECT coalesce((SELECT e.to_seq FROM log_entry e WHERE e.bucket = t.bucket AND e.subject = t.subject
  ORDER BY e.to_seq DESC LIMIT 1), 0) AS to_seq
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS t (bucket, subject, n) ORDER BY t.n

-- name: read_events
-- The events of some subjects in a range of numbers each; n: which subject. Each is looked up by itself (OFFSET): no
-- plan may read the table whole because it is small today.
SELECT t.n, e.seq, e.kind, e.at, e.evidence_id, e.data
FROM unnest($1::int[], $2::text[], $3::int[], $4::int[]) WITH ORDINALITY AS t (bucket, subject, after, until, n)
CROSS JOIN LATERAL (SELECT q.seq, q.kind, q.at, q.evidence_id, q.data FROM event q
  WHERE q.bucket = t.bucket AND q.order_id = t.subject AND q.seq > t.after AND q.seq <= t.until OFFSET 0) e
ORDER BY t.n, e.seq

-- name: read_statements
-- The same of subjects that are statements.
SELECT t.n, s.seq, s.kind, s.at, s.evidence_id, s.data
FROM unnest($1::int[], $2::text[], $3::int[], $4::int[]) WITH ORDINALITY AS t (bucket, subject, after, until, n)
JOIN log_statement s ON s.bucket = t.bucket AND s.subject = t.subject AND s.seq > t.after AND s.seq <= t.until
ORDER BY t.n, s.seq

-- name: insert_statement
-- Tell the record one thing.
INSERT INTO log_statement (bucket, subject, seq, kind, at, evidence_id, data) VALUES ($1, $2, 1, $3, $4, $5, $6)

-- name: read_legs
-- The legs of some subjects up to a number each; n: which subject.
SELECT t.n, l.seq, l.posting, l.place, l.party, l.owner, l.amount_fen, l.evidence_id, l.at
FROM unnest($1::int[], $2::text[], $3::int[]) WITH ORDINALITY AS t (bucket, subject, until, n)
CROSS JOIN LATERAL (SELECT q.seq, q.n, q.posting, q.place, q.party, q.owner, q.amount_fen, q.evidence_id, q.at FROM leg q
  WHERE q.bucket = t.bucket AND q.subject = t.subject AND q.seq <= t.until OFFSET 0) l
ORDER BY t.n, l.seq, l.n

-- name: read_prices
-- What the buyer was to pay, in the order asked; 0 for what is no order.
SELECT coalesce((SELECT o.price_fen FROM orders o WHERE o.bucket = t.bucket AND o.order_id = t.subject), 0) AS price_fen
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS t (bucket, subject, n) ORDER BY t.n

-- name: read_digests
-- The hashes of some messages.
SELECT t.evidence_id, e.sha256 FROM unnest($1::text[]) AS t (evidence_id)
CROSS JOIN LATERAL (SELECT q.sha256 FROM evidence q WHERE q.evidence_id = t.evidence_id OFFSET 0) e

-- name: read_head
-- The newest signed state.
SELECT size, root, note, at FROM log_checkpoint ORDER BY size DESC LIMIT 1

-- name: read_size
-- How many entries the newest signed state has.
SELECT size FROM log_checkpoint ORDER BY size DESC LIMIT 1

-- name: insert_entries
-- Append: the key refuses a second sequencer at the same place.
INSERT INTO log_entry (idx, bucket, subject, from_seq, to_seq, salt, data, noted_at, logged_at)
SELECT t.idx, t.bucket, t.subject, t.from_seq, t.to_seq, t.salt, t.data, t.noted_at, $9
FROM unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::timestamptz[])
  AS t (idx, bucket, subject, from_seq, to_seq, salt, data, noted_at)

-- name: insert_tiles
-- Keep tiles that became whole.
INSERT INTO log_tile (level, n, hashes, root) SELECT t.level, t.n, t.hashes, t.root
FROM unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::bytea[]) AS t (level, n, hashes, root)

-- name: insert_checkpoint
-- The state after this round.
INSERT INTO log_checkpoint (size, root, note, at) VALUES ($1, $2, $3, $4)

-- name: list_entry_data
-- The entries of a range, as the log holds them.
SELECT data FROM log_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx

-- name: list_tile_roots
-- The roots of a range of whole tiles of one level.
SELECT root FROM log_tile WHERE level = $1 AND n >= $2 AND n < $3 ORDER BY n

-- name: read_tile
-- One whole tile.
SELECT hashes FROM log_tile WHERE level = $1 AND n = $2

-- name: list_tiles
-- Several whole tiles.
SELECT t.level, t.n, t.hashes FROM unnest($1::smallint[], $2::bigint[]) AS w (level, n)
JOIN log_tile t ON t.level = w.level AND t.n = w.n

-- name: list_subject_entries
-- The entries of one subject, oldest first.
SELECT idx, from_seq, to_seq, salt, data, logged_at FROM log_entry WHERE bucket = $1 AND subject = $2
ORDER BY to_seq LIMIT 500

-- name: list_entries
-- Entries from an index on, for the whole log's audit.
SELECT idx, bucket, subject, from_seq, to_seq, salt, data FROM log_entry WHERE idx >= $1 ORDER BY idx LIMIT $2

-- name: list_checkpoints
-- Signed states from a size on.
SELECT size, root, note FROM log_checkpoint WHERE size >= $1 ORDER BY size LIMIT $2

-- name: list_cosignatures
-- What witnesses signed of one state.
SELECT line FROM log_cosignature WHERE size = $1 ORDER BY witness LIMIT 64

-- name: insert_cosignature
-- Keep a witness's word; told twice, the first stands.
INSERT INTO log_cosignature (size, witness, line, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: read_cosigned
-- The newest state that a witness signed.
SELECT max(size) FROM log_cosignature WHERE witness = $1

-- name: read_tile_row
-- One whole tile with its root.
SELECT hashes, root FROM log_tile WHERE level = $1 AND n = $2

-- name: list_unrecorded
-- Subjects whose newest row is neither logged nor noted.
SELECT k.bucket, k.subject, k.seq FROM (
  SELECT bucket, subject, max(seq) AS seq FROM (
    SELECT bucket, subject, seq FROM leg UNION ALL SELECT bucket, order_id, seq FROM event
    UNION ALL SELECT bucket, subject, seq FROM log_statement
    UNION ALL SELECT 0, 'TABLE-' || table_name, n FROM digest_span) known
  GROUP BY bucket, subject) k
LEFT JOIN (SELECT bucket, subject, max(to_seq) AS seq FROM log_entry GROUP BY bucket, subject) e
  ON e.bucket = k.bucket AND e.subject = k.subject
WHERE k.seq > coalesce(e.seq, 0)
  AND NOT EXISTS (SELECT FROM unlogged u WHERE u.bucket = k.bucket AND k.subject = ANY (u.subjects))
ORDER BY k.bucket, k.subject LIMIT $1

-- name: read_cosigned_head
-- The newest signed state that a witness of this list signed, too.
SELECT p.size, p.root, p.note, p.at FROM log_cosignature c JOIN log_checkpoint p ON p.size = c.size
WHERE c.witness = ANY ($1::text[]) ORDER BY c.size DESC LIMIT 1

-- name: ensure_anchor_task
-- The row of one period of one anchor.
INSERT INTO anchor_task (anchor, period_end, state, due_at) VALUES ($1, $2, 'waiting', $2) ON CONFLICT DO NOTHING

-- name: claim_anchor_tasks
-- Take what is due for a while; an expired lease is taken over.
UPDATE anchor_task t SET lease_owner = $4, lease_until = $5, lease_generation = lease_generation + 1, tries = tries + 1
FROM (SELECT anchor, period_end FROM anchor_task
  WHERE due_at <= $1 AND anchor = ANY ($2::text[]) AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) d
WHERE t.anchor = d.anchor AND t.period_end = d.period_end RETURNING t.anchor, t.period_end, t.tries

-- name: set_anchor_task
-- What came of it.
UPDATE anchor_task SET state = $3, due_at = $4, last_error = $5, lease_until = NULL WHERE anchor = $1 AND period_end = $2

-- name: read_state_until
-- The newest signed state of a time.
SELECT size, root, note, at FROM log_checkpoint WHERE at <= $1 ORDER BY size DESC LIMIT 1

-- name: read_cosigned_until
-- The same, of those that a witness of this list signed.
SELECT p.size, p.root, p.note, p.at FROM log_cosignature c JOIN log_checkpoint p ON p.size = c.size
WHERE c.witness = ANY ($1::text[]) AND p.at <= $2 ORDER BY c.size DESC LIMIT 1

-- name: is_anchored
-- Whether an anchor stamped this state before.
SELECT EXISTS (SELECT FROM log_anchor WHERE anchor = $1 AND size = $2)

-- name: insert_anchor
-- What an anchor stamped.
INSERT INTO log_anchor (anchor, size, period_end, form, authority, root, token, stamped_at, evidence_id, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING

-- name: list_anchors
-- The newest stamps.
SELECT * FROM log_anchor ORDER BY size DESC, anchor LIMIT $1

-- name: list_anchors_of
-- The stamps of one state.
SELECT * FROM log_anchor WHERE size = $1 ORDER BY anchor LIMIT 16

-- name: list_anchor_tasks
-- What is still to be stamped.
SELECT anchor, period_end, tries, due_at, last_error FROM anchor_task WHERE due_at IS NOT NULL ORDER BY period_end, anchor
LIMIT $1

-- name: read_anchored_head
-- The first state with an entry in it that an authority stamped; with a list of witnesses, one of them signed it, too.
SELECT p.size, p.root, p.note, p.at FROM log_anchor a JOIN log_checkpoint p ON p.size = a.size
WHERE a.size > $1 AND a.form = $2 AND ($3::text[] = '{}' OR EXISTS (
  SELECT FROM log_cosignature c WHERE c.size = a.size AND c.witness = ANY ($3::text[])))
ORDER BY a.size LIMIT 1

-- name: list_stamped
-- Every stamp with the state that it stamps, for the audit of the whole record.
SELECT a.anchor, a.size, a.form, a.token, a.stamped_at, p.note FROM log_anchor a
LEFT JOIN log_checkpoint p ON p.size = a.size ORDER BY a.size, a.anchor LIMIT 10000
