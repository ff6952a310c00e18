-- name: insert_attempt
-- Plan an attempt at a supplier; it is due at once.
INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen, state,
  holder, next_actor, due_at, deadline_at, planned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ready', $10, 'shop', $11, $12, $11)

-- name: insert_next_attempt
-- Plan a further attempt, with the reason of its choice.
INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen, state,
  holder, next_actor, planned_at, due_at, deadline_at, choice, ahead)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'ready', 'channel', 'shop', $10, $11, $12, $13, EXISTS (
  SELECT FROM supply_attempt WHERE bucket = $1 AND order_id = $3 AND ahead))

-- name: list_attempts
-- An order's attempts, newest first.
SELECT bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen, state, reason, code,
  supplier_order_id, serial, feedback, asked, asked_at, answered_at, due_at, deadline_at, planned_at, sent_at, finished_at,
  choice, units, extra, next_actor, since, ahead
FROM supply_attempt WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 50

-- name: set_sending
-- The intent is on record; a crash from here on makes the outcome unknown.
UPDATE supply_attempt SET state = 'sending', sent_at = $3, due_at = $4, deadline_at = $5, holder = supplier,
  next_actor = 'supplier', since = NULL, lease_until = $6
WHERE bucket = $1 AND attempt_no = $2 AND state = 'ready' RETURNING attempt_no

-- name: set_waiting
-- Not final: in which state, when it was asked, when it is asked next.
UPDATE supply_attempt SET state = $3, code = $4, asked = asked + 1, asked_at = $5, due_at = $6, deadline_at = $7,
  answered_at = coalesce($8, answered_at), feedback = feedback || $9, supplier_order_id = CASE WHEN $10 = '' THEN supplier_order_id ELSE $10 END,
  lease_until = NULL
WHERE bucket = $1 AND attempt_no = $2 AND state IN ('ready', 'sending', 'processing', 'unknown')

-- name: set_told
-- The last word is on record: nobody asks any more, and the state follows when the fact is applied.
UPDATE supply_attempt SET due_at = NULL, lease_until = NULL
WHERE bucket = $1 AND attempt_no = $2 AND state IN ('sending', 'processing', 'unknown')

-- name: set_final
-- The supplier's last word (success after refusal and refusal after success are decided by the caller).
UPDATE supply_attempt SET state = $3, reason = $4, code = $5,
  supplier_order_id = CASE WHEN $6 = '' THEN supplier_order_id ELSE $6 END,
  serial = CASE WHEN $7 = '' THEN serial ELSE $7 END, feedback = $8, finished_at = $9, answered_at = $9, due_at = NULL,
  lease_until = NULL, next_actor = '', watched = $3 NOT IN ('succeeded', 'refused')
WHERE bucket = $1 AND attempt_no = $2

-- name: set_outcome
-- How much of a success there was, and whether the order had ended otherwise before.
UPDATE supply_attempt SET units = $3, extra = $4 WHERE bucket = $1 AND attempt_no = $2

-- name: set_cancelled
-- Never sent, and no longer to be sent.
UPDATE supply_attempt SET state = 'cancelled', code = $3, finished_at = $4, due_at = NULL, lease_until = NULL,
  next_actor = '', watched = true WHERE bucket = $1 AND attempt_no = $2 AND state = 'ready'

-- name: set_postponed
-- Not sent yet: looked at again then.
UPDATE supply_attempt SET due_at = least(deadline_at, $3), asked = asked + 1, asked_at = $4,
  lease_until = NULL WHERE bucket = $1 AND attempt_no = $2 AND state = 'ready'

-- name: set_choice
-- Why this supplier, before anything was sent.
UPDATE supply_attempt SET choice = $3 WHERE bucket = $1 AND attempt_no = $2 AND state = 'ready' AND sent_at IS NULL

-- name: set_held
-- Nobody can take it now: why, when it is looked at again, and until when at most.
UPDATE supply_attempt SET choice = $3, due_at = $4, deadline_at = $5, lease_until = NULL
WHERE bucket = $1 AND attempt_no = $2 AND state = 'ready' AND sent_at IS NULL

-- name: set_watched
-- Asked again after the last word; when the next time is (null: not by itself).
UPDATE supply_attempt SET watched = true, asked = asked + 1, asked_at = $3,
  due_at = CASE WHEN $4::timestamptz IS NOT NULL THEN least(deadline_at, $4) END,
  next_actor = CASE WHEN $4::timestamptz IS NULL THEN '' ELSE next_actor END, lease_until = NULL WHERE bucket = $1 AND attempt_no = $2 AND state IN ('succeeded', 'refused', 'reversed')

-- name: count_question
-- The question whose answer was the last word.
UPDATE supply_attempt SET asked = asked + 1, asked_at = $3 WHERE bucket = $1 AND attempt_no = $2

-- name: set_asked_now
-- Ask now: a callback hinted at news, or somebody wants to know. Also after the last word: it may have been none.
UPDATE supply_attempt SET due_at = $3, lease_until = NULL, since = CASE WHEN finished_at IS NULL THEN since ELSE $3 END,
  deadline_at = CASE WHEN finished_at IS NULL THEN deadline_at ELSE $3::timestamptz + interval '72 hours' END,
  next_actor = CASE WHEN finished_at IS NULL THEN next_actor ELSE 'supplier' END
WHERE bucket = $1 AND attempt_no = $2 AND (state IN ('sending', 'processing', 'unknown') AND due_at > $3
  OR state IN ('succeeded', 'refused', 'reversed') AND coalesce(due_at > $3, true))

-- name: hand_attempt_over
-- Its deadline passed: who is next. What is due stays due.
UPDATE supply_attempt SET next_actor = $4, since = $5, deadline_at = $6, lease_until = NULL
WHERE bucket = $1 AND attempt_no = $2 AND deadline_at = $3 AND due_at IS NOT NULL RETURNING attempt_no

-- name: set_ahead
-- Its buyer proved who they are: what of the order was not sent goes ahead of new ones (R27).
UPDATE supply_attempt SET ahead = true WHERE bucket = $1 AND order_id = $2 AND state = 'ready' AND NOT ahead
RETURNING attempt_no

-- name: claim_ahead
-- Take due attempts that go ahead of the others.
UPDATE supply_attempt SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND attempt_no = ANY (ARRAY (
  SELECT attempt_no FROM supply_attempt WHERE bucket = $1 AND ahead AND due_at <= $2
    AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING attempt_no AS ahead_no, lease_generation

-- name: claim_attempts
-- Take attempts that are due to be sent or asked about.
UPDATE supply_attempt SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND attempt_no = ANY (ARRAY (
  SELECT attempt_no FROM supply_attempt WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING attempt_no, order_id, state, lease_generation

-- name: claim_watches
-- Take attempts to be asked about for the first time since their last word, ten minutes after it (schedule.WATCH_S).
UPDATE supply_attempt SET watched = true, due_at = least($2, finished_at + interval '72 hours'),
  deadline_at = finished_at + interval '72 hours', next_actor = 'supplier', since = NULL, lease_owner = $4,
  lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND attempt_no = ANY (ARRAY (
  SELECT attempt_no FROM supply_attempt WHERE bucket = $1 AND finished_at <= $2::timestamptz - interval '10 minutes' AND NOT watched
    AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING attempt_no AS watched_no, lease_generation

-- name: read_attempt_lease
-- Under which claim an attempt is visited now.
SELECT lease_generation FROM supply_attempt WHERE bucket = $1 AND attempt_no = $2 FOR UPDATE

-- name: insert_card
-- A card code for its buyer, encrypted.
INSERT INTO delivered_card (bucket, order_id, attempt_no, n, card_enc, card_hash, delivered_at, key_no)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING

-- name: count_under_other_keys
-- How many delivered codes are sealed with another key than this.
SELECT count(*) FROM delivered_card WHERE key_no <> $1

-- name: list_under_other_keys
-- The next delivered codes after that one that are sealed with another key than this.
SELECT bucket, order_id, attempt_no, n, card_enc, card_hash FROM delivered_card
WHERE key_no <> $1 AND (bucket, order_id, attempt_no, n) > ($2, $3, $4, $5)
ORDER BY bucket, order_id, attempt_no, n LIMIT $6

-- name: seal_anew
-- The same codes, sealed with another key.
UPDATE delivered_card d SET card_enc = t.card_enc, key_no = $6
FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::bytea[]) AS t(bucket, order_id, attempt_no, n, card_enc)
WHERE d.bucket = t.bucket AND d.order_id = t.order_id AND d.attempt_no = t.attempt_no AND d.n = t.n

-- name: insert_view
-- The codes of an order are shown to somebody.
INSERT INTO card_view (bucket, order_id, view_id, viewer, via, cards, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: list_views
-- Who saw an order's codes, newest first.
SELECT viewer, via, cards, seen_at FROM card_view WHERE bucket = $1 AND order_id = $2 ORDER BY seen_at DESC, view_id DESC LIMIT $3

-- name: list_cards
-- The codes that the order was delivered by.
SELECT c.n, c.card_enc FROM delivered_card c JOIN supply_attempt a ON a.bucket = $1 AND a.attempt_no = c.attempt_no
WHERE c.bucket = $1 AND c.order_id = $2 AND a.order_id = $2 AND a.state = 'succeeded' AND NOT a.extra
ORDER BY c.attempt_no, c.n LIMIT 500
