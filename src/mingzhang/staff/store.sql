-- name: insert_staff
-- A new member of staff; nothing comes back when somebody has the name, however it is written.
INSERT INTO staff (name, password_hash, active, roles, created_at)
SELECT $1::text, $2::text, true, $3::text[], $4::timestamptz
WHERE NOT EXISTS (SELECT FROM staff WHERE lower(name) = lower($1::text))
ON CONFLICT (name) DO NOTHING RETURNING name

-- name: set_password
-- Another password.
UPDATE staff SET password_hash = $2 WHERE name = $1 RETURNING name

-- name: set_roles
-- Other roles.
UPDATE staff SET roles = $2 WHERE name = $1 RETURNING name

-- name: set_active
-- Revoke an account, or give it back.
UPDATE staff SET active = $2 WHERE name = $1 RETURNING name

-- name: set_totp
-- A new second factor, in force from the time it was confirmed at.
UPDATE staff SET totp_enc = $2, totp_since = $3, totp_step = $4 WHERE name = $1 RETURNING name

-- name: find_staff
-- One member of staff, for signing in.
SELECT name, password_hash, active, roles, totp_enc, totp_since FROM staff WHERE name = $1

-- name: use_totp_step
-- A code's time step is used once; nothing comes back for one that was.
UPDATE staff SET totp_step = $2 WHERE name = $1 AND totp_step < $2 RETURNING name

-- name: record_success
-- When somebody came in last, with the hash by the library's present parameters.
UPDATE staff SET signed_in_at = $2, password_hash = $3 WHERE name = $1

-- name: open_session
-- Only the hash of the cookie's token is kept.
INSERT INTO staff_session (token_hash, name, session_id, strong, created_at, expires_at, seen_at, address, browser)
VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8)

-- name: find_session
-- Who holds this token now; nobody, when it was not used since $3.
SELECT p.name, p.roles, s.session_id, s.strong, s.seen_at FROM staff_session s JOIN staff p ON p.name = s.name
WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND p.active

-- name: touch_session
-- It was used just now.
UPDATE staff_session SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2

-- name: end_session
-- Signing out.
DELETE FROM staff_session WHERE token_hash = $1 RETURNING name, session_id

-- name: find_session_owner
-- Whose session this is.
SELECT name FROM staff_session WHERE session_id = $1

-- name: end_session_by_id
-- One session ended from outside.
DELETE FROM staff_session WHERE session_id = $1 RETURNING name

-- name: end_sessions
-- Every session of a person; the number counts those that were still open.
DELETE FROM staff_session WHERE name = $1 RETURNING expires_at > $2 AS open

-- name: end_other_sessions
-- Every session of a person but one.
DELETE FROM staff_session WHERE name = $1 AND session_id <> $2

-- name: clear_sessions
-- Clear away what ran out, or was not used since $2.
DELETE FROM staff_session WHERE expires_at <= $1 OR seen_at <= $2

-- name: list_sessions
-- A person's open sessions.
SELECT name, session_id, strong, created_at, expires_at, seen_at, address, browser FROM staff_session
WHERE ($1 = '' OR name = $1) AND expires_at > $2 AND seen_at > $3 ORDER BY name, created_at LIMIT 500

-- name: list_staff
-- Everybody, with the number of open sessions.
SELECT p.name, p.roles, p.active, p.totp_since IS NOT NULL AS totp, p.created_at, p.signed_in_at,
  (SELECT count(*) FROM staff_session s WHERE s.name = p.name AND s.expires_at > $1 AND s.seen_at > $2)::int AS sessions
FROM staff p ORDER BY p.name

-- name: clear_recovery
-- The old codes are worth nothing any more.
DELETE FROM staff_recovery WHERE name = $1

-- name: insert_recovery
-- New codes, as keyed hashes.
INSERT INTO staff_recovery (name, code_hash, made_at) SELECT $1, code_hash, $3 FROM unnest($2::bytea[]) AS code_hash

-- name: use_recovery
-- A code is used once.
UPDATE staff_recovery SET used_at = $3 WHERE name = $1 AND code_hash = $2 AND used_at IS NULL RETURNING name

-- name: count_recovery
-- How many codes a person has left.
SELECT count(*) FROM staff_recovery WHERE name = $1 AND used_at IS NULL

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

-- name: forget_sessions
-- Sessions of staff that are over: addresses and browsers.
DELETE FROM staff_session WHERE expires_at < $1
