-- name: list_waiting
-- Paid orders that wait for a person, their buyer or the shop, by the index of what needs attention; from a key on.
SELECT order_id, deadline_at FROM orders
WHERE bucket = $1 AND (next_actor = 'person' OR state IN ('needs_person', 'needs_buyer', 'refunding')
    OR (state = 'supplying' AND next_actor IN ('buyer', 'shop')))
  AND state IN ('paid', 'supplying', 'needs_buyer', 'needs_person') AND paid_at IS NOT NULL AND deadline_at IS NOT NULL
  AND ($2::timestamptz IS NULL OR (deadline_at, order_id) > ($2, $3))
ORDER BY deadline_at, order_id LIMIT $4

-- name: list_items
-- Money put aside at its channel that waits for a person, by the time in its number; from a number on.
SELECT item_id FROM suspense
WHERE bucket = $1 AND state = 'open' AND next_actor = 'person' AND holder = 'channel' AND item_id > $2
ORDER BY item_id LIMIT $3

-- name: list_paid
-- Paid orders of a bucket backwards from one, with what a letter to their buyer needs.
SELECT order_id, contact_enc, contact_mask, contact_hash, language FROM orders
WHERE bucket = $1 AND ($2 = '' OR order_id < $2) AND paid_at IS NOT NULL ORDER BY order_id DESC LIMIT $3
