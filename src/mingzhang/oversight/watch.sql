-- name: sum_receipts
-- Of the newest orders of a bucket within a range of numbers: by supplier, how many were looked at and paid, what the
-- supplier said, and the newest of those without a word (R15).
WITH looked AS (
  SELECT o.order_id, o.supplier, o.price_fen, o.paid_at, o.state IN ('refunding', 'refunded', 'closed') AS back,
    o.paid_at + make_interval(secs => o.promise_s) < $5 AS over
  FROM orders o
  WHERE o.bucket = $1 AND o.order_id >= $2 AND o.order_id < $3 ORDER BY o.order_id DESC LIMIT $4),
said AS (
  SELECT a.order_id, max(f.kind) AS kind FROM looked l
  JOIN supply_attempt a ON a.bucket = $1 AND a.order_id = l.order_id
  JOIN fact f ON f.external_id = a.attempt_no AND f.party = a.supplier
    AND f.kind IN ('supply_succeeded', 'supply_refused', 'supply_reversed')
  GROUP BY a.order_id),
classed AS (
  SELECT l.*, s.kind, l.paid_at IS NOT NULL AND s.kind IS NULL AND NOT l.back AND l.over AS missing
  FROM looked l LEFT JOIN said s USING (order_id))
SELECT supplier, count(*) AS looked, count(paid_at) AS paid,
  count(*) FILTER (WHERE paid_at IS NOT NULL AND kind = 'supply_succeeded') AS succeeded,
  count(*) FILTER (WHERE paid_at IS NOT NULL AND kind IN ('supply_refused', 'supply_reversed')) AS refused,
  count(*) FILTER (WHERE paid_at IS NOT NULL AND kind IS NULL AND back) AS given_back,
  count(*) FILTER (WHERE paid_at IS NOT NULL AND kind IS NULL AND NOT back AND NOT over) AS waiting,
  count(*) FILTER (WHERE missing) AS missing, coalesce(sum(price_fen) FILTER (WHERE missing), 0)::bigint AS missing_fen,
  coalesce((array_agg(order_id ORDER BY order_id DESC) FILTER (WHERE missing))[1:$6], '{}') AS newest
FROM classed GROUP BY supplier ORDER BY supplier

-- name: list_orphans
-- Orders by number, the newest first.
SELECT order_id, supplier, state, price_fen, paid_at, next_actor, title_zh, title_en FROM orders
WHERE bucket = $1 AND order_id = ANY ($2::text[]) ORDER BY order_id DESC

-- name: list_answer_times
-- What buyers brought up since a moment, and when it was answered: requests for a remedy, claims of a payment, disputes
-- (the first word to them, and their end).
SELECT kind, made_at, answered_at, deadline_at FROM (
  SELECT 'request' AS kind, made_at, answered_at, deadline_at FROM remedy_request WHERE made_at >= $1
  UNION ALL
  SELECT 'claim', made_at, finished_at, deadline_at FROM claim WHERE made_at >= $1
  UNION ALL
  SELECT 'dispute', opened_at, first_at, first_by FROM dispute WHERE opened_at >= $1
  UNION ALL
  SELECT 'dispute_end', opened_at, closed_at, final_by FROM dispute WHERE opened_at >= $1) asked
ORDER BY made_at DESC LIMIT $2

-- name: list_dispute_reports
-- Terms of disputes that were missed since a moment, as they were reported when they were missed (R43), newest first.
SELECT dispute_id, round, stage, deadline_at, at FROM dispute_report WHERE at >= $1 ORDER BY at DESC LIMIT $2

-- name: sum_breaches
-- Deadlines that were missed since a moment: by what waited and who let it pass.
SELECT kind, late_actor, count(*) AS n, max(at) AS newest FROM breach WHERE at >= $1
GROUP BY kind, late_actor ORDER BY n DESC, kind, late_actor

-- name: list_breaches_since
-- The newest missed deadlines.
SELECT kind, key, subject, state, late_actor, next_actor, deadline_at, at FROM breach WHERE at >= $1
ORDER BY at DESC LIMIT $2

-- name: list_seen
-- Who opened which personal data, and why, the newest first.
SELECT action_id, name, action, subject, reason, at, data FROM staff_action
WHERE kind = $1 AND action_id < $2 ORDER BY action_id DESC LIMIT $3
