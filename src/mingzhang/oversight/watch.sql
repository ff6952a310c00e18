-- name: sum_receipts
-- Of the newest orders of a bucket within a range of numbers: by supplier, how many were paid, and what the supplier said.
WITH looked AS (
  SELECT o.order_id, o.supplier, o.state, o.price_fen, o.paid_at, o.promise_s FROM orders o
  WHERE o.bucket = $1 AND o.order_id >= $2 AND o.order_id < $3 ORDER BY o.order_id DESC LIMIT $4)
SELECT supplier, count(*) AS paid, count(*) FILTER (WHERE said = 'supply_succeeded') AS succeeded,
  count(*) FILTER (WHERE said IN ('supply_refused', 'supply_reversed')) AS refused,
  count(*) FILTER (WHERE said IS NULL AND state IN ('refunding', 'refunded', 'closed')) AS given_back,
  count(*) FILTER (WHERE said IS NULL AND state NOT IN ('refunding', 'refunded', 'closed') AND NOT over) AS waiting,
  count(*) FILTER (WHERE said IS NULL AND state NOT IN ('refunding', 'refunded', 'closed') AND over) AS missing,
  coalesce(sum(price_fen) FILTER (WHERE said IS NULL AND state NOT IN ('refunding', 'refunded', 'closed') AND over), 0)
    ::bigint AS missing_fen
FROM (
  SELECT l.supplier, l.state, l.price_fen, l.paid_at + make_interval(secs => l.promise_s) < $5 AS over, (
    SELECT max(f.kind) FROM supply_attempt a JOIN fact f ON f.external_id = a.attempt_no AND f.party = a.supplier
      AND f.kind IN ('supply_succeeded', 'supply_refused', 'supply_reversed')
    WHERE a.bucket = $1 AND a.order_id = l.order_id) AS said
  FROM looked l WHERE l.paid_at IS NOT NULL) classed
GROUP BY supplier ORDER BY supplier

-- name: count_looked
-- How many orders of a bucket stand within a range of numbers, up to a bound, and the oldest of them.
SELECT count(*) AS looked, min(order_id) AS oldest FROM (
  SELECT o.order_id FROM orders o WHERE o.bucket = $1 AND o.order_id >= $2 AND o.order_id < $3
  ORDER BY o.order_id DESC LIMIT $4) newest

-- name: list_without_receipt
-- Paid, past the promised time, nothing given back, and no word of any supplier (R15), the newest first.
WITH looked AS (
  SELECT o.order_id, o.supplier, o.state, o.price_fen, o.paid_at, o.promise_s, o.next_actor, o.title_zh, o.title_en
  FROM orders o
  WHERE o.bucket = $1 AND o.order_id >= $2 AND o.order_id < $3 ORDER BY o.order_id DESC LIMIT $4)
SELECT l.order_id, l.supplier, l.state, l.price_fen, l.paid_at, l.next_actor, l.title_zh, l.title_en FROM looked l
WHERE l.paid_at IS NOT NULL AND l.paid_at + make_interval(secs => l.promise_s) < $5
  AND l.state NOT IN ('refunding', 'refunded', 'closed')
  AND NOT EXISTS (
    SELECT FROM supply_attempt a JOIN fact f ON f.external_id = a.attempt_no AND f.party = a.supplier
      AND f.kind IN ('supply_succeeded', 'supply_refused', 'supply_reversed')
    WHERE a.bucket = $1 AND a.order_id = l.order_id)
ORDER BY l.order_id DESC LIMIT $6

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
