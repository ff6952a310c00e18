-- name: count_due
-- How much of what somebody waits for is due by $1, how much of it was due by $2 already, and when the next is due.
SELECT count(*) FILTER (WHERE due_at <= $1) AS due, count(*) FILTER (WHERE due_at <= $2) AS late,
  min(due_at) FILTER (WHERE due_at > $1) AS next_at
FROM (
  SELECT due_at FROM inbox
  UNION ALL SELECT due_at FROM payment WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM supply_attempt WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM refund WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM suspense WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM trade_hint WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM claim WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM orders WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM earning WHERE state = 'waiting'
  UNION ALL SELECT due_at FROM bank_task WHERE state <> 'booked'
  UNION ALL SELECT due_at FROM settlement_batch WHERE state <> 'closed'
  UNION ALL SELECT due_at FROM instruction WHERE state NOT IN ('rejected', 'done')
  UNION ALL SELECT due_at FROM recon_day WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM recon_break WHERE due_at IS NOT NULL
  UNION ALL SELECT due_at FROM dispute WHERE due_at IS NOT NULL
) waits

-- name: list_days
-- What became of each day of each source, and its newest report.
SELECT source, day, state, code, next_actor, deadline_at, agreed FROM recon_day
WHERE day = ANY ($1::date[]) ORDER BY day, source

-- name: list_reports
-- How many closing reports each day has.
SELECT day, count(*) AS n FROM closing_report WHERE day = ANY ($1::date[]) GROUP BY day

-- name: list_breaks
-- Every difference, with what it is about.
SELECT break_id, source, party, day, class, kind, key, stake_fen, theirs, ours, state, said, resolution, next_actor, deadline_at
FROM recon_break ORDER BY found_at, break_id

-- name: list_refunds
-- Refunds by how far they are; of those that wait, for whom and until when.
SELECT refund_no, state, code, next_actor, deadline_at FROM refund ORDER BY planned_at, refund_no

-- name: list_bank_stand
-- Each bank: what its newest statement closed with, what of its lines waits to be booked, and what the ledger has there.
SELECT a.bank, s.statement_id, coalesce(s.closing_fen, 0) AS closing_fen,
  (SELECT coalesce(sum(t.amount_fen), 0)::bigint FROM bank_task t WHERE t.bank = a.bank AND t.state <> 'booked') AS waiting_fen,
  (SELECT coalesce(sum(l.amount_fen), 0)::bigint FROM leg l
     WHERE l.place IN ('custody', 'refunding', 'hold') AND l.party = a.bank) AS ledger_fen
FROM bank_account a LEFT JOIN LATERAL (SELECT statement_id, closing_fen FROM bank_statement
  WHERE account = a.account ORDER BY n DESC LIMIT 1) s ON true ORDER BY a.bank

-- name: list_waiting_lines
-- Bank lines that nothing was booked for, with their owner and clock.
SELECT account || '/' || statement_id || '/' || position AS line, bank, amount_fen, reference, state, next_actor, deadline_at
FROM bank_task WHERE state <> 'booked' ORDER BY since

-- name: list_payouts
-- Payouts of the channels, and what became of them.
SELECT channel, batch_id, reference, payout_fen, bank_fen, state, next_actor, deadline_at FROM settlement_batch
ORDER BY listed_at, channel

-- name: list_instructions
-- Instructions to the bank, and what became of them.
SELECT instruction_id, state, code, next_actor, deadline_at FROM instruction ORDER BY planned_at
