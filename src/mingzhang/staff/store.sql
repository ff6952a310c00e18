-- name: insert_staff
-- A new member of staff; nothing comes back when somebody has the name, however it is written.
INSERT INTO staff (name, password_hash, active, roles, created_at)
SELECT $1::text, $2::text, true, $3::text[], $4::timestamptz
WHERE NOT EXISTS (SELECT FROM staff WHERE lower(name) = lower($1::text))
ON CONFLICT (name) DO NOTHING RETURNING name

-- name: set_password
-- Another password; wrong tries are forgotten.
UPDATE staff SET password_hash = $2, failed = 0, locked_until = NULL WHERE name = $1 RETURNING name

-- name: set_roles
-- Other roles.
UPDATE staff SET roles = $2 WHERE name = $1 RETURNING name

-- name: set_active
-- Revoke an account, or give it back.
UPDATE staff SET active = $2, failed = 0, locked_until = NULL WHERE name = $1 RETURNING name

-- name: set_totp
-- A new second factor, in force from the time it was confirmed at.
UPDATE staff SET totp_enc = $2, totp_since = $3, totp_step = $4 WHERE name = $1 RETURNING name

-- name: find_staff
-- One member of staff, for signing in.
SELECT name, password_hash, active, roles, locked_until, totp_enc, totp_since FROM staff WHERE name = $1

-- name: use_totp_step
-- A code's time step is used once; nothing comes back for one that was.
UPDATE staff SET totp_step = $2 WHERE name = $1 AND totp_step < $2 RETURNING name

-- name: record_failure
-- One wrong try more; every fifth one locks the name for a while.
UPDATE staff SET failed = failed + 1,
  locked_until = CASE WHEN (failed + 1) % 5 = 0 THEN $2::timestamptz ELSE locked_until END
WHERE name = $1 RETURNING failed % 5 = 0 AS locked

-- name: record_success
-- A right password forgets the wrong ones.
UPDATE staff SET failed = 0, locked_until = NULL, signed_in_at = $2, password_hash = $3 WHERE name = $1

-- name: open_session
-- Only the hash of the cookie's token is kept.
INSERT INTO staff_session (token_hash, name, session_id, strong, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: find_session
-- Who holds this token now.
SELECT p.name, p.roles, s.session_id, s.strong FROM staff_session s JOIN staff p ON p.name = s.name
WHERE s.token_hash = $1 AND s.expires_at > $2 AND p.active

-- name: end_session
-- Signing out.
DELETE FROM staff_session WHERE token_hash = $1 RETURNING name, session_id

-- name: end_session_by_id
-- One session ended from outside.
DELETE FROM staff_session WHERE session_id = $1 RETURNING name

-- name: end_sessions
-- Every session of a person; the number counts those that were still open.
DELETE FROM staff_session WHERE name = $1 RETURNING expires_at > $2 AS open

-- name: clear_sessions
-- Clear away what ran out.
DELETE FROM staff_session WHERE expires_at <= $1

-- name: list_sessions
-- A person's open sessions.
SELECT session_id, strong, created_at, expires_at FROM staff_session
WHERE name = $1 AND expires_at > $2 ORDER BY created_at

-- name: list_staff
-- Everybody, with the number of open sessions.
SELECT p.name, p.roles, p.active, p.totp_since IS NOT NULL AS totp, p.locked_until, p.created_at, p.signed_in_at,
  (SELECT count(*) FROM staff_session s WHERE s.name = p.name AND s.expires_at > $1)::int AS sessions
FROM staff p ORDER BY p.name

-- name: insert_record
-- What a person did, saw, or was refused.
INSERT INTO staff_action (action_id, name, action, subject, reason, at, kind, session_id, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: list_records
-- The record, newest first; empty texts match everything.
SELECT action_id, name, action, subject, reason, at, kind, session_id, data FROM staff_action
WHERE ($1 = '' OR name = $1) AND ($2 = '' OR subject = $2) AND ($3 = '' OR kind = $3) AND at < $4
ORDER BY at DESC, action_id DESC LIMIT $5

-- name: insert_approval
-- A money decision, proposed.
INSERT INTO approval (bucket, approval_id, action, subject, amount_fen, terms, terms_hash, reason, state, proposed_by,
  proposed_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'proposed', $9, $10, $11)

-- name: read_approval
-- One money decision.
SELECT bucket, approval_id, action, subject, amount_fen, terms, reason, state, proposed_by, proposed_at, expires_at,
  decided_by, decided_at, decision_reason, used_at
FROM approval WHERE bucket = $1 AND approval_id = $2

-- name: decide_approval
-- The other person's word; never the proposer's own, never after its time, never once the proposer was revoked.
UPDATE approval SET state = $3, decided_by = $4, decided_at = $5, decision_reason = $6
WHERE bucket = $1 AND approval_id = $2 AND state = 'proposed' AND expires_at > $5 AND proposed_by <> $4
  AND EXISTS (SELECT FROM staff WHERE staff.name = approval.proposed_by AND staff.active)
RETURNING approval_id

-- name: withdraw_approval
-- The proposer takes it back, also after it was approved, as long as it was not used.
UPDATE approval SET state = 'withdrawn' WHERE bucket = $1 AND approval_id = $2 AND proposed_by = $3
  AND state IN ('proposed', 'approved') RETURNING approval_id

-- name: use_approval
-- Carried out, in the transaction of the posting: once, in time, on exactly the approved terms.
UPDATE approval SET state = 'used', used_at = $3
WHERE bucket = $1 AND approval_id = $2 AND state = 'approved' AND expires_at > $3 AND action = $4 AND terms_hash = $5
RETURNING approval_id

-- name: list_open_approvals
-- What waits for the second person or for being carried out, oldest first.
SELECT bucket, approval_id, action, subject, amount_fen, terms, reason, state, proposed_by, proposed_at, expires_at,
  decided_by, decided_at, decision_reason, used_at
FROM approval WHERE state IN ('proposed', 'approved') AND expires_at > $1 ORDER BY proposed_at LIMIT 200

-- name: list_subject_approvals
-- Every money decision about an order or suspense item, oldest first.
SELECT bucket, approval_id, action, subject, amount_fen, terms, reason, state, proposed_by, proposed_at, expires_at,
  decided_by, decided_at, decision_reason, used_at
FROM approval WHERE bucket = $1 AND subject = $2 ORDER BY proposed_at LIMIT 200
