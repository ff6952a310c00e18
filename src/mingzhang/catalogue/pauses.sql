-- name: list_pauses
-- What is in force or still to come, the soonest first.
SELECT pause_id, scope, name, cause, note, starts_at, ends_at, made_by, made_at FROM pause
WHERE lifted_at IS NULL AND (ends_at IS NULL OR ends_at > $1) ORDER BY starts_at, pause_id LIMIT 500

-- name: insert_pause
-- Enter a window, or a pause until it is lifted.
INSERT INTO pause (pause_id, scope, name, cause, note, starts_at, ends_at, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: lift_pause
-- End it before its time.
UPDATE pause SET lifted_by = $2, lifted_at = $3
WHERE pause_id = $1 AND scope <> 'shop' AND lifted_at IS NULL AND (ends_at IS NULL OR ends_at > $3) RETURNING pause_id

-- name: lift_shop
-- The shop sells again.
UPDATE pause SET lifted_by = $1, lifted_at = $2 WHERE scope = 'shop' AND lifted_at IS NULL
