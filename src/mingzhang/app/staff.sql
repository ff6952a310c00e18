-- name: add_staff
-- A new member of staff; a name that exists keeps its history and gets the new password.
INSERT INTO staff (name, password_hash, active, created_at) VALUES ($1, $2, true, $3)
ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, active = true, failed = 0, locked_until = NULL

-- name: find_staff
-- One member of staff, for signing in.
SELECT password_hash, active, failed, locked_until FROM staff WHERE name = $1

-- name: record_failure
-- One wrong password more; every fifth one locks the name for a while.
UPDATE staff SET failed = failed + 1,
  locked_until = CASE WHEN (failed + 1) % 5 = 0 THEN $2::timestamptz ELSE locked_until END
WHERE name = $1

-- name: clear_failures
-- A right password forgets the wrong ones.
UPDATE staff SET failed = 0, locked_until = NULL WHERE name = $1

-- name: open_session
-- Only the hash of the cookie's token is kept.
INSERT INTO staff_session (token_hash, name, created_at, expires_at) VALUES ($1, $2, $3, $4)

-- name: find_session
-- Who holds this token now.
SELECT s.name FROM staff_session s JOIN staff p ON p.name = s.name
WHERE s.token_hash = $1 AND s.expires_at > $2 AND p.active

-- name: close_session
-- Signing out, and clearing away what ran out.
DELETE FROM staff_session WHERE token_hash = $1 OR expires_at < $2

-- name: close_sessions
-- A new password ends every session of that name.
DELETE FROM staff_session WHERE name = $1
