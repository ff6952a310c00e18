-- name: list_repeats
-- Contacts and accounts that ordered often among the newest orders of each bucket, back to a range's first number.
WITH newest AS (
  SELECT x.* FROM unnest($1::int[], $2::text[]) AS b (bucket, low)
  CROSS JOIN LATERAL (SELECT o.contact_hash, o.contact_mask, o.account_hash, o.account_mask, o.state, o.price_fen, o.paid_at
    FROM orders o WHERE o.bucket = b.bucket AND o.order_id >= b.low ORDER BY o.order_id DESC LIMIT $3) AS x)
SELECT kind, hash, mask, count(*) AS n, sum(price_fen)::bigint AS fen, count(*) FILTER (WHERE paid_at IS NULL) AS unpaid,
  count(*) FILTER (WHERE state IN ('refunding', 'refunded')) AS refunded
FROM (SELECT 'contact' AS kind, encode(contact_hash, 'hex') AS hash, contact_mask AS mask, price_fen, paid_at, state FROM newest
    WHERE contact_mask <> ''
  UNION ALL
  SELECT 'account', encode(account_hash, 'hex'), account_mask, price_fen, paid_at, state FROM newest
    WHERE account_mask <> '') AS who
GROUP BY kind, hash, mask HAVING count(*) >= $4 ORDER BY n DESC, fen DESC, hash LIMIT $5

-- name: list_stops
-- What own limits stopped since a time, by rule: how often, how many different subjects, when last. Bounded.
SELECT rule, count(*) AS n, count(DISTINCT subject) AS subjects, max(most) AS most, max(at) AS newest
FROM (SELECT rule, subject, most, at FROM limit_hit WHERE at >= $1 ORDER BY at DESC LIMIT $2) AS h GROUP BY rule

-- name: list_stopped
-- Who was stopped most often since a time: by the beginning of the keyed hash.
SELECT encode(substring(subject FROM 1 FOR 6), 'hex') AS subject, count(*) AS n, count(DISTINCT rule) AS rules, max(at) AS newest
FROM (SELECT rule, subject, at FROM limit_hit WHERE at >= $1 AND length(subject) > 0 ORDER BY at DESC LIMIT $2) AS h
GROUP BY 1 HAVING count(*) >= $3 ORDER BY n DESC, newest DESC LIMIT $4

-- name: list_refused_claims
-- Contacts whose payment claims staff answered with "no such payment", or that named somebody else's; newest claims of each bucket.
SELECT encode(o.contact_hash, 'hex') AS hash, o.contact_mask AS mask, count(*) AS n,
  count(*) FILTER (WHERE c.flag <> '') AS flagged, max(c.made_at) AS newest
FROM unnest($1::int[], $2::text[]) AS b (bucket, low)
CROSS JOIN LATERAL (SELECT c.bucket, c.order_id, c.flag, c.answer, c.made_at FROM claim c
  WHERE c.bucket = b.bucket AND c.claim_id >= b.low ORDER BY c.claim_id DESC LIMIT $3) AS c
JOIN orders o ON o.bucket = c.bucket AND o.order_id = c.order_id
WHERE c.flag <> '' OR c.answer = 'no_payment'
GROUP BY o.contact_hash, o.contact_mask ORDER BY n DESC, newest DESC LIMIT $4

-- name: list_claim_flags
-- The same by what was odd about them.
SELECT c.flag, count(*) AS n, max(c.made_at) AS newest FROM unnest($1::int[], $2::text[]) AS b (bucket, low)
CROSS JOIN LATERAL (SELECT c.flag, c.made_at FROM claim c
  WHERE c.bucket = b.bucket AND c.claim_id >= b.low ORDER BY c.claim_id DESC LIMIT $3) AS c
WHERE c.flag <> '' GROUP BY c.flag ORDER BY n DESC

-- name: list_disputing
-- Contacts with disputes since a time: how many, how many of them the channel decided by taking the money back. Bounded.
SELECT encode(o.contact_hash, 'hex') AS hash, o.contact_mask AS mask, count(*) AS n, sum(o.price_fen)::bigint AS fen,
  count(*) FILTER (WHERE d.outcome IN ('charged_back', 'refunded_outside')) AS taken_back, max(d.opened_at) AS newest
FROM (SELECT bucket, order_id, outcome, opened_at FROM dispute WHERE opened_at >= $1 ORDER BY opened_at DESC LIMIT $2) AS d
JOIN orders o ON o.bucket = d.bucket AND o.order_id = d.order_id
GROUP BY o.contact_hash, o.contact_mask ORDER BY n DESC, taken_back DESC, newest DESC LIMIT $3

-- name: list_taken_back
-- Disputes that channels decided by taking the money back, by what the buyer had said. Bounded.
SELECT outcome, kind, count(*) AS n, sum(amount_fen)::bigint AS fen, max(closed_at) AS newest
FROM (SELECT outcome, kind, amount_fen, closed_at FROM dispute WHERE closed_at >= $1 ORDER BY closed_at DESC LIMIT $2) AS d
WHERE outcome IN ('charged_back', 'refunded_outside') GROUP BY outcome, kind ORDER BY n DESC
