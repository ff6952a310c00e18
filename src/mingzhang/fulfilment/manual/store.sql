-- name: insert_task
-- One task under its attempt's number, once for ever.
INSERT INTO manual_task (attempt_no, product, kind, quantity, face_value_fen, account_enc, account_mask, state, made_at,
  deadline_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9) ON CONFLICT (attempt_no) DO NOTHING

-- name: read_task
-- One task.
SELECT attempt_no, product, kind, quantity, face_value_fen, account_enc, account_mask, state, reference, note, reason,
  reported_by, confirmed_by, made_at, deadline_at, ended_at
FROM manual_task WHERE attempt_no = $1

-- name: list_open_tasks
-- What waits for people, the soonest deadline first.
SELECT attempt_no, product, kind, quantity, face_value_fen, account_enc, account_mask, state, reference, note, reason,
  reported_by, confirmed_by, made_at, deadline_at, ended_at
FROM manual_task WHERE state = 'open' ORDER BY deadline_at, attempt_no LIMIT 500

-- name: list_stopped_tasks
-- What refunds stopped lately.
SELECT attempt_no, product, kind, quantity, face_value_fen, account_enc, account_mask, state, reference, note, reason,
  reported_by, confirmed_by, made_at, deadline_at, ended_at
FROM manual_task WHERE state = 'stopped' AND ended_at > $1 ORDER BY ended_at DESC, attempt_no LIMIT 100

-- name: set_stopped
-- The order's money goes back: nobody is to begin any more.
UPDATE manual_task SET state = 'stopped', reason = $2, ended_at = $3 WHERE attempt_no = $1 AND state = 'open'

-- name: set_succeeded
-- Done, with its proof and two people behind it; perhaps before a refund stopped it.
UPDATE manual_task SET state = 'succeeded', reference = $2, note = $3, reported_by = $4, confirmed_by = $5, ended_at = $6,
  reason = '' WHERE attempt_no = $1 AND state IN ('open', 'stopped') RETURNING attempt_no

-- name: set_refused
-- Not done, and why.
UPDATE manual_task SET state = 'refused', reason = $2, note = $3, reported_by = $4, ended_at = $5
WHERE attempt_no = $1 AND state = 'open' RETURNING attempt_no

-- name: list_tasks
-- Every task, the latest first.
SELECT attempt_no, quantity, state FROM manual_task ORDER BY made_at DESC, attempt_no LIMIT 1000
