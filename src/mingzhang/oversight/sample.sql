-- name: choose_orders
-- Of the paid orders in a range of numbers of a bucket, those whose hash with the seed is smallest; and how many there are.
SELECT o.order_id, sha256(convert_to($4 || ':' || o.order_id, 'UTF8')) AS rank, count(*) OVER () AS population FROM (
  SELECT i.order_id FROM orders i WHERE i.bucket = $1 AND i.order_id >= $2 AND i.order_id < $3 AND i.paid_at IS NOT NULL
  ORDER BY i.order_id DESC LIMIT $6) o
ORDER BY 2 LIMIT $5

-- name: read_sampled
-- What of an order may be shown, personal data masked.
SELECT order_id, state, product_id, title_zh, title_en, quantity, price_fen, supplier, account_mask, contact_mask, holder,
  next_actor, deadline_at, placed_at, paid_at, finished_at FROM orders WHERE bucket = $1 AND order_id = $2

-- name: list_attempts
-- What was asked of suppliers, and what they said.
SELECT a.attempt_no, a.supplier, a.state, a.sent_at, a.finished_at, (
    SELECT max(f.kind) FROM fact f WHERE f.party = a.supplier AND f.external_id = a.attempt_no
      AND f.kind IN ('supply_succeeded', 'supply_refused', 'supply_reversed')) AS said
FROM supply_attempt a WHERE a.bucket = $1 AND a.order_id = $2 ORDER BY a.n

-- name: list_postings
-- Each posting of an order, and what its legs come to: nothing, if they are sound.
SELECT seq, posting, count(*) AS legs, sum(amount_fen)::bigint AS sum_fen FROM leg WHERE bucket = $1 AND subject = $2
GROUP BY seq, posting ORDER BY seq

-- name: list_below
-- Where an order stands below nothing though money cannot, or above it where it came from.
SELECT place, party, owner, sum(amount_fen)::bigint AS amount_fen FROM leg WHERE bucket = $1 AND subject = $2
  AND owner IN ('o', 'L', 'S')
GROUP BY place, party, owner
HAVING sum(amount_fen) < 0 AND place NOT LIKE 'source.%' OR sum(amount_fen) > 0 AND place LIKE 'source.%'

-- name: list_cited
-- The messages that an order's events and legs cite: their hash, whether the body is kept, and whether it fits.
SELECT c.evidence_id, e.party, e.kind, e.standing, e.known_at, encode(e.sha256, 'hex') AS sha256,
  e.evidence_id IS NOT NULL AS kept, length(e.body) = 0 AS emptied, e.sha256 = sha256(e.body) AS fits
FROM (
  SELECT evidence_id FROM leg WHERE bucket = $1 AND subject = $2
  UNION SELECT evidence_id FROM event WHERE bucket = $1 AND order_id = $2 AND evidence_id <> '') c
LEFT JOIN evidence e ON e.evidence_id = c.evidence_id ORDER BY c.evidence_id
