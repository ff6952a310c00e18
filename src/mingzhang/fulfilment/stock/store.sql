-- name: claim_at_once
-- The ordinary batch of claims in one call (0025); no row when one of the wishes needs to be looked at by itself.
SELECT batches, ns, costs, cards FROM claim_cards($1::text[], $2::int[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7)

-- name: open_lines
-- A line for each product that has none yet.
INSERT INTO card_line (product, opened_at) SELECT DISTINCT p, $2::timestamptz FROM unnest($1::text[]) AS p
ON CONFLICT DO NOTHING

-- name: lock_lines
-- Everything about a product's stock waits here, in one order.
SELECT product FROM card_line WHERE product = ANY($1::text[]) ORDER BY product FOR UPDATE

-- name: list_claims
-- What these attempts were answered before.
SELECT attempt_no, product, quantity, state, reason, cost_fen, claimed_at FROM card_claim
WHERE attempt_no = ANY($1::text[])

-- name: list_claimed_cards
-- The cards of these attempts, still sealed, in the order in which they were given.
SELECT i.attempt_no, i.batch_id, i.n, c.card_enc FROM card_claim_item i JOIN card c ON c.batch_id = i.batch_id AND c.n = i.n
WHERE i.attempt_no = ANY($1::text[]) ORDER BY i.attempt_no, i.k

-- name: list_next_cards
-- The next so many cards of each product: the batch that expires first, then the older one, then the file's order.
-- What a reusable code cost was spent when it came in.
SELECT w.product, f.batch_id, f.n, CASE WHEN f.reusable THEN 0 ELSE f.unit_cost_fen END AS unit_cost_fen, f.reusable, f.card_enc
FROM unnest($1::text[], $2::int[]) AS w(product, needed)
CROSS JOIN LATERAL (
  SELECT s.batch_id, c.n, s.unit_cost_fen, s.reusable, c.card_enc, s.expires_at, s.added_at
  FROM card_shelf s
  CROSS JOIN LATERAL (
    SELECT c.n, c.card_enc FROM card c
    WHERE c.batch_id = s.batch_id AND c.n > s.taken
      AND NOT EXISTS (SELECT FROM card_withdrawal x WHERE x.batch_id = c.batch_id AND x.n = c.n)
    ORDER BY c.n LIMIT w.needed) c
  WHERE s.product = w.product AND NOT s.sold_out AND (s.expires_at IS NULL OR s.expires_at > $3)
  ORDER BY s.expires_at NULLS LAST, s.added_at, s.batch_id, c.n LIMIT w.needed) f
ORDER BY w.product, f.expires_at NULLS LAST, f.added_at, f.batch_id, f.n

-- name: insert_claims
-- One answer for each attempt.
INSERT INTO card_claim (attempt_no, product, quantity, state, reason, cost_fen, claimed_at)
SELECT a, p, q, s, r, c, $7 FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::bigint[])
  AS t(a, p, q, s, r, c)

-- name: insert_claim_items
-- The cards that were given.
INSERT INTO card_claim_item (attempt_no, k, batch_id, n, reusable)
SELECT a, k, b, n, r FROM unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::boolean[]) AS t(a, k, b, n, r)

-- name: advance_shelf
-- How far each batch is given out now.
UPDATE card_shelf s SET taken = t.n, available = s.available - t.gone, sold_out = s.available = t.gone
FROM unnest($1::text[], $2::int[], $3::int[]) AS t(batch_id, n, gone) WHERE s.batch_id = t.batch_id

-- name: read_levels
-- What is left of each product: cards that may be sold, what they cost us, those that expired, the next expiry, the alarm.
SELECT l.product, coalesce(s.available, 0)::bigint AS available, coalesce(s.value_fen, 0)::bigint AS value_fen,
  coalesce(s.expired, 0)::bigint AS expired, coalesce(s.expired_fen, 0)::bigint AS expired_fen, s.next_expiry,
  coalesce(s.endless, false) AS endless, l.low_at, l.low_since IS NOT NULL AS low
FROM card_line l LEFT JOIN (
  SELECT product,
    sum(available) FILTER (WHERE expires_at IS NULL OR expires_at > $1) AS available,
    sum(available * unit_cost_fen) FILTER (WHERE NOT reusable AND (expires_at IS NULL OR expires_at > $1)) AS value_fen,
    sum(available) FILTER (WHERE expires_at <= $1) AS expired,
    sum(available * unit_cost_fen) FILTER (WHERE NOT reusable AND expires_at <= $1) AS expired_fen,
    min(expires_at) FILTER (WHERE expires_at > $1) AS next_expiry,
    bool_or(reusable) FILTER (WHERE (expires_at IS NULL OR expires_at > $1)) AS endless
  FROM card_shelf WHERE NOT sold_out GROUP BY product) s ON s.product = l.product
ORDER BY l.product

-- name: read_left
-- How many cards of a product may be sold; null for one whose codes are sold again and again.
SELECT CASE WHEN coalesce(bool_or(reusable), false) THEN NULL ELSE coalesce(sum(available), 0)::bigint END FROM card_shelf
WHERE product = $1 AND NOT sold_out AND (expires_at IS NULL OR expires_at > $2)

-- name: set_alarm
-- At how many cards the shop is told (0: never); it is told anew when it is that low already.
UPDATE card_line SET low_at = $2, low_since = NULL WHERE product = $1 RETURNING product

-- name: list_crossings
-- Products whose stock has fallen to the threshold and nobody was told, or that have more again.
SELECT l.product, coalesce(s.available, 0)::bigint AS available, l.low_since IS NULL AS low
FROM card_line l LEFT JOIN (
  SELECT product, sum(available) AS available FROM card_shelf
  WHERE NOT sold_out AND (expires_at IS NULL OR expires_at > $1) GROUP BY product) s ON s.product = l.product
WHERE NOT l.reusable AND (l.low_at > 0 OR l.low_since IS NOT NULL)
  AND (l.low_at > 0 AND coalesce(s.available, 0) <= l.low_at) = (l.low_since IS NULL)
ORDER BY l.product LIMIT 100

-- name: set_low
-- The crossing is told, once; or it is over (null).
UPDATE card_line SET low_since = $2 WHERE product = $1 AND (low_since IS NULL) = ($2::timestamptz IS NOT NULL) RETURNING product

-- name: list_batches
-- The newest batches, with what is left of each.
SELECT b.batch_id, b.product, s.available, b.cards, b.skipped, b.unit_cost_fen, b.expires_at, b.reusable, b.source, b.added_by,
  b.added_at, b.money, b.paid_to
FROM card_batch b JOIN card_shelf s ON s.batch_id = b.batch_id ORDER BY b.added_at DESC, b.batch_id LIMIT $1

-- name: read_bin
-- What lies in the recycle bin, batch by batch and reason by reason.
SELECT w.batch_id, b.product, count(*)::int AS cards, b.unit_cost_fen, w.reason, w.withdrawn_by AS by,
  max(w.withdrawn_at) AS last_at
FROM card_withdrawal w JOIN card_batch b ON b.batch_id = w.batch_id
WHERE w.reason NOT LIKE 'moved:%'
  AND NOT EXISTS (SELECT FROM card_exit x WHERE x.batch_id = w.batch_id AND x.n = w.n)
GROUP BY 1, 2, 4, 5, 6 ORDER BY 7 DESC LIMIT $1

-- name: find_batch
-- A batch by its id.
SELECT batch_id, product, unit_cost_fen, expires_at, reusable, cards, skipped, source, request_hash, added_by, added_at
FROM card_batch WHERE batch_id = $1

-- name: list_known_codes
-- Which of these codes ever came in.
SELECT card_hash FROM card_code WHERE card_hash = ANY($1::bytea[])

-- name: create_incoming
-- Where a file waits while it is taken in.
CREATE TEMP TABLE card_incoming (line int NOT NULL, card_enc bytea NOT NULL, card_hash bytea NOT NULL) ON COMMIT DROP

-- name: insert_codes
-- The codes that are new; the first of two equal lines counts.
INSERT INTO card_code (card_hash, batch_id, line)
SELECT DISTINCT ON (card_hash) card_hash, $1, line FROM card_incoming ORDER BY card_hash, line
ON CONFLICT DO NOTHING

-- name: insert_cards
-- The cards whose codes are new, numbered in the order of the file.
INSERT INTO card (batch_id, n, card_enc, card_hash, key_no)
SELECT $1, row_number() OVER (ORDER BY i.line), i.card_enc, i.card_hash, $2
FROM card_incoming i JOIN card_code k ON k.card_hash = i.card_hash AND k.batch_id = $1 AND k.line = i.line

-- name: count_cards
-- How many cards a batch holds.
SELECT count(*) FROM card WHERE batch_id = $1

-- name: mark_line
-- The product's codes are sold again and again, or once: by its first batch, for ever. No row: it is the other kind.
UPDATE card_line l SET reusable = $2 WHERE l.product = $1
  AND (l.reusable = $2 OR NOT EXISTS (SELECT FROM card_batch b WHERE b.product = $1)) RETURNING l.product

-- name: insert_batch
-- What came in, for ever.
INSERT INTO card_batch (batch_id, product, unit_cost_fen, expires_at, reusable, cards, skipped, source, request_hash,
  added_by, added_at, money, paid_to, evidence_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: insert_shelf
-- The batch may be sold from.
INSERT INTO card_shelf (batch_id, product, unit_cost_fen, expires_at, reusable, added_at, taken, available, sold_out)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7::int, $7::int = 0)

-- name: find_shelf
-- Where a batch stands.
SELECT s.batch_id, s.product, s.unit_cost_fen, s.expires_at, s.reusable, s.taken, s.available
FROM card_shelf s WHERE s.batch_id = $1

-- name: withdraw_cards
-- Take cards that nobody was given off the shelf: all that are left, or the numbers named.
INSERT INTO card_withdrawal (batch_id, n, reason, withdrawn_by, withdrawn_at)
SELECT c.batch_id, c.n, $3, $4, $5 FROM card c JOIN card_shelf s ON s.batch_id = c.batch_id
WHERE c.batch_id = $1 AND c.n > s.taken AND ($2::int[] IS NULL OR c.n = ANY($2::int[]))
ON CONFLICT DO NOTHING RETURNING n

-- name: reduce_shelf
-- So many fewer may be sold.
UPDATE card_shelf SET available = available - $2, sold_out = available = $2 WHERE batch_id = $1

-- name: copy_cards
-- The same sealed cards in another batch, numbered anew.
INSERT INTO card (batch_id, n, card_enc, card_hash, key_no)
SELECT $1, row_number() OVER (ORDER BY n), card_enc, card_hash, key_no FROM card WHERE batch_id = $2 AND n = ANY($3::int[])

-- name: read_unbooked_value
-- What lies on the shelf, at cost, of batches whose purchase no posting tells of: the stock's opening balance.
SELECT coalesce(sum(s.available * s.unit_cost_fen), 0)::bigint FROM card_shelf s JOIN card_batch b ON b.batch_id = s.batch_id
WHERE b.money = 'opening' AND NOT s.reusable

-- name: list_binned
-- What lies in the recycle bin of a batch (null: of all), at most so many: taken off the shelf by a person, not moved, and
-- nothing became of it yet.
SELECT w.batch_id, b.product, w.n, w.reason, w.withdrawn_by, w.withdrawn_at, b.unit_cost_fen, b.expires_at, b.reusable
FROM card_withdrawal w JOIN card_batch b ON b.batch_id = w.batch_id
WHERE ($1::text IS NULL OR w.batch_id = $1) AND ($2::int[] IS NULL OR w.n = ANY($2::int[])) AND w.reason NOT LIKE 'moved:%'
  AND NOT EXISTS (SELECT FROM card_exit x WHERE x.batch_id = w.batch_id AND x.n = w.n)
ORDER BY w.batch_id, w.n LIMIT $3

-- name: insert_exits
-- What became of cards that were off the shelf.
INSERT INTO card_exit (batch_id, n, kind, into_batch, cost_fen, evidence_id, decided_by, decided_at)
SELECT $1, n, $3, $4, $5, $6, $7, $8 FROM unnest($2::int[]) AS n

-- name: list_expired
-- Batches that expired with cards left.
SELECT batch_id FROM card_shelf WHERE expires_at <= $1 AND NOT sold_out ORDER BY batch_id

-- name: count_under_other_keys
-- How many codes are sealed with another key than this.
SELECT count(*) FROM card WHERE key_no <> $1

-- name: list_under_other_keys
-- The next codes after that one that are sealed with another key than this.
SELECT batch_id, n, card_enc, card_hash FROM card WHERE key_no <> $1 AND (batch_id, n) > ($2, $3) ORDER BY batch_id, n LIMIT $4

-- name: seal_anew
-- The same codes, sealed with another key.
UPDATE card c SET card_enc = t.card_enc, key_no = $4 FROM unnest($1::text[], $2::int[], $3::bytea[]) AS t(batch_id, n, card_enc)
WHERE c.batch_id = t.batch_id AND c.n = t.n
