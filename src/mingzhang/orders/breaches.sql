-- name: insert_breach
-- A deadline passed; told once for each deadline of each row.
INSERT INTO breach (bucket, kind, key, deadline_at, subject, state, late_actor, next_actor, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING

-- name: list_overdue
-- Rows of one bucket whose deadline has passed, by the indexes of what is due. An order's own clock rings by itself.
-- Claims and money put aside go to a person by their own visit, which gets a minute for it; a fact may be tried for
-- ten minutes, then it is told once a day.
SELECT 'payment' AS kind, payment_no AS key, order_id AS subject, state, next_actor, deadline_at
FROM payment WHERE bucket = $1 AND due_at <= $2 AND CASE
  WHEN next_actor = 'person' THEN deadline_at WHEN state = 'paid' THEN greatest(since, paid_at) + interval '24 hours'
  ELSE coalesce(since, expires_at) + interval '72 hours' END <= $2
UNION ALL
SELECT 'supply', attempt_no, order_id, state, next_actor, deadline_at
FROM supply_attempt WHERE bucket = $1 AND due_at <= $2 AND deadline_at <= $2
UNION ALL
SELECT 'refund', refund_no, order_id, state, next_actor, deadline_at
FROM refund WHERE bucket = $1 AND due_at <= $2 AND deadline_at <= $2
UNION ALL
SELECT 'hint', hint_id, '', state, next_actor, deadline_at
FROM trade_hint WHERE bucket = $1 AND due_at <= $2 AND deadline_at <= $2
UNION ALL
SELECT 'suspense', item_id, order_id, state, next_actor, deadline_at
FROM suspense WHERE bucket = $1 AND state IN ('open', 'refunding') AND deadline_at <= $2::timestamptz - interval '60 seconds'
UNION ALL
SELECT 'claim', claim_id, order_id, state, next_actor, deadline_at
FROM claim WHERE bucket = $1 AND finished_at IS NULL AND deadline_at <= $2::timestamptz - interval '60 seconds'
UNION ALL
SELECT 'fact', i.party || '/' || i.kind || '/' || i.external_id, i.subject, i.kind, 'shop', i.known_at + interval '10 minutes'
FROM inbox i WHERE i.bucket = $1 AND i.due_at <= $2 AND i.known_at <= $2::timestamptz - interval '10 minutes'
  AND NOT EXISTS (
    SELECT FROM breach b WHERE b.bucket = $1 AND b.kind = 'fact' AND b.at > $2::timestamptz - interval '24 hours'
      AND b.key = i.party || '/' || i.kind || '/' || i.external_id)
LIMIT 200

-- name: list_late_rows
-- Payments, attempts, trades told of and facts that went past their time and wait for a person, soonest deadline first.
SELECT 'payment' AS kind, order_id AS subject, payment_no AS key, state, amount_fen, holder, due_at, deadline_at,
  CASE code WHEN 'wrong_currency' THEN 'other_currency' ELSE 'deadline_missed' END AS reason
FROM payment WHERE next_actor = 'person' AND due_at IS NOT NULL
UNION ALL
SELECT 'supply', order_id, attempt_no, state, cost_fen, holder, due_at, deadline_at, 'deadline_missed'
FROM supply_attempt WHERE next_actor = 'person' AND due_at IS NOT NULL
UNION ALL
SELECT 'hint', '', hint_id, state, 0, holder, due_at, deadline_at, 'deadline_missed'
FROM trade_hint WHERE next_actor = 'person' AND due_at IS NOT NULL
UNION ALL
SELECT 'fact', i.subject, i.party || '/' || i.kind || '/' || i.external_id, i.kind, 0, i.party, i.due_at, b.deadline_at,
  'deadline_missed'
FROM inbox i JOIN (
  SELECT bucket, key, max(deadline_at) AS deadline_at FROM breach WHERE kind = 'fact' GROUP BY bucket, key) b
  ON b.bucket = i.bucket AND b.key = i.party || '/' || i.kind || '/' || i.external_id
ORDER BY deadline_at LIMIT 200

-- name: list_breaches
-- What passed its time of one order or item, oldest first.
SELECT kind, key, state, late_actor, next_actor, deadline_at, at FROM breach
WHERE bucket = $1 AND subject = $2 ORDER BY at, kind, key LIMIT 200
