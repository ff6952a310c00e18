-- name: reach_orders
-- How far back a bounded look reaches in each bucket: the key of its last row, none where the bucket has fewer.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT o.order_id AS key FROM orders o
  WHERE o.bucket = b.bucket AND o.order_id >= b.low AND o.order_id < b.high ORDER BY o.order_id DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_orders
-- Orders of a range of numbers, the newest first: by state, product and supplier if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT o.order_id AS key, o.order_id, o.state, o.reason, o.product_id, o.title_zh, o.title_en, o.quantity,
    o.price_fen, o.cost_fen, o.supplier, o.account_mask, o.account_enc, o.contact_mask, o.contact_enc, o.holder,
    o.next_actor, o.deadline_at, o.placed_at, o.paid_at, o.finished_at FROM orders o
  WHERE o.bucket = b.bucket AND o.order_id >= b.low AND o.order_id < b.high AND ($5 = '' OR o.state = $5)
    AND ($6 = '' OR o.product_id = $6) AND ($7 = '' OR o.supplier = $7)
  ORDER BY o.order_id DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: list_open_orders
-- Orders in which somebody must act or whose money goes back, the soonest deadline first.
SELECT o.order_id AS key, o.order_id, o.state, o.reason, o.product_id, o.title_zh, o.title_en, o.quantity,
  o.price_fen, o.cost_fen, o.supplier, o.account_mask, o.account_enc, o.contact_mask, o.contact_enc, o.holder,
  o.next_actor, o.deadline_at, o.placed_at, o.paid_at, o.finished_at FROM orders o
WHERE (next_actor = 'person' OR state IN ('needs_person', 'needs_buyer', 'refunding')
    OR (state = 'supplying' AND next_actor IN ('buyer', 'shop')))
  AND ($2 = '' OR o.state = $2) AND ($3 = '' OR o.product_id = $3) AND ($4 = '' OR o.supplier = $4)
ORDER BY o.deadline_at LIMIT $1

-- name: walk_alike
-- Orders of a range of numbers with the same contact or the same account (keyed hashes as hex), the newest first.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT o.order_id AS key, o.order_id, o.state, o.reason, o.title_zh, o.title_en, o.quantity, o.price_fen,
    o.account_mask, o.account_enc, o.contact_mask, o.contact_enc, o.next_actor, o.deadline_at, o.placed_at, o.paid_at, o.finished_at
  FROM orders o
  WHERE o.bucket = b.bucket AND o.order_id >= b.low AND o.order_id < b.high
    AND ($5 = '' OR o.contact_hash = (SELECT CASE WHEN $5 ~ '^([0-9a-f]{2}){1,64}$' THEN decode($5, 'hex') END))
    AND ($6 = '' OR o.account_hash = (SELECT CASE WHEN $6 ~ '^([0-9a-f]{2}){1,64}$' THEN decode($6, 'hex') END))
    AND ($7 = '' OR o.state = $7)
  ORDER BY o.order_id DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: reach_disputes
-- How far back a bounded look at disputes reaches.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT d.dispute_id AS key FROM dispute d
  WHERE d.bucket = b.bucket AND d.dispute_id >= b.low AND d.dispute_id < b.high ORDER BY d.dispute_id DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_disputes
-- Disputes, the newest orders' first: by how they ended, what the buyer said and state if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT d.dispute_id AS key, d.dispute_id, d.order_id, d.kind, d.source, d.channel, d.state, d.outcome, d.amount_fen,
    d.next_actor, d.deadline_at, d.opened_at, d.first_at, d.closed_at AS finished_at
  FROM dispute d
  WHERE d.bucket = b.bucket AND d.dispute_id >= b.low AND d.dispute_id < b.high AND ($5 = '' OR d.outcome = $5)
    AND ($6 = '' OR d.kind = $6) AND ($7 = '' OR d.state = $7)
  ORDER BY d.dispute_id DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: reach_payments
-- How far back a bounded look at payments reaches.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT p.payment_no AS key FROM payment p
  WHERE p.bucket = b.bucket AND p.payment_no >= b.low AND p.payment_no < b.high ORDER BY p.payment_no DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_payments
-- Payments of a range of numbers, the newest first: by state, channel and method if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT p.payment_no AS key, p.payment_no, p.order_id, p.channel, p.method, p.amount_fen, p.paid_fen, p.state,
    p.transaction_id, p.buyer_mask, p.code, p.asked, p.next_actor, p.due_at, p.deadline_at, p.opened_at, p.paid_at
  FROM payment p
  WHERE p.bucket = b.bucket AND p.payment_no >= b.low AND p.payment_no < b.high AND ($5 = '' OR p.state = $5)
    AND ($6 = '' OR p.channel = $6) AND ($7 = '' OR p.method = $7)
  ORDER BY p.payment_no DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: list_open_payments
-- Payments about which the channel is still asked: a bounded part of them, the soonest deadline first.
SELECT p.payment_no AS key, p.payment_no, p.order_id, p.channel, p.method, p.amount_fen, p.paid_fen, p.state, p.transaction_id,
  p.buyer_mask, p.code, p.asked, p.next_actor, p.due_at, p.deadline_at, p.opened_at, p.paid_at
FROM (SELECT * FROM payment WHERE due_at IS NOT NULL LIMIT 5000) AS p
WHERE ($2 = '' OR p.state = $2) AND ($3 = '' OR p.channel = $3) AND ($4 = '' OR p.method = $4)
ORDER BY p.deadline_at LIMIT $1

-- name: reach_attempts
-- How far back a bounded look at attempts reaches.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT a.attempt_no AS key FROM supply_attempt a
  WHERE a.bucket = b.bucket AND a.attempt_no >= b.low AND a.attempt_no < b.high ORDER BY a.attempt_no DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_attempts
-- Attempts of a range of numbers, the newest first: by state, supplier and reason if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT a.attempt_no AS key, a.attempt_no, a.order_id, a.supplier, a.supplier_product, a.quantity, a.cost_fen,
    a.state, a.reason, a.code, a.supplier_order_id, a.serial, a.asked, a.next_actor, a.due_at, a.deadline_at,
    a.planned_at, a.sent_at, a.finished_at
  FROM supply_attempt a
  WHERE a.bucket = b.bucket AND a.attempt_no >= b.low AND a.attempt_no < b.high AND ($5 = '' OR a.state = $5)
    AND ($6 = '' OR a.supplier = $6) AND ($7 = '' OR a.reason = $7)
  ORDER BY a.attempt_no DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: list_open_attempts
-- Attempts that are at no end: a bounded part of them, the soonest deadline first.
SELECT a.attempt_no AS key, a.attempt_no, a.order_id, a.supplier, a.supplier_product, a.quantity, a.cost_fen, a.state, a.reason,
  a.code, a.supplier_order_id, a.serial, a.asked, a.next_actor, a.due_at, a.deadline_at, a.planned_at, a.sent_at, a.finished_at
FROM (SELECT * FROM supply_attempt WHERE due_at IS NOT NULL AND finished_at IS NULL LIMIT 5000) AS a
WHERE ($2 = '' OR a.state = $2) AND ($3 = '' OR a.supplier = $3) AND ($4 = '' OR a.reason = $4)
ORDER BY a.deadline_at LIMIT $1

-- name: reach_refunds
-- How far back a bounded look at refunds reaches.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT r.refund_no AS key FROM refund r
  WHERE r.bucket = b.bucket AND r.refund_no >= b.low AND r.refund_no < b.high ORDER BY r.refund_no DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_refunds
-- Refunds of a range of numbers, the newest first: by state, channel and cause if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT r.refund_no AS key, r.refund_no, r.order_id, r.channel, r.amount_fen, r.total_fen, r.cause, r.state, r.code,
    r.destination, r.reference, r.asked, r.next_actor, r.due_at, r.deadline_at, r.promised_at, r.planned_at, r.accepted_at, r.arrived_at
  FROM refund r
  WHERE r.bucket = b.bucket AND r.refund_no >= b.low AND r.refund_no < b.high AND ($5 = '' OR r.state = $5)
    AND ($6 = '' OR r.channel = $6) AND ($7 = '' OR r.cause = $7)
  ORDER BY r.refund_no DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: list_open_refunds
-- Refunds that are at no end, the soonest deadline first.
SELECT r.refund_no AS key, r.refund_no, r.order_id, r.channel, r.amount_fen, r.total_fen, r.cause, r.state, r.code, r.destination,
  r.reference, r.asked, r.next_actor, r.due_at, r.deadline_at, r.promised_at, r.planned_at, r.accepted_at, r.arrived_at
FROM (SELECT * FROM refund WHERE due_at IS NOT NULL LIMIT 5000) AS r
WHERE ($2 = '' OR r.state = $2) AND ($3 = '' OR r.channel = $3) AND ($4 = '' OR r.cause = $4)
ORDER BY r.deadline_at LIMIT $1

-- name: reach_suspense
-- How far back a bounded look at money put aside reaches.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT s.item_id AS key FROM suspense s
  WHERE s.bucket = b.bucket AND s.item_id >= b.low AND s.item_id < b.high ORDER BY s.item_id DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_suspense
-- Money put aside, the newest first: by state, channel and cause if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT s.item_id AS key, s.item_id, s.order_id, s.state, s.cause, s.channel, s.transaction_id, s.amount_fen,
    s.holder, s.next_actor, s.due_at, s.deadline_at, s.known_at
  FROM suspense s
  WHERE s.bucket = b.bucket AND s.item_id >= b.low AND s.item_id < b.high AND ($5 = '' OR s.state = $5)
    AND ($6 = '' OR s.channel = $6) AND ($7 = '' OR s.cause = $7)
  ORDER BY s.item_id DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: reach_claims
-- How far back a bounded look at claims reaches.
SELECT substr(h.key, 5) AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT c.claim_id AS key FROM claim c
  WHERE c.bucket = b.bucket AND c.claim_id >= b.low AND c.claim_id < b.high ORDER BY c.claim_id DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_claims
-- Claims, the newest orders' first: by state, mark and what the channel said if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT c.claim_id AS key, c.claim_id, c.order_id, c.state, c.number, c.flag, c.said, c.asked, c.answer,
    c.answered_by, c.next_actor, c.deadline_at, c.made_at, c.finished_at
  FROM claim c
  WHERE c.bucket = b.bucket AND c.claim_id >= b.low AND c.claim_id < b.high AND ($5 = '' OR c.state = $5)
    AND ($6 = '' OR c.flag = $6) AND ($7 = '' OR c.said = $7)
  ORDER BY c.claim_id DESC LIMIT $4) AS x
ORDER BY substr(x.key, 5) DESC LIMIT $4

-- name: reach_notices
-- How far back a bounded look at notices reaches.
SELECT h.key AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT n.notice_id AS key FROM notice n
  WHERE n.bucket = b.bucket AND n.notice_id >= b.low AND n.notice_id < b.high ORDER BY n.notice_id DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_notices
-- Notices, the newest first: by state, channel and template if given. A letter to a contact is about no order.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT n.notice_id AS key, n.notice_id,
    CASE WHEN n.subject LIKE 'contact:%' THEN '' ELSE n.subject END AS order_id, n.template, n.audience, n.channel, n.address_mask, n.state,
    n.attempts, n.unsure, n.last_error, n.due_at, n.deadline_at, n.queued_at, n.sent_at
  FROM notice n
  WHERE n.bucket = b.bucket AND n.notice_id >= b.low AND n.notice_id < b.high AND ($5 = '' OR n.state = $5)
    AND ($6 = '' OR n.channel = $6) AND ($7 = '' OR n.template = $7)
  ORDER BY n.notice_id DESC LIMIT $4) AS x
ORDER BY x.key DESC LIMIT $4

-- name: reach_records
-- How far back a bounded look at the record reaches.
SELECT h.key AS reach FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT s.action_id AS key FROM staff_action s
  WHERE s.action_id >= b.low AND s.action_id < b.high ORDER BY s.action_id DESC OFFSET $4 LIMIT 1) AS h

-- name: walk_records
-- What staff did, saw and were refused, the newest first: by kind, person and subject if given.
SELECT x.* FROM unnest($1::int[], $2::text[], $3::text[]) AS b (bucket, low, high)
CROSS JOIN LATERAL (SELECT s.action_id AS key, s.action_id, s.name, s.action, s.subject, s.reason, s.at, s.kind, s.session_id,
    s.data::text AS data
  FROM staff_action s
  WHERE s.action_id >= b.low AND s.action_id < b.high AND ($5 = '' OR s.kind = $5) AND ($6 = '' OR s.name = $6)
    AND ($7 = '' OR s.subject = $7)
  ORDER BY s.action_id DESC LIMIT $4) AS x
ORDER BY x.key DESC LIMIT $4

-- name: list_missing
-- Money that the books have and its channel or bank does not, by whose it is; the oldest first.
SELECT m.subject || ':' || m.party || ':' || m.owner AS key, m.subject, m.party, m.owner, m.amount_fen, m.since,
  coalesce(o.state, '') AS state
FROM (SELECT bucket, subject, party, owner, sum(amount_fen)::bigint AS amount_fen, min(at) AS since FROM leg
  WHERE place = 'missing' GROUP BY bucket, subject, party, owner HAVING sum(amount_fen) <> 0) AS m
LEFT JOIN orders o ON o.bucket = m.bucket AND o.order_id = m.subject
WHERE ($2 = '' OR m.party = $2) AND ($3 = '' OR m.owner = $3) AND ($4 = '' OR m.subject = $4) ORDER BY m.since, key LIMIT $1

-- name: list_newest_hits
-- Whom a limit stopped, the newest first: by rule, order and subject if given. The subject is a keyed hash, cut short.
SELECT hit_id AS key, hit_id, rule, order_id, encode(substring(subject FROM 1 FOR 6), 'hex') AS subject, seen, most, at
FROM limit_hit WHERE ($2 = '' OR rule = $2) AND ($3 = '' OR order_id = $3)
  AND ($4 = '' OR encode(substring(subject FROM 1 FOR 6), 'hex') = $4) ORDER BY at DESC LIMIT $1

-- name: list_newest_breaches
-- Deadlines that were missed, the newest first: by kind, by who let it pass and by state if given.
SELECT kind || ':' || key AS key, kind, key AS number, subject, state, late_actor, next_actor, deadline_at, at FROM breach
WHERE ($2 = '' OR kind = $2) AND ($3 = '' OR late_actor = $3) AND ($4 = '' OR state = $4) ORDER BY at DESC LIMIT $1

-- name: find_payments
-- Where some payments stand.
SELECT payment_no AS key, state, order_id AS subject FROM payment WHERE bucket = ANY ($1::int[]) AND payment_no = ANY ($2::text[])

-- name: find_attempts
-- Where some attempts stand.
SELECT attempt_no AS key, state, order_id AS subject FROM supply_attempt
WHERE bucket = ANY ($1::int[]) AND attempt_no = ANY ($2::text[])

-- name: find_refunds
-- Where some refunds stand.
SELECT refund_no AS key, state, order_id AS subject FROM refund WHERE bucket = ANY ($1::int[]) AND refund_no = ANY ($2::text[])

-- name: find_notices
-- Where some notices stand.
SELECT notice_id AS key, state, subject FROM notice WHERE bucket = ANY ($1::int[]) AND notice_id = ANY ($2::text[])

-- name: list_ageing
-- Whatever is at no end, a bounded part of each kind: by kind, place and age if given; the oldest first.
SELECT a.number AS key, a.* FROM (SELECT k.*, CASE WHEN $5::timestamptz - k.since < interval '15 minutes' THEN '15m'
    WHEN $5 - k.since < interval '1 hour' THEN '1h' WHEN $5 - k.since < interval '6 hours' THEN '6h'
    WHEN $5 - k.since < interval '24 hours' THEN '24h' WHEN $5 - k.since < interval '72 hours' THEN '72h'
    ELSE 'more' END AS age FROM open_thing k) AS a
WHERE ($2 = '' OR a.kind = $2) AND ($3 = '' OR a.place = $3) AND ($4 = '' OR a.age = $4) ORDER BY a.since, a.number LIMIT $1

-- name: sum_ageing
-- The same in numbers: how many, how much, since when, how many of them are late.
SELECT kind, place, state, age, count(*) AS n, sum(amount_fen)::bigint AS fen, min(since) AS oldest,
  count(*) FILTER (WHERE deadline_at < $1) AS late
FROM (SELECT k.*, CASE WHEN $1::timestamptz - k.since < interval '15 minutes' THEN '15m'
    WHEN $1 - k.since < interval '1 hour' THEN '1h' WHEN $1 - k.since < interval '6 hours' THEN '6h'
    WHEN $1 - k.since < interval '24 hours' THEN '24h' WHEN $1 - k.since < interval '72 hours' THEN '72h'
    ELSE 'more' END AS age FROM open_thing k) AS a
GROUP BY kind, place, state, age ORDER BY kind, place, state, age
