-- name: insert_refund
-- Fix the refund's number before the first call (F14).
INSERT INTO refund (bucket, refund_no, order_id, n, payment_no, transaction_id, channel, amount_fen, total_fen, cause,
  state, holder, next_actor, due_at, deadline_at, promised_at, planned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'ready', $7, 'shop', $11, $12, $13, $11)

-- name: insert_transfer
-- The same for a refund by bank transfer (row 17), with the payee and the two people's word.
INSERT INTO refund (bucket, refund_no, order_id, n, payment_no, transaction_id, channel, amount_fen, total_fen, cause,
  state, holder, next_actor, due_at, deadline_at, promised_at, planned_at, way, payee_n, approval_id, destination)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'ready', $7, 'shop', $11, $12, $13, $11, 'transfer', $14, $15, $16)

-- name: set_instructed
-- The instruction that carries a transfer is fixed; it has a clock of its own and tells what becomes of it.
UPDATE refund SET instruction_id = $3, reference = $3, due_at = deadline_at, lease_until = NULL
WHERE bucket = $1 AND refund_no = $2 AND way = 'transfer' AND state = 'sending'

-- name: set_looked
-- Nothing is to be done about it now.
UPDATE refund SET due_at = CASE WHEN next_actor = 'person' THEN deadline_at ELSE least(deadline_at, $3) END, lease_until = NULL
WHERE bucket = $1 AND refund_no = $2 AND due_at IS NOT NULL

-- name: set_taken
-- The bank took a transfer's instruction; the money is still where it was.
UPDATE refund SET accepted_at = coalesce(accepted_at, $3) WHERE bucket = $1 AND refund_no = $2

-- name: set_returned
-- A transfer that had arrived came back: its money is in custody again.
UPDATE refund SET state = 'returned', code = $3, asked_at = $4, due_at = NULL, next_actor = ''
WHERE bucket = $1 AND refund_no = $2 AND state = 'arrived' AND way = 'transfer'

-- name: list_refunds
-- An order's refunds, newest first: those at no end, however old, and the newest fifty of all.
SELECT bucket, refund_no, order_id, n, payment_no, transaction_id, channel, amount_fen, total_fen, cause, state, code,
  destination, reference, asked, asked_at, due_at, deadline_at, promised_at, planned_at, accepted_at, arrived_at, next_actor,
  way, payee_n, approval_id, instruction_id
FROM refund WHERE bucket = $1 AND order_id = $2 AND (due_at IS NOT NULL
  OR n > (SELECT max(n) FROM refund WHERE bucket = $1 AND order_id = $2) - 50) ORDER BY n DESC LIMIT 1000

-- name: find_refund
-- One refund of an order by its number, however old.
SELECT bucket, refund_no, order_id, n, payment_no, transaction_id, channel, amount_fen, total_fen, cause, state, code,
  destination, reference, asked, asked_at, due_at, deadline_at, promised_at, planned_at, accepted_at, arrived_at, next_actor,
  way, payee_n, approval_id, instruction_id
FROM refund WHERE bucket = $1 AND refund_no = $2 AND order_id = $3

-- name: set_sending
-- The money is gathered and the intent on record: from here on a missing answer is unknown.
UPDATE refund SET state = 'sending', due_at = least(deadline_at, $3), lease_until = $4
WHERE bucket = $1 AND refund_no = $2 AND state IN ('ready', 'waiting_float') RETURNING refund_no

-- name: set_state
-- Where the refund stands and when it is asked for next (null: final).
UPDATE refund SET state = $3, code = $4, asked = asked + 1, asked_at = $5,
  due_at = CASE WHEN $6::timestamptz IS NULL THEN NULL WHEN next_actor = 'person' THEN deadline_at ELSE least(deadline_at, $6) END,
  accepted_at = coalesce(accepted_at, $7), arrived_at = coalesce(arrived_at, $8),
  destination = CASE WHEN $9 = '' THEN destination ELSE $9 END, reference = CASE WHEN $10 = '' THEN reference ELSE $10 END,
  lease_until = NULL WHERE bucket = $1 AND refund_no = $2 AND state NOT IN ('arrived', 'refused', 'dropped', 'returned')

-- name: drop_refunds
-- There was no payment: what was not sent of an order's refunds is not sent.
UPDATE refund SET state = 'dropped', code = $3, due_at = NULL, next_actor = '', lease_until = NULL
WHERE bucket = $1 AND order_id = $2 AND state IN ('ready', 'waiting_float')

-- name: cut_refund
-- The channel took back more than was left for it, before it was sent: smaller, or (0) not sent at all.
UPDATE refund SET amount_fen = CASE WHEN $3 > 0 THEN $3 ELSE amount_fen END,
  state = CASE WHEN $3 > 0 THEN state ELSE 'dropped' END, code = CASE WHEN $3 > 0 THEN code ELSE 'charged_back' END,
  due_at = CASE WHEN $3 > 0 THEN due_at END, next_actor = CASE WHEN $3 > 0 THEN next_actor ELSE '' END,
  lease_until = CASE WHEN $3 > 0 THEN lease_until END, asked_at = $4
WHERE bucket = $1 AND refund_no = $2 AND state IN ('ready', 'waiting_float') RETURNING refund_no

-- name: set_asked_now
-- A member of staff wants to know: ask for it (or gather for it again) at the worker's next look.
UPDATE refund SET due_at = $3 WHERE bucket = $1 AND refund_no = $2 AND state NOT IN ('arrived', 'refused', 'dropped', 'returned') AND due_at > $3

-- name: hand_refund_over
-- Its deadline passed: a person is next. What is due stays due.
UPDATE refund SET next_actor = $4, since = $5, deadline_at = $6, lease_until = NULL
WHERE bucket = $1 AND refund_no = $2 AND deadline_at = $3 AND due_at IS NOT NULL RETURNING refund_no

-- name: claim_refunds
-- Take refunds that are due to be sent or asked for.
UPDATE refund SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND refund_no = ANY (ARRAY (
  SELECT refund_no FROM refund WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING refund_no, order_id, lease_generation

-- name: read_refund_lease
-- Under which claim a refund is visited now.
SELECT lease_generation FROM refund WHERE bucket = $1 AND refund_no = $2 FOR UPDATE

-- name: list_late
-- Refunds whose promised time is over, or that wait for money.
SELECT refund_no, order_id, state, CASE code WHEN 'ABNORMAL' THEN 'refund_abnormal' ELSE cause END AS cause, amount_fen,
  holder, next_actor, due_at, deadline_at FROM refund
WHERE due_at IS NOT NULL AND (state = 'waiting_float' OR promised_at < $1 OR next_actor = 'person') ORDER BY planned_at LIMIT 200

-- name: list_under_way
-- Refunds at no end, for their ages: few, and read whole.
SELECT refund_no, order_id, channel, way, destination, amount_fen, state, code, next_actor, planned_at, promised_at,
  deadline_at FROM refund WHERE due_at IS NOT NULL AND arrived_at IS NULL ORDER BY planned_at LIMIT $1
