-- name: ask_erasure
-- A buyer's wish, or a term that ran out. One that is there already stands.
INSERT INTO erasure (bucket, order_id, asked_by, asked_at, step, due_at)
SELECT $1, o.order_id, $3, $4, 'waiting', $4 FROM orders o WHERE o.bucket = $1 AND o.order_id = ANY ($2::text[])
ON CONFLICT (bucket, order_id) DO NOTHING

-- name: list_mine
-- Every order of one contact.
SELECT order_id FROM orders WHERE contact_hash = $1 ORDER BY placed_at DESC LIMIT $2

-- name: hasten_erasure
-- The buyer asks for what a term had asked for: looked at now.
UPDATE erasure SET asked_by = 'buyer', due_at = $3 WHERE bucket = $1 AND order_id = $2 AND step = 'waiting'

-- name: read_erasure
-- How it stands.
SELECT bucket, order_id, asked_by, asked_at, step, keep_until, first_at, done_at FROM erasure
WHERE bucket = $1 AND order_id = $2

-- name: list_erasures
-- The newest wishes and terms.
SELECT order_id, asked_by, asked_at, step, keep_until, first_at, done_at FROM erasure ORDER BY asked_at DESC LIMIT $1

-- name: sum_erasures
-- How many stand where.
SELECT asked_by, step, count(*) AS n FROM erasure GROUP BY asked_by, step ORDER BY asked_by, step

-- name: claim_erasures
-- Take what is due of one bucket.
UPDATE erasure SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND order_id IN (
  SELECT order_id FROM erasure WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING order_id, lease_generation

-- name: lock_subject
-- The order to be erased, under its lock; over_at: when the trade or its last dispute came to an end.
SELECT o.order_id, o.state, o.account_enc, o.contact_enc, o.placed_at, o.paid_at, greatest(o.finished_at, (
  SELECT max(d.closed_at) FROM dispute d WHERE d.bucket = o.bucket AND d.order_id = o.order_id)) AS over_at
FROM orders o WHERE o.bucket = $1 AND o.order_id = $2 FOR UPDATE

-- name: find_open
-- What about an order is still open: it is told by its data what becomes of it, so nothing is erased yet.
SELECT kind FROM (
  SELECT 'order' AS kind FROM orders WHERE bucket = $1 AND order_id = $2 AND state NOT IN ('delivered', 'refunded', 'closed')
  UNION ALL SELECT 'supply' FROM supply_attempt WHERE bucket = $1 AND order_id = $2 AND finished_at IS NULL
  UNION ALL SELECT 'refund' FROM refund
    WHERE bucket = $1 AND order_id = $2 AND state NOT IN ('arrived', 'refused', 'dropped', 'returned')
  UNION ALL SELECT 'item' FROM suspense WHERE bucket = $1 AND order_id = $2 AND state IN ('open', 'refunding')
  UNION ALL SELECT 'claim' FROM claim WHERE bucket = $1 AND order_id = $2 AND finished_at IS NULL
  UNION ALL SELECT 'request' FROM remedy_request WHERE bucket = $1 AND order_id = $2 AND state = 'open'
  UNION ALL SELECT 'dispute' FROM dispute WHERE bucket = $1 AND order_id = $2 AND closed_at IS NULL
  UNION ALL SELECT 'notice' FROM notice WHERE bucket = $1 AND subject = $2 AND due_at IS NOT NULL
  UNION ALL SELECT 'fact' FROM unbooked WHERE bucket = $1 AND subject = $2) waiting
LIMIT 1

-- name: list_messages
-- Messages of an order: those that its rows cite, and those that name it, its account or its contact in the time it lived.
-- Vouchers of banks and settlement stay (class `bank`): a payout's line is cited by every order in it, and names none.
SELECT e.evidence_id, e.body FROM evidence e WHERE length(e.body) > 0 AND e.kind !~ '^bank\.|settlement|statement|bill'
  AND e.evidence_id IN (
  SELECT evidence_id FROM leg WHERE bucket = $1 AND subject = $2
  UNION SELECT evidence_id FROM event WHERE bucket = $1 AND order_id = $2
  UNION SELECT evidence_id FROM claim WHERE bucket = $1 AND order_id = $2
  UNION SELECT picture_id FROM claim WHERE bucket = $1 AND order_id = $2
  UNION SELECT evidence_id FROM notice WHERE bucket = $1 AND subject = $2)
UNION
SELECT e.evidence_id, e.body FROM evidence e WHERE e.known_at >= $3 AND e.known_at < $4 AND length(e.body) > 0
  AND e.kind !~ '^bank\.|settlement|statement|bill' AND EXISTS (SELECT FROM unnest($5::bytea[]) AS needle WHERE position(needle IN e.body) > 0)
LIMIT $6

-- name: read_last_event
-- When something last happened to an order.
SELECT max(at) AS at FROM event WHERE bucket = $1 AND order_id = $2

-- name: erase_messages
-- Put messages away: sealed copies beside the hashes that stay.
SELECT erase_messages($1, $2, $3::text[], $4::bytea[], $5)

-- name: erase_order
-- Empty every column that holds personal data of an order: all, or but what the law has kept.
SELECT erase_personal($1, $2, $3), CASE WHEN $3 THEN erase_payees($1, $2) END

-- name: set_step
-- What was done, and when something is due again; only by whoever holds the lease.
UPDATE erasure SET step = $4, keep_until = $5, first_at = coalesce(first_at, $6), done_at = $7, due_at = $8,
  lease_until = NULL
WHERE bucket = $1 AND order_id = $2 AND lease_generation = $3

-- name: list_past_term
-- Orders of a range of numbers that no erasure knows yet: never paid, or paid and finished before a moment.
SELECT o.order_id, o.paid_at IS NULL AS unpaid FROM orders o
WHERE o.bucket = $1 AND o.order_id > $2 AND o.order_id < $3
  AND NOT EXISTS (SELECT FROM erasure x WHERE x.bucket = $1 AND x.order_id = o.order_id)
ORDER BY o.order_id LIMIT $4
