-- name: find_numbers
-- Every order that an outside number points to.
SELECT kind, value, order_id FROM number WHERE value = $1 ORDER BY kind, order_id LIMIT $2

-- name: read_found_orders
-- Some orders in short, by their numbers, the newest first.
SELECT o.order_id, o.state, o.price_fen, o.title_zh, o.title_en, o.placed_at, o.contact_mask, o.account_mask
FROM orders o WHERE o.bucket = ANY ($1::int[]) AND o.order_id = ANY ($2::text[]) ORDER BY substr(o.order_id, 5) DESC LIMIT $3

-- name: find_by_contact
-- Orders of a contact, the newest first.
SELECT o.order_id, o.state, o.price_fen, o.title_zh, o.title_en, o.placed_at, o.contact_mask, o.account_mask
FROM orders o WHERE o.contact_hash = $1 ORDER BY o.placed_at DESC LIMIT $2

-- name: find_by_account
-- Orders for an account, the newest of each bucket first: by the key of its hash, then by the whole of it.
SELECT o.order_id, o.state, o.price_fen, o.title_zh, o.title_en, o.placed_at, o.contact_mask, o.account_mask
FROM (SELECT k.bucket, k.order_id FROM order_key k WHERE k.key = $1 ORDER BY k.order_id DESC LIMIT $3) AS k
JOIN orders o ON o.bucket = k.bucket AND o.order_id = k.order_id
WHERE o.account_hash = $2 ORDER BY substr(o.order_id, 5) DESC LIMIT $3

-- name: find_in_newest
-- The same among the orders of one bucket whose keys are not filled yet: those after a number, bounded.
SELECT o.order_id, o.state, o.price_fen, o.title_zh, o.title_en, o.placed_at, o.contact_mask, o.account_mask
FROM (SELECT * FROM orders WHERE bucket = $1 AND order_id > $2 ORDER BY order_id DESC LIMIT 5000) AS o
WHERE o.account_hash = $3 ORDER BY o.order_id DESC LIMIT $4

-- name: find_payment
-- A payment by our number.
SELECT payment_no, order_id, state, amount_fen, opened_at FROM payment WHERE bucket = $1 AND payment_no = $2

-- name: find_attempt
-- An attempt by our number.
SELECT attempt_no, order_id, state, planned_at FROM supply_attempt WHERE bucket = $1 AND attempt_no = $2

-- name: find_refund
-- A refund by our number.
SELECT refund_no, order_id, state, amount_fen, planned_at FROM refund WHERE bucket = $1 AND refund_no = $2

-- name: find_item
-- Money put aside, by its number.
SELECT item_id, state, amount_fen, known_at FROM suspense WHERE bucket = $1 AND item_id = $2

-- name: find_products
-- Products whose name or id holds some text; a shop has some hundreds of them.
SELECT product_id, title_zh, title_en, price_fen, active FROM product
WHERE product_id ILIKE $1 OR title_zh ILIKE $1 OR title_en ILIKE $1 ORDER BY position, product_id LIMIT $2

-- name: find_batches
-- Batches of cards, by the beginning of their id.
SELECT batch_id, product, added_at FROM card_batch WHERE batch_id >= $1 AND batch_id < $2 ORDER BY batch_id LIMIT $3
