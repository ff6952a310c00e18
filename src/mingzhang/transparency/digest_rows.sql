-- What the digests of the public record cover, table by table (docs/transparency.md): each row's name, its time, and the
-- SHA-256 of its columns. Columns that an erasure may empty stay out; `digest.LEFT_OUT` names them.

-- name: rows_account_correction
-- Rows of account_correction by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.order_id, t.n) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.order_id, t.n, t.seq, t.reason, t.at)::text, 'UTF8')) AS hash
FROM account_correction t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.bucket, t.order_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_applied
-- Rows of applied by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.key) AS key, t.applied_at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.key, encode(t.request_hash, 'hex'), t.result,
  t.applied_at)::text, 'UTF8')) AS hash
FROM applied t
WHERE t.applied_at >= $1 AND t.applied_at < $2
ORDER BY t.applied_at, (concat_ws('/', t.bucket, t.key)) COLLATE "C" LIMIT $3

-- name: rows_attachment
-- Rows of attachment by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.attachment_id) AS key, t.kept_at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.attachment_id, t.owner, encode(t.sha256, 'hex'), t.size_bytes,
  t.kept_at)::text, 'UTF8')) AS hash
FROM attachment t
WHERE t.kept_at >= $1 AND t.kept_at < $2
ORDER BY t.kept_at, (concat_ws('/', t.bucket, t.attachment_id)) COLLATE "C" LIMIT $3

-- name: rows_audit_checkpoint
-- Rows of audit_checkpoint by time: name, time, hash.
SELECT t.run_id AS key, r.started_at AS at,
  sha256(convert_to(jsonb_build_array(t.run_id, t.closed_to, t.orders)::text, 'UTF8')) AS hash
FROM audit_checkpoint t JOIN audit_run r ON r.run_id = t.run_id
WHERE r.started_at >= $1 AND r.started_at < $2
ORDER BY r.started_at, (t.run_id) COLLATE "C" LIMIT $3

-- name: rows_audit_run
-- Rows of audit_run by time: name, time, hash.
SELECT t.run_id AS key, t.started_at AS at,
  sha256(convert_to(jsonb_build_array(t.run_id, t.scope, t.started_at, t.covered_to, t.findings,
  t.subjects)::text, 'UTF8')) AS hash
FROM audit_run t
WHERE t.started_at >= $1 AND t.started_at < $2
ORDER BY t.started_at, (t.run_id) COLLATE "C" LIMIT $3

-- name: rows_audit_total
-- Rows of audit_total by time: name, time, hash.
SELECT concat_ws('/', t.run_id, t.place, t.party, t.owner) AS key, r.started_at AS at,
  sha256(convert_to(jsonb_build_array(t.run_id, t.place, t.party, t.owner, t.amount_fen)::text, 'UTF8')) AS hash
FROM audit_total t JOIN audit_run r ON r.run_id = t.run_id
WHERE r.started_at >= $1 AND r.started_at < $2
ORDER BY r.started_at, (concat_ws('/', t.run_id, t.place, t.party, t.owner)) COLLATE "C" LIMIT $3

-- name: rows_bank_file
-- Rows of bank_file by time: name, time, hash.
SELECT encode(t.sha256, 'hex') AS key, t.imported_at AS at,
  sha256(convert_to(jsonb_build_array(encode(t.sha256, 'hex'), t.name, t.format, encode(t.body, 'hex'),
  t.evidence_id, t.imported_by, t.imported_at)::text, 'UTF8')) AS hash
FROM bank_file t
WHERE t.imported_at >= $1 AND t.imported_at < $2
ORDER BY t.imported_at, (encode(t.sha256, 'hex')) COLLATE "C" LIMIT $3

-- name: rows_bank_line
-- Rows of bank_line by time: name, time, hash.
SELECT concat_ws('/', t.account, t.statement_id, t.position) AS key, s.imported_at AS at,
  sha256(convert_to(jsonb_build_array(t.account, t.statement_id, t.position, t.booked_on, t.amount_fen,
  t.reference, t.bank_reference, t.counterparty, t.counterparty_account, t.purpose, t.reversal)::text, 'UTF8')) AS
  hash
FROM bank_line t JOIN bank_statement s ON s.account = t.account AND s.statement_id = t.statement_id
WHERE s.imported_at >= $1 AND s.imported_at < $2
ORDER BY s.imported_at, (concat_ws('/', t.account, t.statement_id, t.position)) COLLATE "C" LIMIT $3

-- name: rows_bank_statement
-- Rows of bank_statement by time: name, time, hash.
SELECT concat_ws('/', t.account, t.statement_id) AS key, t.imported_at AS at,
  sha256(convert_to(jsonb_build_array(t.account, t.statement_id, t.n, t.opened_on, t.closed_on, t.opening_fen,
  t.closing_fen, t.lines, encode(t.content_hash, 'hex'), encode(t.sha256, 'hex'), t.evidence_id,
  t.imported_at)::text, 'UTF8')) AS hash
FROM bank_statement t
WHERE t.imported_at >= $1 AND t.imported_at < $2
ORDER BY t.imported_at, (concat_ws('/', t.account, t.statement_id)) COLLATE "C" LIMIT $3

-- name: rows_bill_file
-- Rows of bill_file by time: name, time, hash.
SELECT t.file_id AS key, t.known_at AS at,
  sha256(convert_to(jsonb_build_array(t.file_id, t.source, t.party, t.day, t.name, encode(t.sha256, 'hex'),
  encode(t.lines_sha256, 'hex'), t.size_bytes, t.parts, t.lines, t.account, t.standing, t.origin, t.corrects,
  t.evidence_id, t.known_at)::text, 'UTF8')) AS hash
FROM bill_file t
WHERE t.known_at >= $1 AND t.known_at < $2
ORDER BY t.known_at, (t.file_id) COLLATE "C" LIMIT $3

-- name: rows_bill_part
-- Rows of bill_part by time: name, time, hash.
SELECT concat_ws('/', t.file_id, t.n) AS key, f.known_at AS at,
  sha256(convert_to(jsonb_build_array(t.file_id, t.n, encode(t.body, 'hex'))::text, 'UTF8')) AS hash
FROM bill_part t JOIN bill_file f ON f.file_id = t.file_id
WHERE f.known_at >= $1 AND f.known_at < $2
ORDER BY f.known_at, (concat_ws('/', t.file_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_breach
-- Rows of breach by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.kind, t.key, t.deadline_at) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.kind, t.key, t.deadline_at, t.subject, t.state, t.late_actor,
  t.next_actor, t.at)::text, 'UTF8')) AS hash
FROM breach t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.bucket, t.kind, t.key, t.deadline_at)) COLLATE "C" LIMIT $3

-- name: rows_card
-- Rows of card by time: name, time, hash.
SELECT concat_ws('/', t.batch_id, t.n) AS key, b.added_at AS at,
  sha256(convert_to(jsonb_build_array(t.batch_id, t.n, encode(t.card_hash, 'hex'))::text, 'UTF8')) AS hash
FROM card t JOIN card_batch b ON b.batch_id = t.batch_id
WHERE b.added_at >= $1 AND b.added_at < $2
ORDER BY b.added_at, (concat_ws('/', t.batch_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_card_batch
-- Rows of card_batch by time: name, time, hash.
SELECT t.batch_id AS key, t.added_at AS at,
  sha256(convert_to(jsonb_build_array(t.batch_id, t.product, t.unit_cost_fen, t.expires_at, t.reusable, t.cards,
  t.skipped, t.source, encode(t.request_hash, 'hex'), t.added_by, t.added_at, t.money, t.paid_to,
  t.evidence_id)::text, 'UTF8')) AS hash
FROM card_batch t
WHERE t.added_at >= $1 AND t.added_at < $2
ORDER BY t.added_at, (t.batch_id) COLLATE "C" LIMIT $3

-- name: rows_card_claim
-- Rows of card_claim by time: name, time, hash.
SELECT t.attempt_no AS key, t.claimed_at AS at,
  sha256(convert_to(jsonb_build_array(t.attempt_no, t.product, t.quantity, t.state, t.reason, t.cost_fen,
  t.claimed_at)::text, 'UTF8')) AS hash
FROM card_claim t
WHERE t.claimed_at >= $1 AND t.claimed_at < $2
ORDER BY t.claimed_at, (t.attempt_no) COLLATE "C" LIMIT $3

-- name: rows_card_claim_item
-- Rows of card_claim_item by time: name, time, hash.
SELECT concat_ws('/', t.attempt_no, t.k) AS key, c.claimed_at AS at,
  sha256(convert_to(jsonb_build_array(t.attempt_no, t.k, t.batch_id, t.n, t.reusable)::text, 'UTF8')) AS hash
FROM card_claim_item t JOIN card_claim c ON c.attempt_no = t.attempt_no
WHERE c.claimed_at >= $1 AND c.claimed_at < $2
ORDER BY c.claimed_at, (concat_ws('/', t.attempt_no, t.k)) COLLATE "C" LIMIT $3

-- name: rows_card_code
-- Rows of card_code by time: name, time, hash.
SELECT encode(t.card_hash, 'hex') AS key, b.added_at AS at,
  sha256(convert_to(jsonb_build_array(encode(t.card_hash, 'hex'), t.batch_id, t.line)::text, 'UTF8')) AS hash
FROM card_code t JOIN card_batch b ON b.batch_id = t.batch_id
WHERE b.added_at >= $1 AND b.added_at < $2
ORDER BY b.added_at, (encode(t.card_hash, 'hex')) COLLATE "C" LIMIT $3

-- name: rows_card_exit
-- Rows of card_exit by time: name, time, hash.
SELECT concat_ws('/', t.batch_id, t.n) AS key, t.decided_at AS at,
  sha256(convert_to(jsonb_build_array(t.batch_id, t.n, t.kind, t.into_batch, t.cost_fen, t.evidence_id,
  t.decided_by, t.decided_at)::text, 'UTF8')) AS hash
FROM card_exit t
WHERE t.decided_at >= $1 AND t.decided_at < $2
ORDER BY t.decided_at, (concat_ws('/', t.batch_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_card_view
-- Rows of card_view by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.order_id, t.view_id) AS key, t.seen_at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.order_id, t.view_id, t.viewer, t.via, t.cards, t.seen_at)::text,
  'UTF8')) AS hash
FROM card_view t
WHERE t.seen_at >= $1 AND t.seen_at < $2
ORDER BY t.seen_at, (concat_ws('/', t.bucket, t.order_id, t.view_id)) COLLATE "C" LIMIT $3

-- name: rows_card_withdrawal
-- Rows of card_withdrawal by time: name, time, hash.
SELECT concat_ws('/', t.batch_id, t.n) AS key, t.withdrawn_at AS at,
  sha256(convert_to(jsonb_build_array(t.batch_id, t.n, t.reason, t.withdrawn_by, t.withdrawn_at)::text, 'UTF8'))
  AS hash
FROM card_withdrawal t
WHERE t.withdrawn_at >= $1 AND t.withdrawn_at < $2
ORDER BY t.withdrawn_at, (concat_ws('/', t.batch_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_catalogue_change
-- Rows of catalogue_change by time: name, time, hash.
SELECT t.change_id AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.change_id, t.batch, t.subject, t.field, t.old, t.new, t.changed_by, t.way,
  t.at)::text, 'UTF8')) AS hash
FROM catalogue_change t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (t.change_id) COLLATE "C" LIMIT $3

-- name: rows_channel_statement
-- Rows of channel_statement by time: name, time, hash.
SELECT concat_ws('/', t.channel, t.day) AS key, t.known_at AS at,
  sha256(convert_to(jsonb_build_array(t.channel, t.day, t.balance_fen, t.evidence_id, t.known_at)::text, 'UTF8'))
  AS hash
FROM channel_statement t
WHERE t.known_at >= $1 AND t.known_at < $2
ORDER BY t.known_at, (concat_ws('/', t.channel, t.day)) COLLATE "C" LIMIT $3

-- name: rows_closing_report
-- Rows of closing_report by time: name, time, hash.
SELECT concat_ws('/', t.day, t.n) AS key, t.made_at AS at,
  sha256(convert_to(jsonb_build_array(t.day, t.n, encode(t.json_sha256, 'hex'), encode(t.pdf_sha256, 'hex'),
  encode(t.body_json, 'hex'), encode(t.body_pdf, 'hex'), t.made_at)::text, 'UTF8')) AS hash
FROM closing_report t
WHERE t.made_at >= $1 AND t.made_at < $2
ORDER BY t.made_at, (concat_ws('/', t.day, t.n)) COLLATE "C" LIMIT $3

-- name: rows_conflict
-- Rows of conflict by time: name, time, hash.
SELECT t.evidence_id AS key, t.known_at AS at,
  sha256(convert_to(jsonb_build_array(t.evidence_id, t.party, t.kind, t.external_id, t.bucket, t.subject,
  t.content, t.known_at)::text, 'UTF8')) AS hash
FROM conflict t
WHERE t.known_at >= $1 AND t.known_at < $2
ORDER BY t.known_at, (t.evidence_id) COLLATE "C" LIMIT $3

-- name: rows_coverage_day
-- Rows of coverage_day by time: name, time, hash.
SELECT t.day::text AS key, t.made_at AS at,
  sha256(convert_to(jsonb_build_array(t.day, t.ends_at, t.covered_fen, t.owed_fen, t.ratio_ppm, t.new_money_fen,
  t.proof, t.made_at)::text, 'UTF8')) AS hash
FROM coverage_day t
WHERE t.made_at >= $1 AND t.made_at < $2
ORDER BY t.made_at, (t.day::text) COLLATE "C" LIMIT $3

-- name: rows_delivered_card
-- Rows of delivered_card by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.order_id, t.attempt_no, t.n) AS key, t.delivered_at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.order_id, t.attempt_no, t.n, encode(t.card_hash, 'hex'),
  t.delivered_at)::text, 'UTF8')) AS hash
FROM delivered_card t
WHERE t.delivered_at >= $1 AND t.delivered_at < $2
ORDER BY t.delivered_at, (concat_ws('/', t.bucket, t.order_id, t.attempt_no, t.n)) COLLATE "C" LIMIT $3

-- name: rows_dispute_message
-- Rows of dispute_message by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.dispute_id, t.n) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.dispute_id, t.n, t.at, t.speaker, t.name, t.kind, t.remedy,
  t.amount_fen, t.data, t.files, t.evidence_id, t.external_id)::text, 'UTF8')) AS hash
FROM dispute_message t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.bucket, t.dispute_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_dispute_report
-- Rows of dispute_report by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.dispute_id, t.round, t.stage, t.deadline_at) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.dispute_id, t.round, t.stage, t.deadline_at, t.at)::text,
  'UTF8')) AS hash
FROM dispute_report t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.bucket, t.dispute_id, t.round, t.stage, t.deadline_at)) COLLATE "C" LIMIT $3

-- name: rows_erased_message
-- Rows of erased_message by time: name, time, hash.
SELECT t.evidence_id AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.evidence_id, t.bucket, t.order_id, t.at)::text, 'UTF8')) AS hash
FROM erased_message t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (t.evidence_id) COLLATE "C" LIMIT $3

-- name: rows_evidence
-- Rows of evidence by time: name, time, hash.
SELECT t.evidence_id AS key, t.known_at AS at,
  sha256(convert_to(jsonb_build_array(t.evidence_id, t.party, t.kind, t.direction, t.standing, t.content_type,
  encode(t.sha256, 'hex'), t.note, t.occurred_at, t.known_at)::text, 'UTF8')) AS hash
FROM evidence t
WHERE t.known_at >= $1 AND t.known_at < $2
ORDER BY t.known_at, (t.evidence_id) COLLATE "C" LIMIT $3

-- name: rows_fact
-- Rows of fact by time: name, time, hash.
SELECT concat_ws('/', t.party, t.kind, t.external_id) AS key, t.known_at AS at,
  sha256(convert_to(jsonb_build_array(t.party, t.kind, t.external_id, t.bucket, t.subject, t.content,
  encode(t.content_hash, 'hex'), t.evidence_id, t.known_at)::text, 'UTF8')) AS hash
FROM fact t
WHERE t.known_at >= $1 AND t.known_at < $2
ORDER BY t.known_at, (concat_ws('/', t.party, t.kind, t.external_id)) COLLATE "C" LIMIT $3

-- name: rows_liability_day
-- Rows of liability_day by time: name, time, hash.
SELECT t.day::text AS key, t.made_at AS at,
  sha256(convert_to(jsonb_build_array(t.day, t.ends_at, encode(t.seed, 'hex'), encode(t.root, 'hex'), t.total_fen,
  t.leaves, t.standing, t.evidence_id, t.made_at)::text, 'UTF8')) AS hash
FROM liability_day t
WHERE t.made_at >= $1 AND t.made_at < $2
ORDER BY t.made_at, (t.day::text) COLLATE "C" LIMIT $3

-- name: rows_licence
-- Rows of licence by time: name, time, hash.
SELECT concat_ws('/', t.licence_id, t.version) AS key, t.set_at AS at,
  sha256(convert_to(jsonb_build_array(t.licence_id, t.version, t.kind, t.party, t.title, t.number, t.issuer,
  t.scope, t.valid_until, t.source_url, t.contact, encode(t.proof_sha256, 'hex'), t.ended, t.set_by,
  t.set_at)::text, 'UTF8')) AS hash
FROM licence t
WHERE t.set_at >= $1 AND t.set_at < $2
ORDER BY t.set_at, (concat_ws('/', t.licence_id, t.version)) COLLATE "C" LIMIT $3

-- name: rows_licence_picture
-- Rows of licence_picture by time: name, time, hash.
SELECT encode(t.sha256, 'hex') AS key, t.added_at AS at,
  sha256(convert_to(jsonb_build_array(encode(t.sha256, 'hex'), encode(t.body, 'hex'), t.added_at)::text, 'UTF8'))
  AS hash
FROM licence_picture t
WHERE t.added_at >= $1 AND t.added_at < $2
ORDER BY t.added_at, (encode(t.sha256, 'hex')) COLLATE "C" LIMIT $3

-- name: rows_log_anchor
-- Rows of log_anchor by time: name, time, hash.
SELECT concat_ws('/', t.anchor, t.size) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.anchor, t.size, t.period_end, t.form, t.authority, t.root, encode(t.token,
  'hex'), t.stamped_at, t.evidence_id, t.at)::text, 'UTF8')) AS hash
FROM log_anchor t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.anchor, t.size)) COLLATE "C" LIMIT $3

-- name: rows_log_cosignature
-- Rows of log_cosignature by time: name, time, hash.
SELECT concat_ws('/', t.size, t.witness) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.size, t.witness, t.line, t.at)::text, 'UTF8')) AS hash
FROM log_cosignature t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.size, t.witness)) COLLATE "C" LIMIT $3

-- name: rows_place_total
-- Rows of place_total by time: name, time, hash.
SELECT concat_ws('/', t.day, t.place, t.party, t.owner) AS key, d.made_at AS at,
  sha256(convert_to(jsonb_build_array(t.day, t.place, t.party, t.owner, t.amount_fen)::text, 'UTF8')) AS hash
FROM place_total t JOIN coverage_day d ON d.day = t.day
WHERE d.made_at >= $1 AND d.made_at < $2
ORDER BY d.made_at, (concat_ws('/', t.day, t.place, t.party, t.owner)) COLLATE "C" LIMIT $3

-- name: rows_placement
-- Rows of placement by time: name, time, hash.
SELECT concat_ws('/', t.client, t.key) AS key, t.placed_at AS at,
  sha256(convert_to(jsonb_build_array(t.client, t.key, encode(t.request_hash, 'hex'), t.bucket, t.order_id,
  t.placed_at)::text, 'UTF8')) AS hash
FROM placement t
WHERE t.placed_at >= $1 AND t.placed_at < $2
ORDER BY t.placed_at, (concat_ws('/', t.client, t.key)) COLLATE "C" LIMIT $3

-- name: rows_recon_event
-- Rows of recon_event by time: name, time, hash.
SELECT concat_ws('/', t.break_id, t.seq) AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.break_id, t.seq, t.kind, t.at, t.who, t.evidence_id, t.data)::text,
  'UTF8')) AS hash
FROM recon_event t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (concat_ws('/', t.break_id, t.seq)) COLLATE "C" LIMIT $3

-- name: rows_refund_payee
-- Rows of refund_payee by time: name, time, hash.
SELECT concat_ws('/', t.bucket, t.order_id, t.n) AS key, t.given_at AS at,
  sha256(convert_to(jsonb_build_array(t.bucket, t.order_id, t.n, t.name_mask, t.account_mask, t.given_at)::text,
  'UTF8')) AS hash
FROM refund_payee t
WHERE t.given_at >= $1 AND t.given_at < $2
ORDER BY t.given_at, (concat_ws('/', t.bucket, t.order_id, t.n)) COLLATE "C" LIMIT $3

-- name: rows_rule_version
-- Rows of rule_version by time: name, time, hash.
SELECT concat_ws('/', t.kind, t.version) AS key, t.published_at AS at,
  sha256(convert_to(jsonb_build_array(t.kind, t.version, t.text_zh, t.text_en, encode(t.sha256, 'hex'),
  t.effective_at, t.published_at, t.published_by, t.reason)::text, 'UTF8')) AS hash
FROM rule_version t
WHERE t.published_at >= $1 AND t.published_at < $2
ORDER BY t.published_at, (concat_ws('/', t.kind, t.version)) COLLATE "C" LIMIT $3

-- name: rows_settlement_line
-- Rows of settlement_line by time: name, time, hash.
SELECT concat_ws('/', t.channel, t.batch_id, t.position) AS key, b.listed_at AS at,
  sha256(convert_to(jsonb_build_array(t.channel, t.batch_id, t.position, t.kind, t.transaction_id, t.refund_no,
  t.gross_fen, t.fee_fen, t.net_fen)::text, 'UTF8')) AS hash
FROM settlement_line t JOIN settlement_batch b ON b.channel = t.channel AND b.batch_id = t.batch_id
WHERE b.listed_at >= $1 AND b.listed_at < $2
ORDER BY b.listed_at, (concat_ws('/', t.channel, t.batch_id, t.position)) COLLATE "C" LIMIT $3

-- name: rows_shop_logo
-- Rows of shop_logo by time: name, time, hash.
SELECT t.logo_id AS key, t.made_at AS at,
  sha256(convert_to(jsonb_build_array(t.logo_id, encode(t.body, 'hex'), t.made_at)::text, 'UTF8')) AS hash
FROM shop_logo t
WHERE t.made_at >= $1 AND t.made_at < $2
ORDER BY t.made_at, (t.logo_id) COLLATE "C" LIMIT $3

-- name: rows_shop_setting
-- Rows of shop_setting by time: name, time, hash.
SELECT t.version::text AS key, t.set_at AS at,
  sha256(convert_to(jsonb_build_array(t.version, t.face, t.set_by, t.reason, t.set_at)::text, 'UTF8')) AS hash
FROM shop_setting t
WHERE t.set_at >= $1 AND t.set_at < $2
ORDER BY t.set_at, (t.version::text) COLLATE "C" LIMIT $3

-- name: rows_staff_action
-- Rows of staff_action by time: name, time, hash.
SELECT t.action_id AS key, t.at AS at,
  sha256(convert_to(jsonb_build_array(t.action_id, t.name, t.action, t.subject, t.reason, t.at, t.kind,
  t.session_id, t.data)::text, 'UTF8')) AS hash
FROM staff_action t
WHERE t.at >= $1 AND t.at < $2
ORDER BY t.at, (t.action_id) COLLATE "C" LIMIT $3

-- name: rows_stated_total
-- Rows of stated_total by time: name, time, hash.
SELECT concat_ws('/', t.day, t.channel) AS key, d.made_at AS at,
  sha256(convert_to(jsonb_build_array(t.day, t.channel, t.amount_fen, t.source)::text, 'UTF8')) AS hash
FROM stated_total t JOIN coverage_day d ON d.day = t.day
WHERE d.made_at >= $1 AND d.made_at < $2
ORDER BY d.made_at, (concat_ws('/', t.day, t.channel)) COLLATE "C" LIMIT $3
