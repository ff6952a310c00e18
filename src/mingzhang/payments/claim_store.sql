-- name: insert_claim
-- What a buyer shows, on record before anybody is asked; due at once.
INSERT INTO claim (bucket, claim_id, order_id, n, state, number, unpaid, flag, evidence_id, picture_id, holder,
  next_actor, due_at, deadline_at, made_at)
VALUES ($1, $2, $3, $4, 'asking', $5, $6, $7, $8, $9, 'shop', 'shop', $10, $11, $10)

-- name: list_claims
-- An order's claims, newest first.
SELECT bucket, claim_id, order_id, n, state, number, unpaid, flag, said, evidence_id, picture_id, asked, asked_at,
  holder, next_actor, due_at, deadline_at, made_at, finished_at, answer, answered_by, since
FROM claim WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 50

-- name: read_claim
-- One claim.
SELECT bucket, claim_id, order_id, n, state, number, unpaid, flag, said, evidence_id, picture_id, asked, asked_at,
  holder, next_actor, due_at, deadline_at, made_at, finished_at, answer, answered_by, since
FROM claim WHERE bucket = $1 AND claim_id = $2

-- name: claim_claims
-- Take claims that are due to be asked about, and those whose order was paid meanwhile, whoever told of it.
UPDATE claim SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND claim_id = ANY (ARRAY (
  SELECT claim_id FROM claim WHERE bucket = $1 AND finished_at IS NULL AND (lease_until IS NULL OR lease_until < $2)
    AND (due_at <= $2 OR unpaid AND EXISTS (
      SELECT FROM orders o WHERE o.bucket = $1 AND o.order_id = claim.order_id AND o.paid_at IS NOT NULL))
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING claim_id, lease_generation

-- name: read_claim_lease
-- Under which claim of a worker it is visited now.
SELECT lease_generation FROM claim WHERE bucket = $1 AND claim_id = $2 FOR UPDATE

-- name: set_asked
-- What the channels said, and what comes next. A final state stays.
UPDATE claim SET state = $3, said = $4, flag = CASE WHEN $5 = '' THEN flag ELSE $5 END, asked = asked + 1, asked_at = $6,
  next_actor = $7, due_at = $8, deadline_at = $9, finished_at = $10, since = $11, lease_until = NULL
WHERE bucket = $1 AND claim_id = $2 AND finished_at IS NULL RETURNING claim_id

-- name: ask_claim_now
-- The same claim again, or a member of staff: ask now. What came with it is added.
UPDATE claim SET due_at = least(deadline_at, $3), lease_until = NULL,
  picture_id = CASE WHEN $4 = '' THEN picture_id ELSE $4 END
WHERE bucket = $1 AND claim_id = $2 AND finished_at IS NULL RETURNING claim_id

-- name: hand_claim_over
-- Its deadline passed: a person is next, or is late.
UPDATE claim SET state = 'person', next_actor = $4, since = $5, deadline_at = $6, due_at = NULL, lease_until = NULL
WHERE bucket = $1 AND claim_id = $2 AND deadline_at = $3 AND finished_at IS NULL RETURNING claim_id

-- name: set_answered
-- A person's answer, by name.
UPDATE claim SET state = 'answered', answer = $3, answered_by = $4, finished_at = $5, next_actor = '', due_at = NULL,
  lease_until = NULL
WHERE bucket = $1 AND claim_id = $2 AND finished_at IS NULL RETURNING claim_id

-- name: list_open_claims
-- Claims in which a person must act or that carry a mark, then the others that are open; soonest deadline first.
SELECT bucket, claim_id, order_id, n, state, number, unpaid, flag, said, evidence_id, picture_id, asked, asked_at,
  holder, next_actor, due_at, deadline_at, made_at, finished_at, answer, answered_by, since
FROM claim WHERE finished_at IS NULL
ORDER BY state <> 'person' AND flag = '', deadline_at LIMIT $1
