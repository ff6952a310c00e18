-- name: ensure_chores
-- Chores that are due from now on.
INSERT INTO oversight_chore (chore, due_at) SELECT c, $2 FROM unnest($1::text[]) AS c ON CONFLICT (chore) DO NOTHING

-- name: claim_chore
-- Take a chore when it is due.
UPDATE oversight_chore SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE chore IN (
  SELECT chore FROM oversight_chore WHERE chore = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  FOR UPDATE SKIP LOCKED)
RETURNING lease_generation

-- name: end_chore
-- Done: when it is due again, and what was found; only by whoever holds the lease.
UPDATE oversight_chore SET done_at = $3, due_at = $4, told = $5, lease_until = NULL
WHERE chore = $1 AND lease_generation = $2

-- name: extend_chore
-- The work goes on: the lease, too, only by whoever holds it.
UPDATE oversight_chore SET lease_until = $3 WHERE chore = $1 AND lease_generation = $2 RETURNING chore

-- name: set_told
-- What somebody found who did a chore's work by command.
UPDATE oversight_chore SET done_at = $2, told = $3 WHERE chore = $1

-- name: list_chores
-- When each chore was done, and what it found.
SELECT chore, due_at, done_at, told FROM oversight_chore ORDER BY chore
