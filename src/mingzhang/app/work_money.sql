-- name: list_for_people
-- What of the money between us and the outside waits for a person, at most so much of each kind.
(SELECT 'difference' AS kind, break_id AS key, state, stake_fen AS amount_fen, deadline_at FROM recon_break
  WHERE resolved_at IS NULL AND state = 'person' ORDER BY deadline_at LIMIT 200)
UNION ALL
(SELECT 'payout', channel || ':' || batch_id, state, payout_fen, deadline_at FROM settlement_batch
  WHERE state <> 'closed' AND next_actor = 'person' ORDER BY deadline_at LIMIT 200)
UNION ALL
(SELECT 'bank_line', account || '/' || statement_id || '/' || position, state, abs(amount_fen), deadline_at FROM bank_task
  WHERE state <> 'booked' AND next_actor = 'person' ORDER BY deadline_at LIMIT 200)
UNION ALL
(SELECT 'instruction', instruction_id, state, amount_fen, deadline_at FROM instruction
  WHERE state NOT IN ('rejected', 'done') AND next_actor = 'person' ORDER BY deadline_at LIMIT 200)
UNION ALL
(SELECT 'bill', source || '/' || day, state, 0, deadline_at FROM recon_day
  WHERE state = 'waiting' AND next_actor = 'person' AND due_at IS NOT NULL ORDER BY deadline_at LIMIT 200)
ORDER BY deadline_at
