-- name: read_running
-- The one that runs.
SELECT wind_down_id, reason, approval_id, proposed_by, decided_by, published_at, closes_at, told, looked_at
FROM wind_down WHERE state = 'running'

-- name: insert_wind_down
-- One at a time.
INSERT INTO wind_down (wind_down_id, state, reason, approval_id, proposed_by, decided_by, published_at, closes_at, due_at)
VALUES ($1, 'running', $2, $3, $4, $5, $6, $7, $6) ON CONFLICT DO NOTHING RETURNING wind_down_id

-- name: set_called_off
-- Ended before its date.
UPDATE wind_down SET state = 'called_off', ended_by = $2, ended_at = $3, due_at = NULL, lease_until = NULL
WHERE wind_down_id = $1 AND state = 'running' RETURNING wind_down_id

-- name: claim_wind_down
-- Take the look when it is due.
UPDATE wind_down SET lease_until = $2 WHERE state = 'running' AND due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
RETURNING wind_down_id, reason, approval_id, proposed_by, decided_by, published_at, closes_at, told, looked_at

-- name: set_looked
-- What the look did.
UPDATE wind_down SET told = $2, looked_at = $3, due_at = $4, lease_until = NULL WHERE wind_down_id = $1 AND state = 'running'
