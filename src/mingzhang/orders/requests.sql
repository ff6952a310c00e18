-- name: insert_request
-- What the buyer asks of the shop; a person answers by the deadline.
INSERT INTO remedy_request (bucket, order_id, n, wish, cause, words_enc, state, made_at, deadline_at)
VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8)

-- name: list_requests
-- An order's requests, newest first.
SELECT bucket, order_id, n, wish, cause, words_enc, state, made_at, deadline_at, answer, answer_text, answered_by,
  answered_at
FROM remedy_request WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 20

-- name: set_request_answered
-- A person's answer, by name, once.
UPDATE remedy_request SET state = 'answered', answer = $4, answer_text = $5, answered_by = $6, answered_at = $7
WHERE bucket = $1 AND order_id = $2 AND n = $3 AND state = 'open' RETURNING n

-- name: list_open_requests
-- What waits for an answer, soonest deadline first.
SELECT bucket, order_id, n, wish, cause, words_enc, state, made_at, deadline_at, answer, answer_text, answered_by,
  answered_at
FROM remedy_request WHERE state = 'open' ORDER BY deadline_at LIMIT $1
