-- name: insert_instruction
-- Decided by two: the database lets it in only if the exact sum there carries it.
INSERT INTO instruction (instruction_id, purpose, bank, account, party, payee_name, payee_account, amount_fen, approval_id,
  proposed_by, decided_by, state, next_actor, due_at, deadline_at, since, planned_at, bucket, subject, payee_enc)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'planned', 'shop', $12, $13, $12, $12, $14, $15, $16)

-- name: read_instruction
-- One instruction.
SELECT instruction_id, purpose, bank, account, party, payee_name, payee_account, amount_fen, state, code, asked,
  sent_evidence_id, line_evidence_id, next_actor, due_at, deadline_at, since, subject, payee_enc
FROM instruction WHERE instruction_id = $1

-- name: lock_instruction
-- One instruction, with its lock.
SELECT instruction_id, purpose, bank, account, party, payee_name, payee_account, amount_fen, state, code, asked,
  sent_evidence_id, line_evidence_id, next_actor, due_at, deadline_at, since, subject, payee_enc
FROM instruction WHERE instruction_id = $1 FOR UPDATE

-- name: claim_instructions
-- Take instructions whose clock rang.
WITH due AS MATERIALIZED (
  SELECT instruction_id FROM instruction
  WHERE state NOT IN ('rejected', 'done') AND due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE instruction i SET lease_owner = $3, lease_until = $4
FROM due WHERE i.instruction_id = due.instruction_id RETURNING i.instruction_id

-- name: set_instruction
-- What became of it.
UPDATE instruction SET state = $2, code = $3, asked = $4, next_actor = $5, due_at = $6, deadline_at = $7, since = $8,
  sent_evidence_id = coalesce(nullif($9, ''), sent_evidence_id),
  status_evidence_id = coalesce(nullif($10, ''), status_evidence_id),
  line_evidence_id = coalesce(nullif($11, ''), line_evidence_id),
  booked_at = CASE WHEN $2 IN ('booked', 'done') THEN coalesce(booked_at, $12) ELSE booked_at END,
  arrived_at = CASE WHEN $2 = 'done' THEN $12 ELSE arrived_at END, lease_until = NULL
WHERE instruction_id = $1

-- name: list_instructions
-- Instructions, those under way first.
SELECT instruction_id, purpose, bank, party, payee_name, amount_fen, state, code, proposed_by, decided_by, next_actor,
  due_at, deadline_at, planned_at, booked_at, arrived_at
FROM instruction ORDER BY state IN ('rejected', 'done'), planned_at DESC LIMIT $1

-- name: sum_under_way
-- What is on its way out of a bank, by what it was: margin, and float. Refunds are their orders' own money.
SELECT coalesce(sum(amount_fen) FILTER (WHERE purpose = 'sweep'), 0)::bigint AS margin_fen,
  coalesce(sum(amount_fen) FILTER (WHERE purpose IN ('prefund', 'reserve')), 0)::bigint AS float_fen
FROM instruction WHERE bank = $1 AND state IN ('planned', 'sending', 'unknown', 'accepted')

-- name: read_own_money
-- What is ours at a bank: float and earned margin.
SELECT coalesce(sum(amount_fen) FILTER (WHERE owner = 'F'), 0)::bigint AS float_fen,
  coalesce(sum(amount_fen) FILTER (WHERE owner = 'M'), 0)::bigint AS margin_fen
FROM leg WHERE place = 'custody' AND party = $1 AND owner IN ('F', 'M')

-- name: claim_accounts
-- Take accounts whose bank is due to be asked for statements.
WITH due AS MATERIALIZED (
  SELECT account FROM bank_account WHERE adapter = ANY ($2::text[]) AND (due_at IS NULL OR due_at <= $1)
    AND (lease_until IS NULL OR lease_until < $1) FOR UPDATE SKIP LOCKED)
UPDATE bank_account a SET lease_until = $3 FROM due WHERE a.account = due.account
RETURNING a.account, a.adapter, a.last_file

-- name: set_looked
-- How far the bank's files were read.
UPDATE bank_account SET last_file = $2, last_error = $3, looked_at = $4, due_at = $5, lease_until = NULL WHERE account = $1

-- name: claim_tasks
-- Take bank lines that wait to be booked.
WITH due AS MATERIALIZED (
  SELECT account, statement_id, position FROM bank_task
  WHERE state <> 'booked' AND due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE bank_task t SET lease_owner = $3, lease_until = $4 FROM due
WHERE t.account = due.account AND t.statement_id = due.statement_id AND t.position = due.position
RETURNING t.account, t.statement_id, t.position

-- name: lock_task
-- One line's job, with the line and its statement's evidence.
SELECT t.account, t.statement_id, t.position, t.bank, t.amount_fen, t.reference, t.state, t.asked, t.next_actor,
  t.deadline_at, t.since, l.booked_on, l.bank_reference, l.counterparty, l.counterparty_account, l.purpose, s.evidence_id,
  s.sha256
FROM bank_task t
JOIN bank_line l ON l.account = t.account AND l.statement_id = t.statement_id AND l.position = t.position
JOIN bank_statement s ON s.account = t.account AND s.statement_id = t.statement_id
WHERE t.account = $1 AND t.statement_id = $2 AND t.position = $3 FOR UPDATE OF t

-- name: set_task
-- A line that could not be booked is looked at again, or a person is next.
UPDATE bank_task SET state = $4, asked = $5, next_actor = $6, due_at = $7, deadline_at = $8, since = $9, lease_until = NULL
WHERE account = $1 AND statement_id = $2 AND position = $3 AND state <> 'booked'
