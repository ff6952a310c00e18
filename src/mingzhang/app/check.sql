-- name: list_ends
-- Where every order stands: who acts next says whether it waits for a person or the buyer's choice.
SELECT order_id, state, next_actor FROM orders

-- name: list_unanswered
-- Instructions on record that no supplier has answered.
SELECT order_id, attempt_no, sent_at FROM supply_attempt
WHERE state IN ('sending', 'unknown') AND answered_at IS NULL AND sent_at IS NOT NULL
