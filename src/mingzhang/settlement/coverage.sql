-- name: read_last_day
-- The last day that was closed.
SELECT day, ends_at FROM coverage_day ORDER BY day DESC LIMIT 1

-- name: read_first_leg
-- When the ledger began.
SELECT min(at) FROM leg

-- name: list_day_totals
-- The roll-up of a closed day.
SELECT place, party, owner, amount_fen FROM place_total WHERE day = $1

-- name: sum_legs
-- Sums by account of the legs dated from $1 on and before $2.
SELECT place, party, owner, sum(amount_fen)::bigint AS amount_fen FROM leg WHERE at >= $1 AND at < $2
GROUP BY place, party, owner HAVING sum(amount_fen) <> 0

-- name: list_day_stated
-- What channels' words came to at a closed day's end.
SELECT channel, amount_fen FROM stated_total WHERE day = $1

-- name: list_stated
-- What channels said from $1 on and before $2: payments in; refunds, settlements, chargebacks out; reserves in; less
-- what they denied and will never have (row 24: proved unpaid, written off, found elsewhere).
SELECT channel, sum(fen)::bigint AS amount_fen FROM (
  SELECT party AS channel, (content ->> 'amount_fen')::bigint AS fen FROM fact
  WHERE kind = 'paid' AND known_at >= $1 AND known_at < $2 AND party <> ALL (SELECT bank FROM bank_account)
  UNION ALL
  SELECT channel, -amount_fen FROM refund WHERE way = 'channel' AND accepted_at >= $1 AND accepted_at < $2
  UNION ALL  -- accepted, then taken back (a dead card): with the channel again
  SELECT channel, amount_fen FROM refund WHERE way = 'channel' AND state = 'refused' AND accepted_at IS NOT NULL
    AND asked_at >= $1 AND asked_at < $2
  UNION ALL
  SELECT channel, -payout_fen - fee_fen FROM settlement_batch WHERE listed_at >= $1 AND listed_at < $2
  UNION ALL
  SELECT l.channel, -l.gross_fen FROM settlement_line l JOIN settlement_batch b
    ON b.channel = l.channel AND b.batch_id = l.batch_id
  WHERE l.kind IN ('chargeback', 'charge') AND b.listed_at >= $1 AND b.listed_at < $2
  UNION ALL
  SELECT party, amount_fen FROM instruction WHERE purpose = 'reserve' AND state = 'done' AND code <> 'returned'
    AND arrived_at >= $1 AND arrived_at < $2
  UNION ALL
  SELECT party, amount_fen FROM leg WHERE place = 'missing' AND at >= $1 AND at < $2
    AND posting IN ('proved_unpaid', 'written_off', 'claim_taken_up', 'found_at_bank', 'float_found')
    AND party <> ALL (SELECT bank FROM bank_account)
) said GROUP BY channel

-- name: list_channel_statements
-- Channels' own statements of a day.
SELECT channel, balance_fen, evidence_id FROM channel_statement WHERE day = $1

-- name: insert_channel_statement
-- A channel's own statement; the first one of a day stands.
INSERT INTO channel_statement (channel, day, balance_fen, evidence_id, known_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING channel

-- name: list_bank_statements
-- Each account's newest statement taken in before a moment.
SELECT DISTINCT ON (s.account) s.account, a.bank, a.kind, s.statement_id, s.closed_on, s.closing_fen, s.evidence_id
FROM bank_statement s JOIN bank_account a ON a.account = s.account WHERE s.imported_at < $1 ORDER BY s.account, s.n DESC

-- name: list_line_differences
-- Bank lines that are in a statement and not booked.
SELECT bank AS party, account || '/' || statement_id || '/' || position AS what, amount_fen FROM bank_task
WHERE state <> 'booked' ORDER BY 1, 2 LIMIT 1000

-- name: list_batch_differences
-- Payouts under way: what the channel has paid out and the ledger still has there (members that wait), what it netted and
-- the ledger has not booked yet, and what the bank has shown of a payout before its members came in.
SELECT b.channel AS party, b.channel || ':' || b.batch_id AS what,
  (SELECT coalesce(sum(m.net_fen + m.fee_fen + m.charged_fen), 0)::bigint FROM settlement_member m
    WHERE m.channel = b.channel AND m.batch_id = b.batch_id AND m.state IN ('listed', 'difference', 'unknown')) AS listed_fen,
  b.net_fen - b.payout_fen AS netted_fen, b.bank,
  coalesce(b.bank_fen, 0) AS bank_fen,
  (SELECT coalesce(sum(m.net_fen), 0)::bigint FROM settlement_member m
    WHERE m.channel = b.channel AND m.batch_id = b.batch_id AND m.state = 'received') AS came_fen
FROM settlement_batch b WHERE b.state <> 'closed' ORDER BY b.channel, b.batch_id LIMIT 1000

-- name: insert_totals
-- A day's roll-up.
INSERT INTO place_total (day, place, party, owner, amount_fen)
SELECT $1, t.* FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS t

-- name: insert_stated
-- A day's channel words.
INSERT INTO stated_total (day, channel, amount_fen, source) SELECT $1, t.* FROM unnest($2::text[], $3::bigint[], $4::text[]) AS t

-- name: insert_day
-- A day's coverage, once.
INSERT INTO coverage_day (day, ends_at, covered_fen, owed_fen, ratio_ppm, new_money_fen, proof, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: list_days
-- Closed days, newest first.
SELECT day, covered_fen, owed_fen, ratio_ppm, new_money_fen, made_at FROM coverage_day ORDER BY day DESC LIMIT $1

-- name: read_day
-- One closed day with its proof.
SELECT day, covered_fen, owed_fen, ratio_ppm, new_money_fen, proof, made_at FROM coverage_day WHERE day = $1

-- name: read_now
-- How it stands.
SELECT covered_fen, owed_fen, ratio_ppm, new_money_fen, short_since, looked_at FROM coverage_now

-- name: ensure_now
-- The one row that is looked at again.
INSERT INTO coverage_now (id, covered_fen, owed_fen, new_money_fen, looked_at, due_at) VALUES (1, 0, 0, 0, $1, $1)
ON CONFLICT DO NOTHING

-- name: claim_now
-- Take the look when it is due.
UPDATE coverage_now SET lease_until = $2 WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1) RETURNING id

-- name: set_now
-- What the look found.
UPDATE coverage_now SET covered_fen = $1, owed_fen = $2, ratio_ppm = $3, new_money_fen = $4, short_since = $5,
  looked_at = $6, due_at = $7, lease_until = NULL
