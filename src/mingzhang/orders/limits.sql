-- name: read_counts
-- What was counted for some subjects, each since a time of its own.
SELECT w.subject, coalesce(sum(c.n), 0)::bigint AS n, coalesce(sum(c.fen), 0)::bigint AS fen, max(c.last_at) AS last_at
FROM unnest($1::bytea[], $2::timestamptz[]) AS w (subject, since)
JOIN limit_count c ON c.subject = w.subject AND c.slot >= w.since GROUP BY w.subject

-- name: add_counts
-- Count; several processes count the same subject. In the order of their subjects, so that no two wait for each other.
INSERT INTO limit_count (subject, slot, n, fen, last_at)
SELECT t.subject, t.slot, t.n, t.fen, t.last_at
FROM unnest($1::bytea[], $2::timestamptz[], $3::int[], $4::bigint[], $5::timestamptz[]) AS t (subject, slot, n, fen, last_at)
ORDER BY t.subject, t.slot
ON CONFLICT (subject, slot) DO UPDATE SET n = limit_count.n + excluded.n, fen = limit_count.fen + excluded.fen,
  last_at = greatest(limit_count.last_at, excluded.last_at)

-- name: insert_hit
-- A rule stopped somebody.
INSERT INTO limit_hit (hit_id, rule, subject, order_id, seen, most, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING

-- name: find_hit
-- Whether a rule stopped this.
SELECT 1 FROM limit_hit WHERE hit_id = $1

-- name: find_placement
-- Whether this very request was placed before: a repetition is no new order.
SELECT 1 FROM placement WHERE client = $1 AND key = $2

-- name: forget_counts
-- What no rule looks back to any more.
DELETE FROM limit_count WHERE slot < $1

-- name: forget_hits
-- What was kept for its retention.
DELETE FROM limit_hit WHERE at < $1

-- name: find_payment
-- Whether this payment is on record already.
SELECT 1 FROM fact WHERE party = $1 AND kind = 'paid' AND external_id = $2
