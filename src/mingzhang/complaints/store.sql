-- name: hear_complaint
-- Somebody told of a complaint, or that it changed: read it now.
INSERT INTO complaint (channel, complaint_no, known_at, due_at) VALUES ($1, $2, $3, $3)
ON CONFLICT (channel, complaint_no) DO UPDATE SET due_at = least(complaint.due_at, excluded.due_at), lease_until = NULL

-- name: hear_change
-- The channel's list shows it in another way than we know it, or we do not know it: read it now.
INSERT INTO complaint (channel, complaint_no, known_at, due_at) VALUES ($1, $2, $5, $5)
ON CONFLICT (channel, complaint_no) DO UPDATE SET due_at = least(complaint.due_at, excluded.due_at)
  WHERE complaint.word <> $3 OR complaint.waits <> $4

-- name: claim_complaints
-- Take complaints whose clock rang, and those whose case went on (not more often than every $6).
UPDATE complaint SET lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE (channel, complaint_no) IN (
  SELECT c.channel, c.complaint_no FROM complaint c
  LEFT JOIN dispute d ON d.bucket = c.bucket AND d.dispute_id = c.dispute_id AND c.dispute_id <> ''
  WHERE c.channel = ANY ($1::text[]) AND c.due_at IS NOT NULL AND (c.lease_until IS NULL OR c.lease_until < $2)
    AND (c.due_at <= $2 OR (d.said > c.sent_to OR d.state <> c.case_state) AND c.tried_at <= $6)
  ORDER BY c.due_at LIMIT $3 FOR UPDATE OF c SKIP LOCKED)
RETURNING channel, complaint_no, lease_generation

-- name: read_complaint_lease
-- Under which claim of a worker it is visited now.
SELECT lease_generation FROM complaint WHERE channel = $1 AND complaint_no = $2 FOR UPDATE

-- name: read_complaint
-- One complaint as we know it.
SELECT * FROM complaint WHERE channel = $1 AND complaint_no = $2

-- name: set_read
-- How the channel tells it now.
UPDATE complaint SET state = $3, word = $4, wish = $5, made_at = $6, changed_at = $7, transaction_id = $8, payment_no = $9,
  amount_fen = $10, asked_fen = $11, waits = $12, refunded = $13, words_enc = $14, phone_enc = $15, phone_mask = $16,
  images = $17, first_by = $18, solved_by = $19, read_at = $20, tried_at = $20, failures = 0, code = '',
  evidence_id = CASE WHEN $21 = '' THEN evidence_id ELSE $21 END
WHERE channel = $1 AND complaint_no = $2

-- name: set_unread
-- It could not be read, or is not there; when it is tried again (null: not).
UPDATE complaint SET state = CASE WHEN $6 THEN 'not_there' ELSE state END, failures = failures + 1, code = $3, tried_at = $4,
  due_at = $5, lease_until = NULL
WHERE channel = $1 AND complaint_no = $2

-- name: set_bound
-- Which order it is about, by its numbers or by a member of staff.
UPDATE complaint SET bucket = $3, order_id = $4, bound_by = $5, due_at = least(due_at, $6)
WHERE channel = $1 AND complaint_no = $2 AND order_id = ''
RETURNING complaint_no

-- name: set_case
-- The case that it opened or joined.
UPDATE complaint SET dispute_id = $3, sent_to = $4, due_at = least(due_at, $5), tried_at = $5
WHERE channel = $1 AND complaint_no = $2

-- name: set_looked
-- The visit is over: how far the case was looked at, and when it is read again (null: over at both ends).
UPDATE complaint SET sent_to = $3, case_state = $4, answered_at = coalesce(answered_at, $5), due_at = $6, tried_at = $7,
  lease_until = NULL
WHERE channel = $1 AND complaint_no = $2

-- name: insert_line
-- A line of the negotiation, once.
INSERT INTO complaint_line (channel, complaint_no, line_id, speaker, word, at, text_enc, images, opens, known_at, evidence_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING line_id

-- name: list_lines
-- The negotiation, oldest first.
SELECT line_id, speaker, word, at, text_enc, images, opens, known_at, evidence_id, poured FROM complaint_line
WHERE channel = $1 AND complaint_no = $2 ORDER BY at, line_id LIMIT 400

-- name: set_poured
-- It stands in the case, or is our own.
UPDATE complaint_line SET poured = true WHERE channel = $1 AND complaint_no = $2 AND line_id = $3

-- name: insert_act
-- What is to be done there, before it is tried.
INSERT INTO complaint_act (channel, complaint_no, key, n, act, text_enc, files, approved, planned_at)
SELECT $1, $2, $3, coalesce(max(n), 0) + 1, $4, $5, $6, $7, $8 FROM complaint_act WHERE channel = $1 AND complaint_no = $2
ON CONFLICT DO NOTHING

-- name: list_acts
-- What we did and have to do there, in order: the newest of it, where it is more than a negotiation can hold.
SELECT key, n, act, state, text_enc, files, approved, planned_at, asked, asked_at, ended_at, code, line_id, evidence_id
FROM (SELECT * FROM complaint_act WHERE channel = $1 AND complaint_no = $2 ORDER BY n DESC LIMIT 400) newest ORDER BY n

-- name: list_act_texts
-- What stands under the keys of one answer of the staff, part by part.
SELECT text_enc FROM complaint_act WHERE channel = $1 AND complaint_no = $2 AND key LIKE $3 || '.%' ORDER BY n

-- name: set_act_sending
-- From here on a missing answer is unknown.
UPDATE complaint_act SET state = 'sending', asked = asked + 1, asked_at = $4
WHERE channel = $1 AND complaint_no = $2 AND key = $3 AND state = 'intent' RETURNING key

-- name: set_act
-- How it ended, or that nobody knows. A final state stays.
UPDATE complaint_act SET state = $4, code = $5, ended_at = $6, evidence_id = CASE WHEN $7 = '' THEN evidence_id ELSE $7 END
WHERE channel = $1 AND complaint_no = $2 AND key = $3 AND ended_at IS NULL

-- name: set_act_line
-- It stands in the channel's negotiation: the buyer can read it.
UPDATE complaint_act SET line_id = $4 WHERE channel = $1 AND complaint_no = $2 AND key = $3

-- name: list_acts_of
-- What we did about several complaints.
SELECT a.channel, a.complaint_no, a.key, a.n, a.act, a.state, a.text_enc, a.files, a.approved, a.planned_at, a.asked,
  a.asked_at, a.ended_at, a.code, a.line_id, a.evidence_id
FROM unnest($1::text[], $2::text[]) AS w (channel, complaint_no) JOIN complaint_act a USING (channel, complaint_no)
ORDER BY a.n LIMIT 4000

-- name: count_lines_of
-- How many lines several negotiations have.
SELECT l.channel, l.complaint_no, count(*) AS lines
FROM unnest($1::text[], $2::text[]) AS w (channel, complaint_no) JOIN complaint_line l USING (channel, complaint_no)
GROUP BY l.channel, l.complaint_no

-- name: list_unbound
-- Complaints that nobody could bind, and those that are open, the soonest clock first; then the newest of the rest.
SELECT * FROM complaint WHERE state <> 'not_there'
ORDER BY order_id <> '' OR state IN ('done', 'withdrawn'), state IN ('done', 'withdrawn'),
  CASE WHEN answered_at IS NULL THEN first_by ELSE solved_by END, known_at DESC LIMIT $1

-- name: count_waiting
-- How many wait for a person: bound to no order, with a reply that the channel did not take, or gone on after their case's
-- end.
SELECT count(*) FROM (SELECT 1 FROM complaint c WHERE c.state IN ('waiting', 'answered', 'outside', 'unknown')
  AND (c.order_id = '' OR EXISTS (SELECT 1 FROM complaint_act a WHERE a.channel = c.channel
    AND a.complaint_no = c.complaint_no AND a.state = 'refused' AND a.act = 'reply')
  OR c.waits AND c.case_state = 'closed' AND NOT EXISTS (SELECT 1 FROM complaint_act a WHERE a.channel = c.channel
    AND a.complaint_no = c.complaint_no AND (a.ended_at IS NULL OR a.ended_at >= c.read_at))) LIMIT $1) waiting

-- name: list_gone_on
-- Whose complainants went on after their case's end, which can be reopened no more: nothing of ours was done since.
SELECT c.* FROM complaint c WHERE c.state IN ('waiting', 'answered', 'outside', 'unknown') AND c.waits
  AND c.case_state = 'closed' AND NOT EXISTS (SELECT 1 FROM complaint_act a WHERE a.channel = c.channel
    AND a.complaint_no = c.complaint_no AND (a.ended_at IS NULL OR a.ended_at >= c.read_at))
ORDER BY c.solved_by LIMIT $1

-- name: list_of_order
-- The complaints about an order, oldest first.
SELECT * FROM complaint WHERE bucket = $1 AND order_id = $2 ORDER BY known_at LIMIT 20

-- name: ensure_pass
-- Have a channel's list passed over.
INSERT INTO complaint_pass (channel, due_at) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: claim_complaint_passes
-- Take channels whose list is due.
UPDATE complaint_pass SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE channel IN (SELECT channel FROM complaint_pass WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  AND channel = ANY ($2::text[]) ORDER BY due_at FOR UPDATE SKIP LOCKED)
RETURNING channel

-- name: read_pass
-- Which address the channel was told, and when its list was read.
SELECT told_url, read_at FROM complaint_pass WHERE channel = $1

-- name: set_pass
-- The list was read, or was not; when it is read again.
UPDATE complaint_pass SET told_url = $2, read_at = coalesce($3, read_at), code = $4, due_at = $5, lease_until = NULL
WHERE channel = $1
