-- name: insert_account
-- Open an account; the same again changes nothing.
INSERT INTO bank_account (account, bank, kind, currency, adapter, opened_by, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING account

-- name: list_accounts
-- Every account of ours.
SELECT account, bank, kind, currency, adapter FROM bank_account ORDER BY bank

-- name: lock_account
-- One account; statements of it come in one after the other.
SELECT account, bank, kind, currency, adapter FROM bank_account WHERE account = $1 FOR UPDATE

-- name: lock_bank
-- The account of one bank: float leaves it by one holder of this lock at a time.
SELECT account, bank, kind, currency, adapter FROM bank_account WHERE bank = $1 FOR UPDATE

-- name: insert_file
-- Keep a file as it came; the same file again is kept once.
INSERT INTO bank_file (sha256, name, format, body, evidence_id, imported_by, imported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING sha256

-- name: read_file_head
-- Which evidence a file was kept under.
SELECT evidence_id, name, format FROM bank_file WHERE sha256 = $1

-- name: read_statement
-- One statement's head.
SELECT n, content_hash, evidence_id FROM bank_statement WHERE account = $1 AND statement_id = $2

-- name: read_last_statement
-- The newest statement of an account.
SELECT n, statement_id, closed_on, closing_fen FROM bank_statement WHERE account = $1 ORDER BY n DESC LIMIT 1

-- name: insert_statement
-- A statement's head.
INSERT INTO bank_statement (account, statement_id, n, opened_on, closed_on, opening_fen, closing_fen, lines, content_hash,
  sha256, evidence_id, imported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: insert_lines
-- Its lines in their order.
INSERT INTO bank_line (account, statement_id, position, booked_on, amount_fen, reference, bank_reference, counterparty,
  counterparty_account, purpose, reversal)
SELECT $1, $2, t.* FROM unnest($3::int[], $4::date[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
  $10::text[], $11::boolean[]) AS t

-- name: insert_tasks
-- Each line waits to be booked.
INSERT INTO bank_task (account, statement_id, position, bank, amount_fen, reference, state, used_for, subject, asked,
  next_actor, due_at, deadline_at, since)
SELECT $1, $2, t.position, $3, t.amount_fen, t.reference, 'open', '', '', 0, 'shop', $7, $8, $7
FROM unnest($4::int[], $5::bigint[], $6::text[]) AS t (position, amount_fen, reference)

-- name: list_statements
-- Statements of all accounts, newest first, with what still waits in each.
SELECT s.account, a.bank, a.kind, s.statement_id, s.n, s.opened_on, s.closed_on, s.opening_fen, s.closing_fen, s.lines,
  s.sha256, s.evidence_id, s.imported_at, f.format, f.name,
  (SELECT count(*) FROM bank_task t WHERE t.account = s.account AND t.statement_id = s.statement_id
     AND t.state <> 'booked') AS waiting
FROM bank_statement s JOIN bank_account a ON a.account = s.account JOIN bank_file f ON f.sha256 = s.sha256
ORDER BY s.imported_at DESC, s.n DESC LIMIT $1

-- name: list_lines
-- The lines of one statement and what became of each.
SELECT l.position, l.booked_on, l.amount_fen, l.reference, l.bank_reference, l.counterparty, l.purpose, t.state,
  t.used_for, t.subject, t.next_actor, t.deadline_at
FROM bank_line l JOIN bank_task t
  ON t.account = l.account AND t.statement_id = l.statement_id AND t.position = l.position
WHERE l.account = $1 AND l.statement_id = $2 ORDER BY l.position LIMIT $3

-- name: list_waiting_lines
-- Lines that nothing was booked for yet: listed differences between the bank and the ledger.
SELECT t.account, t.statement_id, t.position, t.bank, t.amount_fen, t.reference, t.state, t.next_actor, t.deadline_at,
  l.booked_on, l.counterparty, l.purpose, s.evidence_id
FROM bank_task t
JOIN bank_line l ON l.account = t.account AND l.statement_id = t.statement_id AND l.position = t.position
JOIN bank_statement s ON s.account = t.account AND s.statement_id = t.statement_id
WHERE t.state <> 'booked' ORDER BY l.booked_on, t.statement_id, t.position LIMIT $1

-- name: book_line
-- A line was booked, for what: once, or nothing returns.
UPDATE bank_task SET state = 'booked', used_for = $4, subject = $5, next_actor = '', due_at = NULL, deadline_at = NULL,
  lease_until = NULL, booked_at = $6
WHERE account = $1 AND statement_id = $2 AND position = $3 AND state <> 'booked' RETURNING position
