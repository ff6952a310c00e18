-- name: insert_file
-- A file as it came; nothing returned means that these very bytes are there for that day.
INSERT INTO bill_file (file_id, source, party, day, name, sha256, lines_sha256, size_bytes, parts, lines, account, standing, origin,
  corrects, evidence_id, known_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (source, day, sha256) DO NOTHING RETURNING file_id

-- name: insert_part
-- A part of a file's bytes, packed.
INSERT INTO bill_part (file_id, n, body) VALUES ($1, $2, $3)

-- name: find_file
-- The file of a day with these very bytes.
SELECT file_id FROM bill_file WHERE source = $1 AND day = $2 AND sha256 = $3

-- name: read_file
-- What is on record of a file.
SELECT file_id, source, party, day, name, sha256, lines_sha256, size_bytes, parts, lines, account, standing, origin, corrects,
  evidence_id, known_at FROM bill_file WHERE file_id = $1

-- name: read_parts
-- A file's bytes.
SELECT body FROM bill_part WHERE file_id = $1 ORDER BY n

-- name: last_account
-- Whose the newest other file of this source is.
SELECT account FROM bill_file WHERE source = $1 AND account <> '' ORDER BY known_at DESC LIMIT 1

-- name: list_files
-- The files of one day, newest first.
SELECT file_id, source, party, day, name, sha256, lines_sha256, size_bytes, parts, lines, account, standing, origin, corrects,
  evidence_id, known_at FROM bill_file WHERE day = $1 ORDER BY source, known_at DESC

-- name: ensure_day
-- A day of a source begins to wait for its file.
INSERT INTO recon_day (source, day, party, state, holder, next_actor, since, due_at, deadline_at)
VALUES ($1, $2, $3, 'waiting', $3, $4, $5, $6, $7) ON CONFLICT (source, day) DO NOTHING

-- name: lock_day
-- One judgement of a day at a time.
SELECT source, day, party, state, file_id, asked, code, holder, next_actor, since, due_at, deadline_at, judged_at, agreed,
  totals FROM recon_day WHERE source = $1 AND day = $2 FOR UPDATE

-- name: read_day
-- How far a day of a source is.
SELECT source, day, party, state, file_id, asked, code, holder, next_actor, since, due_at, deadline_at, judged_at, agreed,
  totals FROM recon_day WHERE source = $1 AND day = $2

-- name: list_days
-- Every source's state on one day.
SELECT source, day, party, state, file_id, asked, code, holder, next_actor, since, due_at, deadline_at, judged_at, agreed,
  totals FROM recon_day WHERE day = $1 ORDER BY source

-- name: list_recent_days
-- How the last days of every source stand, newest first.
SELECT source, day, party, state, file_id, asked, code, holder, next_actor, since, due_at, deadline_at, judged_at, agreed,
  totals FROM recon_day ORDER BY day DESC, source LIMIT $1

-- name: first_opening
-- Since when the shop has had orders.
SELECT min(opened_at) FROM bucket

-- name: claim_days
-- Take days whose file is due to be fetched.
UPDATE recon_day SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE (source, day) IN (SELECT source, day FROM recon_day WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING source, day

-- name: set_asked
-- The file was asked for and did not come: why, and when it is asked for again.
UPDATE recon_day SET asked = asked + 1, code = $3, due_at = least($4, deadline_at), lease_until = NULL
WHERE source = $1 AND day = $2 AND state = 'waiting'

-- name: hand_day_over
-- The file did not come in time: a person is next. It is asked for on.
UPDATE recon_day SET next_actor = 'person', since = $3, deadline_at = $4, due_at = least($5, $4), lease_until = NULL
WHERE source = $1 AND day = $2 AND state = 'waiting'

-- name: give_day_up
-- What would tell of the day can be asked no more: it stays open, a person's, and is not asked for on.
UPDATE recon_day SET next_actor = 'person', due_at = NULL, code = $3, lease_until = NULL
WHERE source = $1 AND day = $2 AND state = 'waiting'

-- name: set_judged
-- A day was held against its file.
UPDATE recon_day SET state = $3, file_id = $4, judged_at = $5, agreed = $6, totals = $7, code = '', holder = '',
  next_actor = '', due_at = NULL, deadline_at = NULL, lease_until = NULL WHERE source = $1 AND day = $2

-- name: lock_breaks
-- Differences by their ids.
SELECT break_id, source, party, day, class, kind, key, n, stake_fen, theirs, file_id, ours, subject, state, said,
  resolution, seq, asked, holder, next_actor, since, due_at, deadline_at, found_at, resolved_at
FROM recon_break WHERE break_id = ANY ($1::text[]) ORDER BY break_id FOR UPDATE

-- name: read_break
-- One difference.
SELECT break_id, source, party, day, class, kind, key, n, stake_fen, theirs, file_id, ours, subject, state, said,
  resolution, seq, asked, holder, next_actor, since, due_at, deadline_at, found_at, resolved_at
FROM recon_break WHERE break_id = $1

-- name: list_day_breaks
-- Open differences of one day of a source.
SELECT break_id FROM recon_break WHERE source = $1 AND day = $2 AND resolved_at IS NULL

-- name: list_carried
-- Our lone entries of earlier days that wait for the next file.
SELECT break_id, source, party, day, class, kind, key, n, stake_fen, theirs, file_id, ours, subject, state, said,
  resolution, seq, asked, holder, next_actor, since, due_at, deadline_at, found_at, resolved_at
FROM recon_break WHERE source = $1 AND class = 'timing' AND day < $2 AND theirs IS NULL AND resolved_at IS NULL
  AND kind NOT IN ('settled', 'received', 'sent')
ORDER BY found_at LIMIT $3

-- name: upsert_break
-- A difference as it is found, or found again otherwise.
INSERT INTO recon_break (break_id, source, party, day, class, kind, key, n, stake_fen, theirs, file_id, ours, subject,
  state, said, resolution, seq, asked, holder, next_actor, since, due_at, deadline_at, found_at, resolved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT (break_id) DO UPDATE SET day = excluded.day, class = excluded.class, stake_fen = excluded.stake_fen,
  theirs = excluded.theirs, file_id = excluded.file_id, ours = excluded.ours, subject = excluded.subject,
  state = excluded.state, said = excluded.said, resolution = excluded.resolution, seq = excluded.seq,
  asked = excluded.asked, holder = excluded.holder, next_actor = excluded.next_actor, since = excluded.since,
  due_at = excluded.due_at, deadline_at = excluded.deadline_at, resolved_at = excluded.resolved_at, lease_until = NULL

-- name: insert_event
-- What happened to a difference.
INSERT INTO recon_event (break_id, seq, kind, at, who, evidence_id, data) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: list_events
-- A difference's history.
SELECT seq, kind, at, who, evidence_id, data FROM recon_event WHERE break_id = $1 ORDER BY seq

-- name: claim_breaks
-- Take differences whose clock rang.
UPDATE recon_break SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE break_id = ANY (ARRAY (
  SELECT break_id FROM recon_break WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING break_id

-- name: list_breaks
-- Differences by filter (empty: any), the longest waiting first.
SELECT break_id, source, party, day, class, kind, key, n, stake_fen, theirs, file_id, ours, subject, state, said,
  resolution, seq, asked, holder, next_actor, since, due_at, deadline_at, found_at, resolved_at
FROM recon_break WHERE ($1 = '' OR source = $1) AND ($2 = '' OR class = $2) AND ($3 = '' OR state = $3)
  AND ($4::date IS NULL OR day = $4) AND ($5 OR resolved_at IS NULL)
  AND ($8::timestamptz IS NULL OR found_at > $8) AND ($9::timestamptz IS NULL OR found_at <= $9)
ORDER BY resolved_at IS NOT NULL, found_at, break_id LIMIT $6 OFFSET $7

-- name: list_open_ages
-- What every open difference is and how long it waits; a bounded part, the soonest deadline first.
SELECT class, stake_fen, found_at, deadline_at FROM recon_break WHERE resolved_at IS NULL ORDER BY deadline_at LIMIT $1

-- name: count_breaks
-- Differences of a day by source, class and state, with what is at stake.
SELECT source, class, state, count(*) AS n, sum(stake_fen)::bigint AS fen FROM recon_break
WHERE ($1::date IS NULL OR day = $1) GROUP BY source, class, state ORDER BY source, class, state

-- name: paid_of_day
-- Payments booked at a channel, whose own time or whose coming lies about the day (row 3). What a bill contradicted and
-- moved to missing (row 24) is told as failed. Fees are what the register says, until the channel has settled.
-- $5: the day.
SELECT 'paid' AS kind, f.external_id AS key, f.content ->> 'payment_no' AS our_no, f.external_id AS their_no,
  l.amount_fen, (SELECT (l.amount_fen * r.rate_ppm + 500000) / 1000000 + r.fixed_fen FROM channel_register r
    WHERE r.channel = $1 AND r.rate_ppm + r.fixed_fen > 0) AS fee_fen, CASE WHEN l.gone THEN 'failed' ELSE 'done' END AS state,
  floor(extract(epoch FROM t.at))::bigint AS at_s, (t.at AT TIME ZONE 'Asia/Shanghai')::date AS day, f.subject, f.evidence_id,
  false AS carried
FROM fact f
JOIN (SELECT evidence_id, sum(amount_fen)::bigint AS amount_fen, bool_or(gone) AS gone FROM (
    SELECT p.evidence_id, p.amount_fen, EXISTS (SELECT FROM leg g WHERE g.bucket = p.bucket AND g.subject = p.subject
      AND g.posting = 'bill_lacks' AND g.party = p.party) AS gone
    FROM leg p WHERE p.at >= $2 AND p.at < $4 AND p.posting IN ('paid', 'excess', 'unexplained') AND p.place = 'channel'
      AND p.party = $1 AND p.amount_fen > 0) legs GROUP BY evidence_id) l ON l.evidence_id = f.evidence_id
CROSS JOIN LATERAL (SELECT coalesce((f.content -> 'details' ->> 'paid_at')::timestamptz, f.known_at) AS at) t
WHERE f.party = $1 AND f.kind = 'paid' AND f.known_at >= $2 AND f.known_at < $3
  AND (t.at AT TIME ZONE 'Asia/Shanghai')::date = $5

-- name: paid_by_key
-- The same for given transaction ids, whenever they came.
SELECT 'paid' AS kind, f.external_id AS key, f.content ->> 'payment_no' AS our_no, f.external_id AS their_no,
  l.amount_fen, (SELECT (l.amount_fen * r.rate_ppm + 500000) / 1000000 + r.fixed_fen FROM channel_register r
    WHERE r.channel = $1 AND r.rate_ppm + r.fixed_fen > 0) AS fee_fen, CASE WHEN l.gone THEN 'failed' ELSE 'done' END AS state,
  floor(extract(epoch FROM t.at))::bigint AS at_s, (t.at AT TIME ZONE 'Asia/Shanghai')::date AS day, f.subject, f.evidence_id,
  false AS carried
FROM fact f
CROSS JOIN LATERAL (SELECT coalesce((f.content -> 'details' ->> 'paid_at')::timestamptz, f.known_at) AS at) t
CROSS JOIN LATERAL (
  SELECT sum(p.amount_fen)::bigint AS amount_fen, bool_or(EXISTS (SELECT FROM leg g WHERE g.bucket = p.bucket
      AND g.subject = p.subject AND g.posting = 'bill_lacks' AND g.party = p.party)) AS gone
  FROM (SELECT f.bucket, f.subject UNION SELECT s.bucket, s.item_id FROM suspense s
      WHERE s.bucket = f.bucket AND s.order_id = f.subject) subjects
  JOIN leg p ON p.bucket = subjects.bucket AND p.subject = subjects.subject
  WHERE p.evidence_id = f.evidence_id AND p.posting IN ('paid', 'excess', 'unexplained') AND p.place = 'channel'
    AND p.party = $1 AND p.amount_fen > 0) l
WHERE f.party = $1 AND f.kind = 'paid' AND f.external_id = ANY ($2::text[]) AND l.amount_fen IS NOT NULL

-- name: refunds_of_day
-- Refunds that the channel took, by when it took them (row 14).
SELECT 'refund' AS kind, refund_no AS key, payment_no AS our_no, transaction_id AS their_no, amount_fen,
  NULL::bigint AS fee_fen, CASE state WHEN 'refused' THEN 'failed' WHEN 'accepted' THEN 'done' WHEN 'arrived' THEN 'done'
    ELSE 'open' END AS state,
  floor(extract(epoch FROM t.at))::bigint AS at_s, (t.at AT TIME ZONE 'Asia/Shanghai')::date AS day, order_id AS subject,
  refund_no AS evidence_id, false AS carried
FROM refund CROSS JOIN LATERAL (SELECT coalesce(accepted_at, arrived_at, planned_at) AS at) t
WHERE channel = $1 AND planned_at >= $2 AND planned_at < $3 AND state NOT IN ('ready', 'waiting_float')
  AND (t.at AT TIME ZONE 'Asia/Shanghai')::date = $4

-- name: refunds_by_key
-- The same for given refund numbers; and by the channel's own numbers what it gave back or took back by itself (row 22).
SELECT 'refund' AS kind, refund_no AS key, payment_no AS our_no, transaction_id AS their_no, amount_fen,
  NULL::bigint AS fee_fen, CASE state WHEN 'refused' THEN 'failed' WHEN 'accepted' THEN 'done' WHEN 'arrived' THEN 'done'
    ELSE 'open' END AS state,
  floor(extract(epoch FROM t.at))::bigint AS at_s, (t.at AT TIME ZONE 'Asia/Shanghai')::date AS day, order_id AS subject,
  refund_no AS evidence_id, false AS carried
FROM refund CROSS JOIN LATERAL (SELECT coalesce(accepted_at, arrived_at, planned_at) AS at) t
WHERE channel = $1 AND bucket = ANY ($2::int[]) AND refund_no = ANY ($3::text[]) AND state NOT IN ('ready', 'waiting_float')
UNION ALL
SELECT 'refund', f.external_id, coalesce(f.content ->> 'payment_no', ''), coalesce(f.content ->> 'transaction_id', ''),
  (f.content ->> 'amount_fen')::bigint, NULL::bigint, 'done', floor(extract(epoch FROM t.at))::bigint,
  (t.at AT TIME ZONE 'Asia/Shanghai')::date, f.subject, f.evidence_id, false
FROM fact f JOIN applied a ON a.bucket = f.bucket AND a.key = f.kind || ':' || f.party || ':' || f.external_id
CROSS JOIN LATERAL (SELECT coalesce(to_timestamp((f.content ->> 'at_s')::bigint), f.known_at) AS at) t
WHERE f.party = $1 AND f.kind IN ('refunded_outside', 'charged_back') AND f.external_id = ANY ($3::text[])

-- name: supply_of_day
-- Attempts at a supplier by when they were sent; what the supplier was paid for them stands in the ledger (row 7).
SELECT 'supply' AS kind, a.attempt_no AS key, a.attempt_no AS our_no, a.supplier_order_id AS their_no,
  coalesce(l.amount_fen, a.cost_fen) AS amount_fen, NULL::bigint AS fee_fen,
  CASE WHEN a.state = 'succeeded' THEN 'done' WHEN a.state IN ('refused', 'reversed', 'cancelled') THEN 'failed' ELSE 'open' END AS state,
  floor(extract(epoch FROM a.sent_at))::bigint AS at_s, (a.sent_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
  a.order_id AS subject, a.attempt_no AS evidence_id, false AS carried
FROM supply_attempt a
LEFT JOIN LATERAL (SELECT nullif(sum(g.amount_fen), 0)::bigint AS amount_fen FROM leg g WHERE g.bucket = a.bucket
  AND g.subject = a.order_id AND g.place = 'supplier.settled' AND g.party = a.supplier || '#' || a.n) l ON true
WHERE a.supplier = $1 AND a.planned_at >= $2 AND a.planned_at < $3 AND a.sent_at IS NOT NULL
  AND (a.sent_at AT TIME ZONE 'Asia/Shanghai')::date = $4

-- name: supply_by_key
-- The same for given attempt numbers.
SELECT 'supply' AS kind, a.attempt_no AS key, a.attempt_no AS our_no, a.supplier_order_id AS their_no,
  coalesce(l.amount_fen, a.cost_fen) AS amount_fen, NULL::bigint AS fee_fen,
  CASE WHEN a.state = 'succeeded' THEN 'done' WHEN a.state IN ('refused', 'reversed', 'cancelled') THEN 'failed' ELSE 'open' END AS state,
  floor(extract(epoch FROM a.sent_at))::bigint AS at_s, (a.sent_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
  a.order_id AS subject, a.attempt_no AS evidence_id, false AS carried
FROM supply_attempt a
LEFT JOIN LATERAL (SELECT nullif(sum(g.amount_fen), 0)::bigint AS amount_fen FROM leg g WHERE g.bucket = a.bucket
  AND g.subject = a.order_id AND g.place = 'supplier.settled' AND g.party = a.supplier || '#' || a.n) l ON true
WHERE a.supplier = $1 AND a.bucket = ANY ($2::int[]) AND a.attempt_no = ANY ($3::text[]) AND a.sent_at IS NOT NULL

-- name: list_issued
-- Which numbers are ours: payments, refunds and attempts, by their buckets.
SELECT payment_no AS our_no FROM payment WHERE bucket = ANY ($1::int[]) AND payment_no = ANY ($2::text[])
UNION SELECT refund_no FROM refund WHERE bucket = ANY ($1::int[]) AND refund_no = ANY ($2::text[])
UNION SELECT attempt_no FROM supply_attempt WHERE bucket = ANY ($1::int[]) AND attempt_no = ANY ($2::text[])

-- name: sum_postings
-- What was posted on a day, by kind of posting.
SELECT posting, count(DISTINCT (bucket, subject, seq)) AS n, coalesce(sum(amount_fen) FILTER (WHERE amount_fen > 0), 0)::bigint AS fen
FROM leg WHERE at >= $1 AND at < $2 GROUP BY posting ORDER BY posting

-- name: sum_open
-- Open differences by class, with what is at stake and the oldest.
SELECT source, class, count(*) AS n, sum(stake_fen)::bigint AS fen, min(found_at) AS oldest_at FROM recon_break
WHERE resolved_at IS NULL AND day <= $1 GROUP BY source, class ORDER BY source, class

-- name: sum_ended
-- How the day's differences ended.
SELECT source, class, resolution, count(*) AS n, sum(stake_fen)::bigint AS fen FROM recon_break
WHERE resolved_at IS NOT NULL AND day = $1 GROUP BY source, class, resolution ORDER BY source, class, resolution

-- name: list_open_heads
-- Open differences for the report, the largest first.
SELECT break_id, source, class, kind, key, stake_fen, state, next_actor, deadline_at, day FROM recon_break
WHERE resolved_at IS NULL AND day <= $1 ORDER BY stake_fen DESC, break_id LIMIT $2

-- name: last_report
-- The newest report of a day.
SELECT day, n, json_sha256, pdf_sha256, body_json, body_pdf, made_at FROM closing_report WHERE day = $1 ORDER BY n DESC LIMIT 1

-- name: list_reports
-- Which days have a report, newest first.
SELECT DISTINCT ON (day) day, n, json_sha256, pdf_sha256, made_at FROM closing_report ORDER BY day DESC, n DESC LIMIT $1

-- name: insert_report
-- A report as made.
INSERT INTO closing_report (day, n, json_sha256, pdf_sha256, body_json, body_pdf, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: closable_day
-- The oldest judged day without a report, all of whose fetched files are in; or whose files are late beyond $1.
SELECT d.day FROM recon_day d GROUP BY d.day
HAVING (bool_and(d.state <> 'waiting' OR d.next_actor = 'person') OR d.day < $1) AND bool_or(d.state <> 'waiting')
  AND NOT EXISTS (SELECT FROM closing_report c WHERE c.day = d.day)
ORDER BY d.day LIMIT 1

-- name: read_supplier_money
-- What of ours is at a supplier by the ledger: free, reserved for orders it may not have charged yet, and on its way there.
SELECT coalesce(sum(amount_fen) FILTER (WHERE place = 'supplier.free'), 0)::bigint AS free_fen,
  coalesce(sum(amount_fen) FILTER (WHERE place = 'supplier.reserved'), 0)::bigint AS reserved_fen,
  coalesce(sum(amount_fen) FILTER (WHERE place = 'transit.topup'), 0)::bigint AS topup_fen,
  count(*) AS legs
FROM leg WHERE (place IN ('supplier.free', 'transit.topup') AND party = $1 AND owner = 'F')
  OR (place = 'supplier.reserved' AND party LIKE $1 || '#%')

-- name: list_banks
-- Banks with an account of ours.
SELECT DISTINCT bank FROM bank_account ORDER BY bank

-- name: is_bank_day_told
-- Whether every account of a bank that ever had a statement has one that reaches to a day.
SELECT coalesce(bool_and(reaches), false) FROM (
  SELECT max(s.closed_on) >= $2 AS reaches FROM bank_statement s JOIN bank_account a ON a.account = s.account
  WHERE a.bank = $1 GROUP BY s.account) accounts

-- name: is_payout_expected
-- Whether a payout that was announced for a day, or before, has not shown at the bank.
SELECT EXISTS (SELECT FROM settlement_batch WHERE bank = $1 AND day <= $2 AND bank_fen IS NULL AND payout_fen > 0
  AND state <> 'closed')

-- name: reopen_bank_days
-- A statement that came after a day was judged has lines of that day.
UPDATE recon_day d SET due_at = $1 WHERE d.source LIKE 'bank.%' AND d.state <> 'waiting' AND d.due_at IS NULL
  AND d.judged_at > $2 AND EXISTS (
    SELECT FROM bank_statement s JOIN bank_account a ON a.account = s.account
    JOIN bank_line l ON l.account = s.account AND l.statement_id = s.statement_id
    WHERE a.bank = d.party AND s.imported_at > d.judged_at AND l.booked_on = d.day)

-- name: list_overdue_differences
-- Differences and fetched bills that wait for a person and are past that person's time.
SELECT 'difference' AS kind, break_id AS key, subject, state, next_actor, deadline_at FROM recon_break
WHERE resolved_at IS NULL AND deadline_at <= $1 AND state = 'person' LIMIT 200

-- name: extend_difference
-- Its time is over and on record; it has another.
UPDATE recon_break SET deadline_at = $3 WHERE break_id = $1 AND deadline_at = $2 AND state = 'person' RETURNING break_id

-- name: list_bank_lines
-- A bank's lines of a day, by where they stand.
SELECT '*' || right(l.account, 4) || '/' || l.statement_id || '/' || l.position AS line, l.booked_on, l.amount_fen, l.reference,
  l.counterparty, l.purpose, s.evidence_id
FROM bank_line l JOIN bank_account a ON a.account = l.account
JOIN bank_statement s ON s.account = l.account AND s.statement_id = l.statement_id
WHERE a.bank = $1 AND l.booked_on = $2 ORDER BY l.account, s.n, l.position

-- name: bank_of_day
-- What the ledger has for the bank's lines of a day: of a payout what the channel said, of an instruction what was instructed,
-- else what was booked; and the day's payouts that no line showed yet.
SELECT kind, coalesce(nullif(reference, ''), line) AS key, coalesce(nullif(reference, ''), line) AS our_no, line AS their_no,
  coalesce(amount_fen, 0) AS amount_fen, NULL::bigint AS fee_fen, 'done' AS state,
  floor(extract(epoch FROM (day + time '12:00') AT TIME ZONE 'Asia/Shanghai'))::bigint AS at_s, day, subject, evidence_id,
  false AS carried
FROM (
  SELECT CASE WHEN l.amount_fen >= 0 THEN 'received' ELSE 'sent' END AS kind, l.reference,
    '*' || right(l.account, 4) || '/' || l.statement_id || '/' || l.position AS line, CASE t.used_for
      WHEN 'batch' THEN (SELECT b.payout_fen FROM settlement_batch b WHERE b.channel || ':' || b.batch_id = t.subject)
      WHEN 'instruction' THEN (SELECT i.amount_fen FROM instruction i WHERE i.instruction_id = t.subject)
      ELSE (SELECT abs(sum(g.amount_fen))::bigint FROM leg g WHERE g.bucket = 0 AND g.subject = t.subject
        AND g.place = 'custody' AND g.party = t.bank) END AS amount_fen,
    l.booked_on AS day, t.subject, s.evidence_id
  FROM bank_task t
  JOIN bank_line l ON l.account = t.account AND l.statement_id = t.statement_id AND l.position = t.position
  JOIN bank_statement s ON s.account = t.account AND s.statement_id = t.statement_id
  WHERE t.bank = $1 AND t.state = 'booked' AND l.booked_on = $2
  UNION ALL
  SELECT 'received', b.reference, b.channel || ':' || b.batch_id, b.payout_fen, b.day, b.channel || ':' || b.batch_id,
    b.evidence_id
  FROM settlement_batch b WHERE b.bank = $1 AND b.day = $2 AND b.bank_fen IS NULL AND b.payout_fen > 0) entries

-- name: list_fixed_references
-- Which references are ours: of payouts that channels announced, of our instructions.
SELECT reference AS our_no FROM settlement_batch WHERE reference = ANY ($1::text[])
UNION SELECT instruction_id FROM instruction WHERE instruction_id = ANY ($1::text[])

-- name: payouts_of_day
-- What a channel paid out by its settlement lists, by the day of the list.
SELECT 'settled' AS kind, reference AS key, reference AS our_no, batch_id AS their_no, payout_fen AS amount_fen,
  NULL::bigint AS fee_fen, 'done' AS state,
  floor(extract(epoch FROM (day + time '12:00') AT TIME ZONE 'Asia/Shanghai'))::bigint AS at_s, day,
  channel || ':' || batch_id AS subject, evidence_id, false AS carried
FROM settlement_batch WHERE channel = $1 AND day = $2 AND payout_fen > 0

-- name: payouts_by_key
-- The same for given references.
SELECT 'settled' AS kind, reference AS key, reference AS our_no, batch_id AS their_no, payout_fen AS amount_fen,
  NULL::bigint AS fee_fen, 'done' AS state,
  floor(extract(epoch FROM (day + time '12:00') AT TIME ZONE 'Asia/Shanghai'))::bigint AS at_s, day,
  channel || ':' || batch_id AS subject, evidence_id, false AS carried
FROM settlement_batch WHERE channel = $1 AND reference = ANY ($2::text[]) AND payout_fen > 0

-- name: stand_of_reference
-- How one reference (or a line without one, by its place) stands by now: how many lines there are, how many of them wait to be
-- booked, what they come to, and what was announced or instructed under it.
SELECT count(*) AS lines, count(*) FILTER (WHERE t.state <> 'booked') AS waiting,
  coalesce(sum(t.amount_fen), 0)::bigint AS lines_fen,
  (SELECT sum(fen)::bigint FROM (
    SELECT payout_fen AS fen FROM settlement_batch WHERE bank = $1 AND reference = $2
    UNION ALL SELECT -amount_fen FROM instruction WHERE bank = $1 AND instruction_id = $2) told) AS told_fen
FROM bank_task t WHERE t.bank = $1 AND (t.reference = $2
  OR '*' || right(t.account, 4) || '/' || t.statement_id || '/' || t.position = $2)
