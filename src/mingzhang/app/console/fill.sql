-- name: ensure_marks
-- A table of the console's is filled from now on.
INSERT INTO console_mark (mark, due_at) SELECT m, $2 FROM unnest($1::text[]) AS t (m) ON CONFLICT (mark) DO NOTHING

-- name: claim_marks
-- Take what is due to be filled on.
UPDATE console_mark SET lease_owner = $2, lease_generation = lease_generation + 1, lease_until = $3
WHERE mark = ANY (ARRAY (
  SELECT mark FROM console_mark WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT 64 FOR UPDATE SKIP LOCKED))
RETURNING mark, done_to

-- name: set_mark
-- Filled up to there; looked at again at that time.
UPDATE console_mark SET done_to = $2, due_at = $3, lease_until = NULL WHERE mark = $1

-- name: advance_mark
-- Slots are closed, once: whoever closed the same ones at the same time finds that it is done.
UPDATE console_mark SET done_to = $3 WHERE mark = $1 AND done_to = $2 RETURNING mark

-- name: list_marks
-- How far everything is filled.
SELECT mark, done_to FROM console_mark

-- name: find_last_order
-- The last of the next orders of one bucket after a number.
SELECT max(order_id) AS last, count(*) AS n FROM (
  SELECT order_id FROM orders WHERE bucket = $1 AND order_id > $2 ORDER BY order_id LIMIT $3) AS next

-- name: fill_keys
-- The keys of the accounts of one bucket's orders after one number, up to another. Known ones stay as they are.
INSERT INTO order_key (key, order_id, bucket)
SELECT ('x' || encode(substring(o.account_hash FROM 1 FOR 8), 'hex'))::bit(64)::bigint AS key, o.order_id, o.bucket
FROM orders o
WHERE o.bucket = $1 AND o.order_id > $2 AND o.order_id <= $3 AND o.account_mask <> '' AND length(o.account_hash) >= 8
ORDER BY 1, 2
ON CONFLICT (key, order_id) DO NOTHING

-- name: find_first_moment
-- The moment of the first leg.
SELECT min(at) AS at FROM leg

-- name: fill_money
-- What lies where at the end of each slot of a span: what lay there at the span's beginning and the legs dated since.
INSERT INTO money_slot (slot_at, place, party, owner, amount_fen)
WITH moved AS (
  SELECT slot_at, place, party, owner, sum(amount_fen) AS fen FROM (
    SELECT slot_at, place, party, owner, amount_fen FROM money_slot WHERE slot_at = $1
    UNION ALL
    SELECT date_bin($3, at, $1) + $3, place, split_part(party, '#', 1), owner, amount_fen
    FROM leg WHERE at >= $1 AND at < $2) AS both_parts
  GROUP BY slot_at, place, party, owner)
SELECT slot_at, place, party, owner, fen::bigint FROM (
  SELECT s.slot_at, w.place, w.party, w.owner,
    sum(m.fen) OVER (PARTITION BY w.place, w.party, w.owner ORDER BY s.slot_at) AS fen
  FROM generate_series($1::timestamptz, $2, $3::interval) AS s (slot_at)
  CROSS JOIN (SELECT DISTINCT place, party, owner FROM moved) AS w
  LEFT JOIN moved m ON m.slot_at = s.slot_at AND m.place = w.place AND m.party = w.party AND m.owner = w.owner) AS lay
WHERE slot_at > $1 AND fen <> 0
ON CONFLICT (slot_at, place, party, owner) DO UPDATE SET amount_fen = excluded.amount_fen

-- name: fill_outcomes
-- Add what became of orders in a span to its hours and its days, by supplier, channel and product.
INSERT INTO outcome_span (span, span_at, supplier, channel, product_id, outcome, reason, bin, late, n)
SELECT t.span, date_trunc(t.field, e.at, 'Asia/Shanghai'), coalesce(e.data ->> 'supplier', o.supplier), coalesce(p.channel, ''),
  o.product_id, e.kind, coalesce(e.data ->> 'reason', e.data ->> 'row', ''),
  CASE WHEN e.kind = ANY ($4::text[]) AND o.paid_at IS NOT NULL
    THEN floor(4 * ln(greatest(1, extract(epoch FROM e.at - o.paid_at))) / ln(2))::smallint ELSE -1 END,
  e.kind = ANY ($4::text[]) AND o.paid_at IS NOT NULL AND e.at > o.paid_at + o.promise_s * interval '1 second', count(*)
FROM event e JOIN orders o ON o.bucket = e.bucket AND o.order_id = e.order_id
LEFT JOIN LATERAL (SELECT y.channel FROM payment y WHERE y.bucket = o.bucket AND y.order_id = o.order_id
  AND y.paid_at IS NOT NULL ORDER BY y.n LIMIT 1) AS p ON true
CROSS JOIN (VALUES ('h', 'hour'), ('d', 'day')) AS t (span, field)
WHERE e.at >= $1 AND e.at < $2 AND e.kind = ANY ($3::text[])
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
ON CONFLICT (span, span_at, supplier, channel, product_id, outcome, reason, bin, late)
DO UPDATE SET n = outcome_span.n + excluded.n

-- name: forget_money
-- The roll-up is made anew from the journal.
DELETE FROM money_slot

-- name: forget_outcomes
-- The figures are made anew from the events.
DELETE FROM outcome_span

-- name: reset_marks
-- Everything is filled again from its beginning, at once.
UPDATE console_mark SET done_to = '', due_at = $1, lease_until = NULL

-- name: compare_money
-- Where the roll-up and the journal differ at the end of a slot, for the audit: the sum of the roll-up, of the legs.
SELECT place, party, owner, sum(rolled)::bigint AS rolled, sum(legs)::bigint AS legs FROM (
  SELECT place, party, owner, amount_fen AS rolled, 0 AS legs FROM money_slot WHERE slot_at = $1
  UNION ALL
  SELECT place, split_part(party, '#', 1), owner, 0, amount_fen FROM leg WHERE at < $1) AS both_sides
GROUP BY place, party, owner HAVING sum(rolled) <> sum(legs) ORDER BY place, party, owner LIMIT 50
