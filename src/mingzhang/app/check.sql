-- name: list_ends
-- Where every order stands: who acts next says whether it waits for a person or the buyer's choice.
SELECT order_id, state, next_actor FROM orders

-- name: list_unanswered
-- Instructions on record that no supplier has answered.
SELECT order_id, attempt_no, sent_at FROM supply_attempt
WHERE state IN ('sending', 'unknown') AND answered_at IS NULL AND sent_at IS NOT NULL

-- name: list_open
-- Orders that are at no end, with what they wait for: for the one who has to find out why.
SELECT o.order_id, o.state, o.next_actor, o.due_at, o.lease_until, a.state AS attempt, a.due_at AS attempt_due,
  a.lease_until AS attempt_lease, r.state AS refund, r.due_at AS refund_due,
  (SELECT string_agg(i.kind || ' ' || i.last_error, ', ') FROM inbox i WHERE i.subject = o.order_id) AS inbox
FROM orders o LEFT JOIN supply_attempt a ON a.bucket = o.bucket AND a.order_id = o.order_id
LEFT JOIN refund r ON r.bucket = o.bucket AND r.order_id = o.order_id
WHERE o.order_id = ANY ($1::text[])
