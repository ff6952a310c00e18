-- name: insert_attempt
-- Plan an attempt at a supplier; it is due at once.
INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen, state,
  holder, next_actor, due_at, deadline_at, planned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ready', $10, 'shop', $11, $12, $11)

-- name: list_attempts
-- An order's attempts, newest first.
SELECT bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen, state, reason, code,
  supplier_order_id, serial, feedback, asked, asked_at, answered_at, due_at, deadline_at, planned_at, sent_at, finished_at
FROM supply_attempt WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 50

-- name: set_sending
-- The intent is on record; a crash from here on makes the outcome unknown.
UPDATE supply_attempt SET state = 'sending', sent_at = $3, due_at = $4, deadline_at = $5, holder = supplier,
  next_actor = 'supplier', lease_until = $6
WHERE bucket = $1 AND attempt_no = $2 AND state = 'ready' RETURNING attempt_no

-- name: set_waiting
-- Not final: in which state, when it was asked, when it is asked next.
UPDATE supply_attempt SET state = $3, code = $4, asked = asked + 1, asked_at = $5, due_at = $6, deadline_at = $7,
  answered_at = coalesce($8, answered_at), feedback = feedback || $9, supplier_order_id = CASE WHEN $10 = '' THEN supplier_order_id ELSE $10 END,
  lease_until = NULL
WHERE bucket = $1 AND attempt_no = $2 AND state IN ('ready', 'sending', 'processing', 'unknown')

-- name: set_final
-- The supplier's last word (success after refusal and refusal after success are decided by the caller).
UPDATE supply_attempt SET state = $3, reason = $4, code = $5, supplier_order_id = $6, serial = $7, feedback = $8,
  finished_at = $9, answered_at = $9, due_at = NULL, lease_until = NULL, next_actor = ''
WHERE bucket = $1 AND attempt_no = $2

-- name: count_question
-- The question whose answer was the last word.
UPDATE supply_attempt SET asked = asked + 1, asked_at = $3 WHERE bucket = $1 AND attempt_no = $2

-- name: set_asked_now
-- Ask now: a callback hinted at news, or somebody wants to know.
UPDATE supply_attempt SET due_at = $3, lease_until = NULL
WHERE bucket = $1 AND attempt_no = $2 AND state IN ('sending', 'processing', 'unknown') AND due_at > $3

-- name: claim_attempts
-- Take attempts that are due to be sent or asked about.
UPDATE supply_attempt SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND attempt_no = ANY (ARRAY (
  SELECT attempt_no FROM supply_attempt WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING attempt_no, order_id, state

-- name: insert_card
-- A card code for its buyer, encrypted.
INSERT INTO delivered_card (bucket, order_id, attempt_no, n, card_enc, card_hash, delivered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING

-- name: list_cards
-- The codes of an order.
SELECT n, card_enc FROM delivered_card WHERE bucket = $1 AND order_id = $2 ORDER BY attempt_no, n LIMIT 500
