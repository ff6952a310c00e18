-- name: insert_dispute
-- Put a dispute on record, its clocks running; the order's lock is held.
INSERT INTO dispute (bucket, dispute_id, order_id, n, kind, source, channel, complaint_no, wish, state, opened_at, round_at,
  since, first_by, solution_by, final_by, outside_by, holder, next_actor, due_at, deadline_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, $10, $10, $11, $12, $13, $14, 'shop', 'shop', $15, $16)

-- name: lock_dispute
-- One dispute with its lock; its order's was taken before.
SELECT * FROM dispute WHERE bucket = $1 AND dispute_id = $2 FOR UPDATE

-- name: read_dispute
-- One dispute as it stands.
SELECT * FROM dispute WHERE bucket = $1 AND dispute_id = $2

-- name: list_disputes
-- An order's disputes, newest first.
SELECT * FROM dispute WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 40

-- name: find_complaint
-- The dispute that a channel's complaint belongs to.
SELECT * FROM dispute WHERE bucket = $1 AND channel = $2 AND complaint_no = $3

-- name: update_dispute
-- Write what a visit or a word changed; the lock is held. The trigger holds the clocks.
UPDATE dispute SET wish = $3, state = $4, said = $5, round = $6, round_at = $7, since = $8, first_by = $9,
  solution_by = $10, final_by = $11, outside_by = $12, first_at = $13, solution_at = $14, missed = $15, reminded_at = $16,
  paused_at = $17, paused = $18, pauses = $19, remedy = $20, amount_fen = $21, carried = $22, held = $23, role = $24,
  outcome = $25, closed_at = $26, holder = $27, next_actor = $28, due_at = $29, deadline_at = $30, channel = $31,
  complaint_no = $32, lease_until = NULL
WHERE bucket = $1 AND dispute_id = $2

-- name: insert_message
-- What was said or done, with the number that it has in the dispute.
INSERT INTO dispute_message (bucket, dispute_id, n, at, speaker, name, kind, text_enc, remedy, amount_fen, data, files,
  evidence_id, external_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: find_message
-- A message that the channel already gave us.
SELECT n FROM dispute_message WHERE bucket = $1 AND dispute_id = $2 AND external_id = $3

-- name: list_messages
-- The conversation after a number, oldest first.
SELECT n, at, speaker, name, kind, text_enc, remedy, amount_fen, data, files, evidence_id, external_id
FROM dispute_message WHERE bucket = $1 AND dispute_id = $2 AND n > $3 ORDER BY n LIMIT 400

-- name: sum_charged
-- What a channel said in disputes that it took back of an order, less what it gave again.
SELECT coalesce(sum(CASE m.kind WHEN 'chargeback_won' THEN -m.amount_fen ELSE m.amount_fen END), 0)::bigint
FROM dispute d JOIN dispute_message m ON m.bucket = d.bucket AND m.dispute_id = d.dispute_id
WHERE d.bucket = $1 AND d.order_id = $2 AND m.kind IN ('charged_back', 'refunded_outside', 'chargeback_won')

-- name: claim_disputes
-- Take disputes whose clock rang.
UPDATE dispute SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND dispute_id = ANY (ARRAY (
  SELECT dispute_id FROM dispute WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING dispute_id, lease_generation

-- name: read_dispute_lease
-- Under which claim a dispute is visited now.
SELECT lease_generation FROM dispute WHERE bucket = $1 AND dispute_id = $2 FOR UPDATE

-- name: wake_disputes
-- The order's money or goods moved: look at its open disputes soon.
UPDATE dispute SET due_at = least(due_at, $3) WHERE bucket = $1 AND order_id = $2 AND closed_at IS NULL

-- name: list_open_disputes
-- What is at no end, soonest deadline first.
SELECT * FROM dispute WHERE closed_at IS NULL ORDER BY deadline_at LIMIT $1

-- name: list_latest_disputes
-- The newest that are at an end.
SELECT * FROM dispute WHERE closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT $1

-- name: count_public
-- What anybody may know: how many, how they ended, how long the first answer took.
SELECT count(*) FILTER (WHERE opened_at >= $1) AS opened, count(*) FILTER (WHERE closed_at >= $1) AS closed,
  count(*) FILTER (WHERE closed_at IS NULL) AS still_open,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first_at - opened_at))
    FILTER (WHERE first_at >= $1 AND round = 1) AS answer_p50_s,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM first_at - opened_at))
    FILTER (WHERE first_at >= $1 AND round = 1) AS answer_p90_s
FROM dispute WHERE opened_at >= $1 OR closed_at >= $1 OR closed_at IS NULL

-- name: count_outcomes
-- How those that are at an end ended.
SELECT outcome, count(*) AS n FROM dispute WHERE closed_at >= $1 GROUP BY outcome ORDER BY outcome

-- name: count_breaches
-- Terms that were missed, by stage; from the public record, which nobody can change.
SELECT state AS stage, count(*) AS n FROM breach WHERE kind = 'dispute' AND late_actor = 'shop' AND at >= $1
GROUP BY state ORDER BY state

-- name: insert_report
-- An entry for the regulator: a term that was missed.
INSERT INTO dispute_report (bucket, dispute_id, round, stage, deadline_at, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: list_reports
-- What the regulator reads since a moment: which dispute missed which term, and where it stands.
SELECT r.dispute_id, r.round, r.stage, r.deadline_at, r.at, d.order_id, d.kind, d.source, d.channel, d.state, d.outcome,
  d.remedy, d.amount_fen
FROM dispute_report r JOIN dispute d ON d.bucket = r.bucket AND d.dispute_id = r.dispute_id
WHERE r.at >= $1 ORDER BY r.at DESC LIMIT $2

-- name: list_clocks
-- The clocks of what is open, for dashboards: bounded.
SELECT next_actor, deadline_at, missed, first_at, solution_at FROM dispute WHERE closed_at IS NULL
ORDER BY deadline_at LIMIT 2000
