-- name: insert_payment
-- Record the intent to open a payment, before the channel is called.
INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, holder, next_actor, due_at,
  deadline_at, opened_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'intent', 'payer', 'channel', $8, $10, $9, $10)

-- name: list_payments
-- An order's payment attempts, newest first.
SELECT bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, transaction_id, paid_fen, buyer_mask,
  asked, asked_at, due_at, deadline_at, opened_at, expires_at, paid_at
FROM payment WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 50

-- name: read_payment
-- One payment attempt by our number.
SELECT bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, transaction_id, paid_fen, buyer_mask,
  asked, asked_at, due_at, deadline_at, opened_at, expires_at, paid_at
FROM payment WHERE bucket = $1 AND payment_no = $2

-- name: read_payments
-- Some payment attempts of one bucket by our numbers.
SELECT bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, transaction_id, paid_fen, buyer_mask,
  asked, asked_at, due_at, deadline_at, opened_at, expires_at, paid_at
FROM payment WHERE bucket = $1 AND payment_no = ANY ($2::text[])

-- name: set_opened
-- The channel opened it, or refused to.
UPDATE payment SET state = $3, url = $4, code = $5, next_actor = 'buyer', lease_until = NULL
WHERE bucket = $1 AND payment_no = $2 AND state = 'intent'

-- name: set_paid
-- Money came: the channel's number is known; one more question follows when only a notify said so.
UPDATE payment SET state = 'paid', transaction_id = $3, paid_fen = $4, buyer_mask = $5, paid_at = $6, due_at = $7,
  deadline_at = $8, holder = channel, next_actor = 'shop', lease_until = NULL WHERE bucket = $1 AND payment_no = $2

-- name: set_asked
-- The channel was asked; when to ask next (null: never again) and the state it is in.
UPDATE payment SET state = $3, asked = asked + 1, asked_at = $4, due_at = $5, deadline_at = $6, code = $7,
  lease_until = NULL WHERE bucket = $1 AND payment_no = $2 AND state = $8

-- name: set_due
-- Ask now: somebody wants to know.
UPDATE payment SET due_at = $3, deadline_at = greatest(deadline_at, $3), lease_until = NULL
WHERE bucket = $1 AND order_id = $2 AND state IN ('intent', 'open', 'closed')

-- name: claim_payments
-- Take payments that are due to be asked about.
UPDATE payment SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND payment_no = ANY (ARRAY (
  SELECT payment_no FROM payment WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING payment_no

-- name: insert_suspense
-- Money with no order gets a name and a clock.
INSERT INTO suspense (bucket, item_id, seq, state, cause, channel, transaction_id, payment_no, order_id, amount_fen,
  holder, next_actor, due_at, deadline_at, known_at)
VALUES ($1, $2, 1, 'open', $3, $4, $5, $6, $7, $8, $4, 'person', $9, $9, $10)

-- name: list_suspense
-- Money that waits for a person.
SELECT item_id, state, cause, channel, order_id, amount_fen, holder, next_actor, due_at, deadline_at
FROM suspense WHERE state = 'open' ORDER BY known_at LIMIT 200
