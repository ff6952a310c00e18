-- name: list_ends
-- Where every order stands: who acts next says whether it waits for a person or the buyer's choice.
SELECT order_id, state, next_actor FROM orders
