-- name: apply_batch
-- The plain steps of many orders of one bucket, in one transaction: the keys it could do, by
-- result. What they leave to be told is noted in the same transaction.
SELECT step_result, step_keys FROM apply_batch($1, $2, $3, $4, $5, $6, $7, $8::place_step[], $9::order_step[])

-- name: ensure_bucket
-- Have workers look into a bucket in which no order was placed yet.
INSERT INTO bucket (bucket, opened_at) VALUES ($1, $2) ON CONFLICT (bucket) DO NOTHING

-- name: list_buckets
-- Every bucket ever used.
SELECT bucket FROM bucket ORDER BY bucket

-- name: find_placement
-- Which order a client's key fixed, if any.
SELECT order_id FROM placement WHERE client = $1 AND key = $2

-- name: read_placement
-- Which order a client's key fixed, and by which request.
SELECT order_id, request_hash FROM placement WHERE client = $1 AND key = $2

-- name: lock_order
-- Take the order's lock: nothing is posted or changed without it.
SELECT * FROM orders WHERE bucket = $1 AND order_id = $2 FOR UPDATE

-- name: read_order
-- One order as it stands.
SELECT * FROM orders WHERE bucket = $1 AND order_id = $2

-- name: read_orders
-- Some orders of one bucket as they stand.
SELECT * FROM orders WHERE bucket = $1 AND order_id = ANY ($2::text[])

-- name: read_statuses
-- Where some orders of one bucket stand, in short.
SELECT order_id, state, reason, holder, next_actor, due_at, deadline_at, seq FROM orders
WHERE bucket = $1 AND order_id = ANY ($2::text[])

-- name: update_order
-- Write what a turn changed; the lock is held.
UPDATE orders SET state = $3, reason = $4, seq = $5, holder = $6, next_actor = $7, due_at = $8, deadline_at = $9,
  paid_at = $10, finished_at = $11, lease_until = NULL WHERE bucket = $1 AND order_id = $2

-- name: insert_events
-- Write the turn's events beside the change.
INSERT INTO event (bucket, order_id, seq, kind, at, evidence_id, data)
SELECT $1, $2, t.seq, t.kind, $3, t.evidence_id, t.data
FROM unnest($4::int[], $5::text[], $6::text[], $7::jsonb[]) AS t (seq, kind, evidence_id, data)

-- name: list_events
-- The timeline after a number.
SELECT seq, kind, at, evidence_id, data FROM event WHERE bucket = $1 AND order_id = $2 AND seq > $3 ORDER BY seq LIMIT 500

-- name: read_seq
-- The newest event number of an order.
SELECT seq FROM orders WHERE bucket = $1 AND order_id = $2

-- name: claim_orders
-- Take orders whose own clock rang. ARRAY here and in every claim: an IN may run its LIMIT more than once.
UPDATE orders SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND order_id = ANY (ARRAY (
  SELECT order_id FROM orders WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING order_id, lease_generation

-- name: read_order_lease
-- Under which claim an order's clock is visited now.
SELECT lease_generation FROM orders WHERE bucket = $1 AND order_id = $2

-- name: tell_change
-- A hint to live pages; polling stands behind it.
SELECT pg_notify('mz_order', $1)

-- name: list_waiting_for_people
-- Orders in which a person must act, by the index of those that are out of the ordinary, and those whose time is over, by
-- what is due: never by a look at all of them.
(SELECT order_id, state, reason, price_fen, holder, next_actor, due_at, deadline_at FROM orders
WHERE (next_actor = 'person' OR state IN ('needs_person', 'needs_buyer', 'refunding')
    OR (state = 'supplying' AND next_actor IN ('buyer', 'shop')))
  AND (next_actor = 'person' OR state = 'needs_person'
    OR (state = 'supplying' AND (next_actor = 'buyer' OR due_at IS NOT NULL)))
ORDER BY deadline_at LIMIT 200)
UNION
(SELECT o.order_id, o.state, o.reason, o.price_fen, o.holder, o.next_actor, o.due_at, o.deadline_at
FROM bucket b JOIN orders o ON o.bucket = b.bucket AND o.due_at < $1
WHERE o.due_at IS NOT NULL AND o.deadline_at < $1 ORDER BY o.deadline_at LIMIT 200)
ORDER BY deadline_at LIMIT 200

-- name: read_typical
-- How long delivery took lately for a product: median, 90th percentile, sample size.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - paid_at)) AS p50,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - paid_at)) AS p90, count(*) AS n
FROM (SELECT paid_at, finished_at FROM orders WHERE product_id = $1 AND state = 'delivered' AND paid_at IS NOT NULL
  ORDER BY finished_at DESC LIMIT 200) AS recent

-- name: read_typical_then
-- The same as it stood at a moment.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - paid_at)) AS p50,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - paid_at)) AS p90, count(*) AS n
FROM (SELECT paid_at, finished_at FROM orders WHERE product_id = $1 AND state = 'delivered' AND paid_at IS NOT NULL
  AND finished_at <= $2 ORDER BY finished_at DESC LIMIT 200) AS recent

-- name: list_of_contact
-- The newest orders of one contact, in short.
SELECT order_id, title_zh, title_en, kind, quantity, price_fen, state, reason, holder, next_actor, deadline_at,
  account_mask, placed_at, paid_at, finished_at
FROM orders WHERE contact_hash = $1 AND placed_at < $2 ORDER BY placed_at DESC LIMIT $3

-- name: read_first_evidence
-- The evidence that money came: dispatching cites it.
SELECT evidence_id FROM event WHERE bucket = $1 AND order_id = $2 AND kind IN ('paid', 'paid_late') ORDER BY seq LIMIT 1

-- name: read_last_evidence
-- The newest evidence of an order: gathering a refund cites what made it due.
SELECT evidence_id FROM event WHERE bucket = $1 AND order_id = $2 AND evidence_id <> '' ORDER BY seq DESC LIMIT 1

-- name: read_doubt
-- Where the order stood when its money was last denied.
SELECT data FROM event WHERE bucket = $1 AND order_id = $2 AND kind = 'payment_contradicted' AND data ? 'before'
ORDER BY seq DESC LIMIT 1

-- name: read_given_up
-- How much of what a channel never had was given up, and not found since.
SELECT coalesce((SELECT (data->>'amount_fen')::bigint FROM event
  WHERE bucket = $1 AND order_id = $2 AND kind IN ('claim_given_up', 'payment_found') AND data->>'channel' = $3
  ORDER BY seq DESC LIMIT 1), 0) AS fen

-- name: read_paid_kind
-- Whether its money came in time or late.
SELECT kind FROM event WHERE bucket = $1 AND order_id = $2 AND kind IN ('paid', 'paid_late') ORDER BY seq DESC LIMIT 1

-- name: read_freeze
-- The channel's last word on whether it froze the order's money.
SELECT kind FROM event WHERE bucket = $1 AND order_id = $2 AND kind IN ('payment_frozen', 'payment_unfrozen')
ORDER BY seq DESC LIMIT 1

-- name: is_held
-- Whether a dispute that is at no end holds the order's money back.
SELECT EXISTS (SELECT FROM dispute WHERE bucket = $1 AND order_id = $2 AND closed_at IS NULL AND held)

-- name: list_states
-- What every order says of itself, for the audit.
SELECT order_id, state, paid_at, cost_fen FROM orders

-- name: count_orders
-- How many orders there are.
SELECT count(*) FROM orders

-- name: insert_password
-- Keep an order's query password (查询密码), once.
INSERT INTO order_password (bucket, order_id, hash, set_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: read_password
-- The hash of an order's query password.
SELECT hash FROM order_password WHERE bucket = $1 AND order_id = $2

-- name: insert_correction
-- A buyer's correction, the old account beside the new; numbered within the order, whose lock is held.
INSERT INTO account_correction (bucket, order_id, n, seq, reason, old_mask, old_enc, old_hash, new_mask, new_enc, new_hash, at)
SELECT $1, $2, count(*) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM account_correction WHERE bucket = $1 AND order_id = $2

-- name: set_account
-- The account that the next attempt goes out with; the lock is held.
UPDATE orders SET account_mask = $3, account_enc = $4, account_hash = $5 WHERE bucket = $1 AND order_id = $2
