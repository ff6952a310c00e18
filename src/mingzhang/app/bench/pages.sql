-- name: sample_orders
-- Orders from anywhere in the shop, the same for the same salt: number, token's ground, contact, and what waits for whom.
SELECT order_id, contact_enc FROM orders WHERE bucket = (SELECT min(bucket) FROM bucket)
ORDER BY md5(order_id || $1) LIMIT $2

-- name: sample_numbers
-- Outside numbers of one kind from anywhere.
SELECT value FROM number WHERE kind = $1 AND order_id LIKE 'M%' ORDER BY md5(value || $2) LIMIT $3

-- name: sample_own_numbers
-- Our own numbers that parties hold: payments, attempts, refunds.
(SELECT 'payment' AS kind, payment_no AS value FROM payment ORDER BY md5(payment_no || $1) LIMIT $2)
UNION ALL (SELECT 'attempt', attempt_no FROM supply_attempt ORDER BY md5(attempt_no || $1) LIMIT $2)
UNION ALL (SELECT 'refund', refund_no FROM refund WHERE order_id LIKE 'M%' ORDER BY md5(refund_no || $1) LIMIT $2)

-- name: sample_parts
-- What stands in the addresses of pages about one thing.
(SELECT 'item_id' AS part, item_id AS value FROM suspense LIMIT 20)
UNION ALL (SELECT 'product_id', product_id FROM product WHERE active LIMIT 20)

-- name: count_all
-- How large the shop is.
SELECT count(*) FROM orders
