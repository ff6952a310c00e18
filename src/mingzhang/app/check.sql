-- name: list_ends
-- Where every order stands: who acts next says whether it waits for a person or the buyer's choice.
SELECT order_id, state, next_actor FROM orders

-- name: list_unanswered
-- Instructions on record that no supplier has answered.
SELECT order_id, attempt_no, sent_at FROM supply_attempt
WHERE state IN ('sending', 'unknown') AND answered_at IS NULL AND sent_at IS NOT NULL

-- name: count_under_way
-- Money put aside that is on its way back, and trades that the channel is still asked about.
SELECT (SELECT count(*) FROM suspense WHERE state IN ('open', 'refunding') AND next_actor <> 'person')
  + (SELECT count(*) FROM trade_hint WHERE state = 'waiting') AS n

-- name: count_aside
-- Money put aside, by where it is.
SELECT CASE WHEN state = 'open' THEN 'with_a_person' ELSE state END AS state, count(*) AS n FROM suspense GROUP BY 1

-- name: read_last_pass
-- When the channels' own lists were last read through, the earliest of them; null: one of them never.
SELECT CASE WHEN bool_and(done_at IS NOT NULL) THEN min(done_at) END AS done_at FROM channel_pass WHERE channel = ANY ($1::text[])

-- name: list_found
-- Every payment on record, and what it rests on: a notify, a question after one, the sweep, a claim, the list. A
-- claim's visit notes that it asked in the transaction that states what it found.
SELECT f.party, f.external_id, f.known_at, CASE
  WHEN e.kind LIKE '%notify%' THEN 'notify'
  WHEN EXISTS (SELECT FROM event c WHERE c.bucket = f.bucket AND c.order_id = f.subject AND c.kind = 'payment_asked'
    AND c.at = f.known_at) THEN 'claim'
  WHEN EXISTS (SELECT FROM trade_hint h WHERE h.channel = f.party AND h.transaction_id = f.external_id
    AND h.known_at <= f.known_at) THEN 'question_after_notify'
  WHEN e.kind LIKE '%orders' OR e.kind LIKE '%bill%' THEN 'day_end'
  ELSE 'sweep' END AS way
FROM fact f JOIN evidence e ON e.evidence_id = f.evidence_id WHERE f.kind = 'paid'

-- name: list_open
-- Orders that are at no end, with what they wait for: for the one who has to find out why.
SELECT o.order_id, o.state, o.next_actor, o.due_at, o.lease_until, a.state AS attempt, a.due_at AS attempt_due,
  a.lease_until AS attempt_lease, r.state AS refund, r.due_at AS refund_due,
  (SELECT string_agg(i.kind || ' ' || i.last_error, ', ') FROM inbox i WHERE i.subject = o.order_id) AS inbox
FROM orders o LEFT JOIN supply_attempt a ON a.bucket = o.bucket AND a.order_id = o.order_id
LEFT JOIN refund r ON r.bucket = o.bucket AND r.order_id = o.order_id
WHERE o.order_id = ANY ($1::text[])

-- name: list_disputes
-- Every dispute as it ended, or waits.
SELECT dispute_id, order_id, kind, state, outcome, next_actor, deadline_at, missed, round FROM dispute

-- name: count_reports
-- What the regulator was told of.
SELECT stage, count(*) AS n FROM dispute_report GROUP BY stage
