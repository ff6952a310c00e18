-- name: insert_payment
-- Record the intent to open a payment, before the channel is called.
INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, holder, next_actor, due_at,
  deadline_at, opened_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'intent', 'payer', 'channel', $8, $10, $9, $10)

-- name: list_payments
-- An order's payment attempts, newest first.
SELECT bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, transaction_id, paid_fen, buyer_mask,
  asked, asked_at, due_at, deadline_at, opened_at, expires_at, paid_at, next_actor, since, code, known_as
FROM payment WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 50

-- name: read_payment
-- One payment attempt by our number.
SELECT bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, transaction_id, paid_fen, buyer_mask,
  asked, asked_at, due_at, deadline_at, opened_at, expires_at, paid_at, next_actor, since, code, known_as
FROM payment WHERE bucket = $1 AND payment_no = $2

-- name: read_payments
-- Some payment attempts of one bucket by our numbers.
SELECT bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, transaction_id, paid_fen, buyer_mask,
  asked, asked_at, due_at, deadline_at, opened_at, expires_at, paid_at, next_actor, since, code, known_as
FROM payment WHERE bucket = $1 AND payment_no = ANY ($2::text[])

-- name: insert_known_payment
-- A payment of another number that became this order's: the channel goes on knowing it by that number (row 23).
INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, transaction_id, paid_fen, buyer_mask,
  holder, next_actor, opened_at, expires_at, paid_at, known_as)
VALUES ($1, $2, $3, $4, $5, 'matched', $6, 'paid', $7, $6, $8, $5, '', $9, $9, $9, $10)

-- name: set_chosen
-- The buyer came back to a payment that is open: it is the one before them now.
UPDATE payment SET opened_at = $3 WHERE bucket = $1 AND payment_no = $2

-- name: set_opened
-- The channel opened it, or refused to.
UPDATE payment SET state = $3, url = $4, code = $5, next_actor = 'buyer', lease_until = NULL
WHERE bucket = $1 AND payment_no = $2 AND state = 'intent'

-- name: set_paid
-- Money came: the channel's number is known; one more question follows when only a notify said so. A second trade
-- on the same number never overwrites the first (F15).
UPDATE payment SET state = 'paid', transaction_id = $3, paid_fen = $4, buyer_mask = $5, paid_at = $6, due_at = $7,
  deadline_at = $8, holder = channel, next_actor = 'shop', lease_until = NULL
WHERE bucket = $1 AND payment_no = $2 AND state IN ('intent', 'open', 'failed', 'closed')

-- name: set_asked
-- The channel was asked; when to ask next (null: never again) and the state it is in.
UPDATE payment SET state = $3, asked = asked + 1, asked_at = $4, due_at = $5, deadline_at = $6, code = $7,
  lease_until = NULL WHERE bucket = $1 AND payment_no = $2 AND state = $8

-- name: set_contradicted
-- The channel denies what was paid: it is asked about on, by a clock that begins now.
UPDATE payment SET state = 'contradicted', asked = asked + 1, asked_at = $3, since = $3, holder = 'missing',
  next_actor = 'channel', due_at = $4, deadline_at = $5, code = $6, lease_until = NULL
WHERE bucket = $1 AND payment_no = $2 AND state = 'paid'

-- name: set_found
-- The channel says paid after all: the doubt is over.
UPDATE payment SET state = 'paid', asked = asked + 1, asked_at = $3, holder = channel, next_actor = '', due_at = NULL,
  deadline_at = NULL, code = $4, lease_until = NULL
WHERE bucket = $1 AND payment_no = $2 AND state IN ('contradicted', 'unpaid')

-- name: set_settled
-- Two people decided what becomes of it: nobody has to be asked about it by itself any more.
UPDATE payment SET state = $3, due_at = NULL, deadline_at = NULL, next_actor = '', lease_until = NULL,
  holder = CASE $3 WHEN 'unpaid' THEN 'payer' ELSE holder END
WHERE bucket = $1 AND payment_no = $2 AND state = 'contradicted'

-- name: set_due
-- Ask now: somebody wants to know. A deadline stays; what was at rest comes under a clock again, also what was paid and
-- confirmed, denied, or proved unpaid; a payment that its own clock is about to confirm is left to it.
UPDATE payment SET due_at = CASE WHEN due_at IS NULL THEN $3 ELSE least(deadline_at, $3) END,
  since = CASE WHEN due_at IS NULL THEN $3 ELSE since END,
  next_actor = CASE WHEN due_at IS NULL THEN 'channel' ELSE next_actor END,
  deadline_at = CASE WHEN due_at IS NOT NULL THEN deadline_at WHEN state = 'paid' THEN $3::timestamptz + interval '24 hours'
    ELSE $3::timestamptz + interval '72 hours' END, lease_until = NULL
WHERE bucket = $1 AND order_id = $2 AND (state IN ('intent', 'open', 'closed', 'contradicted', 'unpaid')
  OR state = 'paid' AND (due_at IS NULL OR code = 'frozen'))

-- name: list_doubted
-- Payments of some buckets that were denied or proved unpaid, among these numbers.
SELECT bucket, order_id FROM payment
WHERE bucket = ANY ($1::int[]) AND payment_no = ANY ($2::text[]) AND state IN ('contradicted', 'unpaid')

-- name: set_item_due
-- The channel's list says that a trade is there after all: its item, denied before, is asked about now.
UPDATE suspense SET due_at = least(deadline_at, $4) WHERE bucket = ANY ($1::int[]) AND channel = $2
  AND transaction_id = ANY ($3::text[]) AND state = 'open' AND holder = 'missing'

-- name: hand_payment_over
-- Its deadline passed: a person is next. What is due stays due.
UPDATE payment SET next_actor = $4, since = $5, deadline_at = $6, lease_until = NULL
WHERE bucket = $1 AND payment_no = $2 AND deadline_at = $3 AND due_at IS NOT NULL RETURNING payment_no

-- name: claim_payments
-- Take payments that are due to be asked about.
UPDATE payment SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND payment_no = ANY (ARRAY (
  SELECT payment_no FROM payment WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING payment_no, lease_generation

-- name: read_payment_lease
-- Under which claim a payment is visited now.
SELECT lease_generation FROM payment WHERE bucket = $1 AND payment_no = $2 FOR UPDATE

-- name: insert_suspense
-- Money with no order gets a name and a clock.
INSERT INTO suspense (bucket, item_id, seq, state, cause, channel, transaction_id, payment_no, order_id, amount_fen,
  trade_fen, holder, next_actor, due_at, deadline_at, known_at, since)
VALUES ($1, $2, 2, 'open', $3, $4, $5, $6, $7, $8, $9, 'channel', $10, $11, $12, $13, $13)

-- name: lock_suspense
-- Take an item's lock, after its order's where it has one.
SELECT bucket, item_id, seq, state, cause, reason, channel, transaction_id, payment_no, order_id, amount_fen, trade_fen,
  asked, holder, next_actor, due_at, deadline_at, known_at, since, for_order
FROM suspense WHERE bucket = $1 AND item_id = $2 FOR UPDATE

-- name: read_suspense
-- One item.
SELECT bucket, item_id, seq, state, cause, reason, channel, transaction_id, payment_no, order_id, amount_fen, trade_fen,
  asked, holder, next_actor, due_at, deadline_at, known_at, since, for_order
FROM suspense WHERE bucket = $1 AND item_id = $2

-- name: list_suspense_of
-- What was put aside beside an order, oldest first.
SELECT bucket, item_id, seq, state, cause, reason, channel, transaction_id, payment_no, order_id, amount_fen, trade_fen,
  asked, holder, next_actor, due_at, deadline_at, known_at, since, for_order
FROM suspense WHERE bucket = $1 AND order_id = $2 ORDER BY known_at, item_id LIMIT 50

-- name: update_suspense
-- Write what a turn changed; the lock is held.
UPDATE suspense SET state = $3, reason = $4, seq = $5, asked = $6, holder = $7, next_actor = $8, due_at = $9,
  deadline_at = $10, since = $11, for_order = $12, order_id = $13, lease_until = NULL WHERE bucket = $1 AND item_id = $2

-- name: set_holder
-- Where put-aside money stands that did not come through a channel.
UPDATE suspense SET holder = $3 WHERE bucket = $1 AND item_id = $2

-- name: claim_suspense
-- Take items that are about to go back.
UPDATE suspense SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND item_id = ANY (ARRAY (
  SELECT item_id FROM suspense WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING item_id, lease_generation

-- name: read_suspense_lease
-- Under which claim an item is visited now.
SELECT lease_generation FROM suspense WHERE bucket = $1 AND item_id = $2 FOR UPDATE

-- name: list_suspense
-- Money that was put aside and is at no end, those that wait for a person first.
SELECT item_id, state, cause, reason, channel, order_id, amount_fen, holder, next_actor, due_at, deadline_at, for_order
FROM suspense WHERE state IN ('open', 'refunding') ORDER BY next_actor <> 'person', known_at LIMIT 200

-- name: insert_hint
-- Somebody told of a trade: the channel is asked about it. Told again, it is asked again.
INSERT INTO trade_hint (bucket, hint_id, channel, transaction_id, payment_no, state, holder, next_actor, due_at,
  deadline_at, evidence_id, known_at)
VALUES ($1, $2, $3, $4, $5, 'waiting', $3, 'shop', $6, $7, $8, $6)
ON CONFLICT (bucket, channel, transaction_id, payment_no) DO UPDATE SET state = 'waiting', due_at = excluded.due_at,
  deadline_at = excluded.deadline_at, since = excluded.known_at, next_actor = excluded.next_actor, lease_until = NULL WHERE trade_hint.state <> 'found'

-- name: read_hint
-- One trade that was told of.
SELECT bucket, hint_id, channel, transaction_id, payment_no, state, asked, known_at, deadline_at, next_actor
FROM trade_hint WHERE bucket = $1 AND hint_id = $2

-- name: set_hint
-- The channel was asked about it: what it said, and when it is asked again (null: not by itself).
UPDATE trade_hint SET state = $3, code = $4, asked = asked + 1, asked_at = $5, due_at = $6, lease_until = NULL
WHERE bucket = $1 AND hint_id = $2 AND state <> 'found'

-- name: hand_hint_over
-- Its deadline passed without an answer: a person is next. What is due stays due.
UPDATE trade_hint SET next_actor = $4, since = $5, deadline_at = $6, lease_until = NULL
WHERE bucket = $1 AND hint_id = $2 AND deadline_at = $3 AND due_at IS NOT NULL RETURNING hint_id

-- name: set_hint_due
-- A member of staff wants to know: ask at the worker's next look.
UPDATE trade_hint SET due_at = least(deadline_at, $3), lease_until = NULL
WHERE bucket = $1 AND hint_id = $2 AND due_at IS NOT NULL

-- name: claim_hints
-- Take trades that are due to be asked about. The key names the bucket, because the id does not.
UPDATE trade_hint SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND hint_id = ANY (ARRAY (
  SELECT hint_id FROM trade_hint WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING bucket || ':' || hint_id AS hint, lease_generation

-- name: read_hint_lease
-- Under which claim a hint is visited now.
SELECT lease_generation FROM trade_hint WHERE bucket = $1 AND hint_id = $2 FOR UPDATE

-- name: ensure_pass
-- A channel with a list of its own is passed over from now on.
INSERT INTO channel_pass (channel, due_at) VALUES ($1, $2) ON CONFLICT (channel) DO NOTHING

-- name: claim_passes
-- Take channels whose list is due.
UPDATE channel_pass SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE channel = ANY (ARRAY (
  SELECT channel FROM channel_pass WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
    AND channel = ANY ($2::text[]) ORDER BY due_at FOR UPDATE SKIP LOCKED))
RETURNING channel

-- name: set_pass
-- The list was read, or was not (done: null); when it is read again.
UPDATE channel_pass SET code = $2, asked = asked + 1, done_at = coalesce($3, done_at), due_at = $4, lease_until = NULL
WHERE channel = $1

-- name: set_channel_down
-- A channel gave no answer for several calls in a row.
INSERT INTO channel_health (channel, down_since, checked_at, code) VALUES ($1, $2, $2, $3)
ON CONFLICT (channel) DO UPDATE SET down_since = coalesce(channel_health.down_since, excluded.down_since),
  checked_at = excluded.checked_at, code = excluded.code

-- name: set_channel_up
-- It answered again.
UPDATE channel_health SET down_since = NULL, checked_at = $2, code = '' WHERE channel = $1 AND down_since IS NOT NULL

-- name: list_channels_down
-- Channels that do not answer, and when that was last seen.
SELECT channel, down_since, checked_at FROM channel_health WHERE down_since IS NOT NULL
