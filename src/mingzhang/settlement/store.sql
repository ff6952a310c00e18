-- name: insert_batch
-- A payout as listed; the same again changes nothing.
INSERT INTO settlement_batch (channel, batch_id, bank, reference, day, lines, members, fee_fen, net_fen, payout_fen,
  content_hash, evidence_id, state, next_actor, due_at, deadline_at, since, listed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'listed', 'shop', $13, $14, $13, $13)

-- name: read_batch
-- One batch.
SELECT * FROM settlement_batch WHERE channel = $1 AND batch_id = $2

-- name: lock_batch
-- One batch, with its lock.
SELECT * FROM settlement_batch WHERE channel = $1 AND batch_id = $2 FOR UPDATE

-- name: insert_lines
-- The lines as the channel gave them.
INSERT INTO settlement_line (channel, batch_id, position, kind, transaction_id, refund_no, gross_fen, fee_fen, net_fen)
SELECT $1, $2, t.* FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[]) AS t

-- name: insert_members
-- Who is part of it, before anything is booked.
INSERT INTO settlement_member (bucket, channel, batch_id, subject, n, fee_fen, back_fen, charged_fen, net_fen, state)
SELECT t.bucket, $1, $2, t.subject, t.n, t.fee_fen, t.back_fen, t.charged_fen, t.net_fen, t.state
FROM unnest($3::int[], $4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[])
  AS t (bucket, subject, n, fee_fen, back_fen, charged_fen, net_fen, state)

-- name: drop_unknown
-- A trade that nobody knew has its subject now; the member by the trade's number gives way.
DELETE FROM settlement_member WHERE bucket = $1 AND channel = $2 AND batch_id = $3 AND subject = $4 AND state = 'unknown'
RETURNING n

-- name: read_last_member
-- The last number that a member of the batch has.
SELECT max(n) FROM settlement_member WHERE channel = $1 AND batch_id = $2

-- name: find_trades
-- Which subjects the trades of a channel belong to, by the facts of their payment.
SELECT external_id, subject, (content ->> 'amount_fen')::bigint AS amount_fen FROM fact
WHERE party = $1 AND kind = 'paid' AND external_id = ANY ($2::text[])

-- name: find_items
-- What of these trades was put aside.
SELECT item_id, transaction_id, amount_fen FROM suspense WHERE channel = $1 AND transaction_id = ANY ($2::text[])

-- name: claim_batches
-- Take batches whose clock rang.
WITH due AS MATERIALIZED (
  SELECT channel, batch_id FROM settlement_batch
  WHERE state <> 'closed' AND due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE settlement_batch b SET lease_owner = $3, lease_until = $4
FROM due WHERE b.channel = due.channel AND b.batch_id = due.batch_id
RETURNING b.channel, b.batch_id

-- name: list_members
-- Members that still wait to be booked, in the order of the lines.
SELECT bucket, subject, n, fee_fen, back_fen, charged_fen, net_fen, state, code FROM settlement_member
WHERE channel = $1 AND batch_id = $2 AND state = ANY ($3::text[]) AND n > $4 ORDER BY n LIMIT $5

-- name: lock_member
-- One member, under its subject's lock.
SELECT bucket, subject, n, fee_fen, back_fen, charged_fen, net_fen, state, code FROM settlement_member
WHERE bucket = $1 AND channel = $2 AND batch_id = $3 AND subject = $4 FOR UPDATE

-- name: read_charged
-- Chargebacks of a subject that settled batches named already.
SELECT coalesce(sum(charged_fen), 0)::bigint FROM settlement_member
WHERE bucket = $1 AND channel = $2 AND subject = $3 AND state IN ('settled', 'received')

-- name: set_member
-- A member was booked, or cannot be yet.
UPDATE settlement_member SET state = $5, code = $6,
  settled_at = CASE WHEN $5 = 'settled' THEN $7 ELSE settled_at END,
  received_at = CASE WHEN $5 = 'received' THEN $7 ELSE received_at END
WHERE bucket = $1 AND channel = $2 AND batch_id = $3 AND subject = $4

-- name: count_members
-- How many members stand where, and their sums.
SELECT state, count(*) AS n, coalesce(sum(net_fen), 0)::bigint AS net_fen FROM settlement_member
WHERE channel = $1 AND batch_id = $2 GROUP BY state

-- name: set_batch
-- Where a batch stands and when it is looked at again.
UPDATE settlement_batch SET state = $3, next_actor = $4, due_at = $5, deadline_at = $6, since = $7, asked = $8,
  closed_at = $9, lease_until = NULL WHERE channel = $1 AND batch_id = $2

-- name: set_line
-- The bank's line of a batch was found.
UPDATE settlement_batch SET line_key = $3, line_evidence_id = $4, bank_fen = $5, due_at = least($6, deadline_at),
  lease_until = NULL
WHERE channel = $1 AND batch_id = $2 AND bank_fen IS NULL AND state IN ('listed', 'settled') RETURNING channel

-- name: find_by_reference
-- Batches that wait for a bank line with this reference.
SELECT channel, batch_id, payout_fen FROM settlement_batch
WHERE reference = $1 AND bank = $2 AND bank_fen IS NULL AND state IN ('listed', 'settled') LIMIT 2

-- name: list_awaited
-- What still comes to a bank, to be looked for in a line's words.
SELECT channel, batch_id, reference FROM settlement_batch
WHERE bank = $1 AND bank_fen IS NULL AND state IN ('listed', 'settled') ORDER BY listed_at LIMIT 200

-- name: read_roll_up
-- What the members' legs of this batch come to: what went into transit, and what came out of it.
SELECT coalesce(sum(l.amount_fen) FILTER (WHERE l.evidence_id = $3), 0)::bigint AS sent,
  -coalesce(sum(l.amount_fen) FILTER (WHERE l.evidence_id = $4), 0)::bigint AS came
FROM settlement_member m JOIN leg l ON l.bucket = m.bucket AND l.subject = m.subject AND l.place = 'transit.settlement'
  AND l.party = m.channel
WHERE m.channel = $1 AND m.batch_id = $2 AND l.evidence_id IN ($3, $4) AND l.posting IN ('channel_settled', 'bank_received')

-- name: read_charges
-- The channel's own charges in a batch.
SELECT coalesce(-sum(net_fen), 0)::bigint FROM settlement_line WHERE channel = $1 AND batch_id = $2 AND kind = 'charge'

-- name: list_batches
-- Batches, those under way first.
SELECT channel, batch_id, bank, reference, day, lines, members, fee_fen, net_fen, payout_fen, bank_fen, state, next_actor,
  due_at, deadline_at, listed_at, closed_at,
  (SELECT count(*) FROM settlement_member m WHERE m.channel = b.channel AND m.batch_id = b.batch_id
     AND m.state = 'difference') AS differences
FROM settlement_batch b ORDER BY state = 'closed', listed_at DESC LIMIT $1

-- name: list_differences
-- Facts of settlement that are not booked: with whom they wait and since when.
SELECT m.channel, m.batch_id, m.subject, m.fee_fen, m.net_fen, m.state, m.code, b.since, b.deadline_at, b.next_actor
FROM settlement_member m JOIN settlement_batch b ON b.channel = m.channel AND b.batch_id = m.batch_id
WHERE m.state IN ('difference', 'listed', 'unknown') AND b.state <> 'closed' ORDER BY b.listed_at LIMIT $1

-- name: insert_earning
-- What is left of this order's money may be earned from then on.
INSERT INTO earning (bucket, order_id, bank, evidence_id, state, earned_fen, next_actor, due_at, deadline_at, since)
VALUES ($1, $2, $3, $4, 'waiting', 0, 'shop', $5, $6, $7)
ON CONFLICT (bucket, order_id) DO UPDATE SET bank = excluded.bank, evidence_id = excluded.evidence_id, state = 'waiting',
  next_actor = 'shop', due_at = excluded.due_at, deadline_at = excluded.deadline_at, since = excluded.since

-- name: claim_earnings
-- Take orders whose window is past.
UPDATE earning SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND order_id = ANY (ARRAY (
  SELECT order_id FROM earning WHERE bucket = $1 AND state = 'waiting' AND due_at <= $2
    AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING order_id AS earning_of

-- name: read_earning
-- One of them.
SELECT bucket, order_id, bank, evidence_id, state, due_at, deadline_at, next_actor, since FROM earning
WHERE bucket = $1 AND order_id = $2

-- name: set_earning
-- It was earned, or is looked at again later.
UPDATE earning SET state = $3, earned_fen = earned_fen + $4, next_actor = $5, due_at = $6, deadline_at = $7, since = $8,
  lease_until = NULL WHERE bucket = $1 AND order_id = $2

-- name: read_disputed
-- Whether a dispute of the order is at no end: nothing of its money is earned meanwhile.
SELECT EXISTS (SELECT FROM dispute WHERE bucket = $1 AND order_id = $2 AND closed_at IS NULL)
