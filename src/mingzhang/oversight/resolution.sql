-- name: sum_books
-- The books by place, party and owner.
SELECT place, party, owner, sum(amount_fen)::bigint AS amount_fen FROM leg
GROUP BY place, party, owner HAVING sum(amount_fen) <> 0 ORDER BY place, party, owner

-- name: list_owed
-- Whose money is where: what stands for an order or an unmatched item at a place that is not its end.
SELECT bucket, subject, place, party, sum(amount_fen)::bigint AS amount_fen FROM leg
WHERE owner IN ('o', 'S') AND place NOT LIKE 'source.%' AND place NOT LIKE 'spent.%'
  AND place NOT IN ('supplier.settled', 'refund.arrived', 'refund.chargeback', 'fee')
GROUP BY bucket, subject, place, party HAVING sum(amount_fen) <> 0 ORDER BY bucket, subject, place, party

-- name: list_open_orders
-- Orders that have not come to their end.
SELECT order_id, state, reason, product_id, quantity, price_fen, supplier, account_mask, contact_mask, holder, next_actor,
  deadline_at, placed_at, paid_at FROM orders WHERE state NOT IN ('delivered', 'refunded', 'closed')
ORDER BY bucket, order_id

-- name: list_open_refunds
-- Refunds under way.
SELECT refund_no, order_id, channel, amount_fen, cause, state, next_actor, deadline_at, planned_at FROM refund
WHERE state NOT IN ('arrived', 'refused', 'dropped', 'returned') ORDER BY bucket, refund_no

-- name: list_open_attempts
-- Requests to suppliers whose result is open.
SELECT attempt_no, order_id, supplier, state, cost_fen, next_actor, deadline_at, sent_at FROM supply_attempt
WHERE finished_at IS NULL ORDER BY bucket, attempt_no

-- name: list_open_suspense
-- Money with no order.
SELECT item_id, channel, transaction_id, amount_fen, state, cause, order_id, next_actor, deadline_at, known_at FROM suspense
WHERE state NOT IN ('refunded', 'matched', 'unpaid') ORDER BY bucket, item_id

-- name: list_open_claims
-- What buyers brought up and nobody has ended: payments shown, remedies asked for, disputes.
SELECT 'claim' AS kind, claim_id AS number, order_id, state, made_at, deadline_at FROM claim WHERE finished_at IS NULL
UNION ALL SELECT 'request', order_id || '-' || n, order_id, state, made_at, deadline_at FROM remedy_request
  WHERE state = 'open'
UNION ALL SELECT 'dispute', dispute_id, order_id, state, opened_at, deadline_at FROM dispute WHERE closed_at IS NULL
ORDER BY 1, 2

-- name: list_open_differences
-- Differences of reconciliation that have not ended.
SELECT break_id, source, party, day, class, kind, key, stake_fen, subject, state, next_actor, deadline_at FROM recon_break
WHERE resolved_at IS NULL ORDER BY break_id

-- name: list_bank_accounts
-- Accounts at banks, with each one's newest statement.
SELECT a.account, a.bank, a.kind, a.currency, s.statement_id, s.closed_on, s.closing_fen FROM bank_account a
LEFT JOIN LATERAL (SELECT statement_id, closed_on, closing_fen FROM bank_statement b WHERE b.account = a.account
  ORDER BY b.n DESC LIMIT 1) s ON true ORDER BY a.bank, a.account

-- name: list_coverage
-- Coverage by day with its proof.
SELECT day, ends_at, covered_fen, owed_fen, ratio_ppm, new_money_fen, proof, made_at FROM coverage_day ORDER BY day DESC
LIMIT 366

-- name: list_rules
-- Rules, agreement and privacy notice in every version.
SELECT kind, version, text_zh, text_en, encode(sha256, 'hex') AS sha256, effective_at, published_at FROM rule_version
ORDER BY kind, version

-- name: list_people
-- Who works here, and who may do what.
SELECT name, array_to_string(roles, ' ') AS roles, active, totp_since IS NOT NULL AS second_factor, created_at,
  signed_in_at FROM staff ORDER BY name
