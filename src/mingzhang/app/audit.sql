-- name: insert_run
-- Remember that an audit was made and how much it covered.
INSERT INTO audit_run (run_id, scope, started_at, covered_to, findings, subjects) VALUES ($1, $2, $3, $4, $5, $6)

-- name: insert_checkpoint
-- The next incremental audit may start here.
INSERT INTO audit_checkpoint (run_id, closed_to, orders) VALUES ($1, $2, $3)

-- name: insert_totals
-- The sums of everything dated before the checkpoint, by account.
INSERT INTO audit_total (run_id, place, party, owner, amount_fen)
SELECT $1, t.place, t.party, t.owner, t.amount_fen
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS t (place, party, owner, amount_fen)

-- name: read_checkpoint
-- The newest checkpoint; run ids are ordered by time.
SELECT run_id, closed_to, orders FROM audit_checkpoint ORDER BY run_id DESC LIMIT 1

-- name: read_checkpoint_totals
-- What the legs dated before a checkpoint came to when it was made.
SELECT place, party, owner, amount_fen FROM audit_total WHERE run_id = $1

-- name: read_sums
-- Sums by account of the legs dated from $1 on: those before $2, those before $3, and all.
SELECT place, party, owner, coalesce(sum(amount_fen) FILTER (WHERE at < $2), 0)::bigint AS checked,
  coalesce(sum(amount_fen) FILTER (WHERE at < $3), 0)::bigint AS closed, sum(amount_fen)::bigint AS total
FROM leg WHERE at >= $1 GROUP BY place, party, owner

-- name: count_orders_since
-- How many orders were placed from $1 on: those before $2, and all.
SELECT count(*) FILTER (WHERE placed_at < $2) AS closed, count(*) AS total FROM orders WHERE placed_at >= $1

-- name: list_subjects
-- Everything that has a place in the books, bucket by bucket.
SELECT bucket, order_id AS subject FROM orders UNION SELECT bucket, item_id FROM suspense
UNION SELECT bucket, subject FROM leg UNION SELECT bucket, subject FROM fact UNION SELECT bucket, subject FROM inbox
UNION SELECT bucket, order_id FROM payment UNION SELECT bucket, order_id FROM supply_attempt
UNION SELECT bucket, order_id FROM refund ORDER BY 1, 2

-- name: list_changed_subjects
-- What has a leg, an event, a fact or an excess payment dated from $1 on, or a fact that still waits.
SELECT bucket, subject FROM leg WHERE at >= $1 UNION SELECT bucket, order_id FROM event WHERE at >= $1
UNION SELECT bucket, subject FROM fact WHERE known_at >= $1 UNION SELECT bucket, subject FROM inbox i
WHERE NOT EXISTS (SELECT FROM applied a
  WHERE a.bucket = i.bucket AND a.key = i.kind || ':' || i.party || ':' || i.external_id)
UNION SELECT bucket, item_id FROM suspense WHERE known_at >= $1
UNION SELECT d.bucket, d.order_id FROM dispute_message m
  JOIN dispute d ON d.bucket = m.bucket AND d.dispute_id = m.dispute_id WHERE m.at >= $1 ORDER BY 1, 2

-- name: list_facts_since
-- Facts known from $1 on, in the order of the subjects.
SELECT party, kind, external_id, bucket, subject, content, content_hash, evidence_id FROM fact
WHERE known_at >= $1 ORDER BY bucket, subject, party, kind, external_id

-- name: list_facts_by_key
-- The facts that rows of an order point to.
SELECT f.party, f.kind, f.external_id, f.bucket, f.subject, f.content, f.content_hash, f.evidence_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (party, kind, external_id)
JOIN fact f ON f.party = k.party AND f.kind = k.kind AND f.external_id = k.external_id

-- name: list_waiting_facts
-- The whole inbox, beside the fact of each row. One whose fact was applied only awaits its removal.
SELECT i.party, i.kind, i.external_id, i.bucket, i.subject, i.evidence_id, f.external_id IS NOT NULL AS known,
  f.content = i.content AND f.evidence_id = i.evidence_id AND f.subject = i.subject AS same,
  EXISTS (SELECT FROM applied a
    WHERE a.bucket = i.bucket AND a.key = i.kind || ':' || i.party || ':' || i.external_id) AS applied
FROM inbox i LEFT JOIN fact f ON f.party = i.party AND f.kind = i.kind AND f.external_id = i.external_id

-- name: list_suspense_items
-- Money beyond an order's price or without an order; few.
SELECT item_id, bucket, order_id, state, channel, transaction_id, amount_fen FROM suspense

-- name: list_legs
-- The whole journal of some subjects, in posting order.
SELECT subject, seq, place, party, owner, amount_fen, evidence_id FROM leg
WHERE bucket = $1 AND subject = ANY ($2::text[]) ORDER BY subject, seq, n

-- name: list_orders
-- What some orders say of themselves.
SELECT order_id, state, kind, quantity, seq, cost_fen, paid_at IS NOT NULL AS paid FROM orders
WHERE bucket = $1 AND order_id = ANY ($2::text[])

-- name: list_payments_of
-- The attempts to pay some orders.
SELECT payment_no, order_id, channel, state, transaction_id, paid_fen, known_as FROM payment
WHERE bucket = $1 AND order_id = ANY ($2::text[])

-- name: list_attempts_of
-- The attempts at suppliers for some orders, with the cards that each brought.
SELECT a.attempt_no, a.order_id, a.n, a.supplier, a.state, a.code, a.cost_fen, a.supplier_order_id, a.serial,
  (SELECT count(*) FROM delivered_card c WHERE c.bucket = a.bucket AND c.order_id = a.order_id
     AND c.attempt_no = a.attempt_no) AS cards
FROM supply_attempt a WHERE a.bucket = $1 AND a.order_id = ANY ($2::text[])

-- name: list_refunds_of
-- The refunds of some orders.
SELECT refund_no, order_id, channel, state, amount_fen FROM refund WHERE bucket = $1 AND order_id = ANY ($2::text[])

-- name: list_disputes_of
-- The disputes of some orders.
SELECT dispute_id, order_id, state, outcome, held, remedy, carried FROM dispute
WHERE bucket = $1 AND order_id = ANY ($2::text[])

-- name: list_effects
-- The events of some orders that cite evidence: what applying a fact leaves behind.
SELECT order_id, seq, kind, evidence_id FROM event
WHERE bucket = $1 AND order_id = ANY ($2::text[]) AND evidence_id <> ''

-- name: list_evidence
-- Which of these messages are kept, and how far each may be believed.
SELECT evidence_id, standing, known_at FROM evidence WHERE evidence_id = ANY ($1::text[])

-- name: list_numbers_among
-- Which of these numbers lead to an order.
SELECT kind, value, order_id FROM number WHERE value = ANY ($1::text[])

-- name: list_altered_evidence
-- Messages kept from $1 on whose hash is not their body's.
-- What an erasure put away is empty, and says so in a row of its own (decision 0086).
SELECT e.evidence_id, e.party, e.kind FROM evidence e WHERE e.known_at >= $1 AND e.sha256 <> sha256(e.body)
  AND NOT (length(e.body) = 0 AND EXISTS (SELECT FROM erased_message x WHERE x.evidence_id = e.evidence_id)) LIMIT 1000

-- name: list_unfounded_numbers
-- Numbers that nothing stands behind (the kinds that can be rebuilt).
SELECT n.kind, n.value, n.bucket, n.order_id FROM number n WHERE n.kind = 'transaction' AND NOT EXISTS
  (SELECT FROM fact f WHERE f.kind = 'paid' AND f.external_id = n.value AND f.subject = n.order_id)
  AND NOT EXISTS (SELECT FROM payment p WHERE p.bucket = n.bucket AND p.order_id = n.order_id AND p.known_as <> ''
    AND p.transaction_id = n.value)
UNION ALL SELECT n.kind, n.value, n.bucket, n.order_id FROM number n WHERE n.kind = 'supplier' AND NOT EXISTS
  (SELECT FROM fact f WHERE f.subject = n.order_id AND f.content #>> '{details,supplier_order_id}' = n.value)
UNION ALL SELECT n.kind, n.value, n.bucket, n.order_id FROM number n WHERE n.kind = 'serial' AND NOT EXISTS
  (SELECT FROM fact f WHERE f.subject = n.order_id AND f.content #>> '{details,serial}' = n.value)
UNION ALL SELECT n.kind, n.value, n.bucket, n.order_id FROM number n
WHERE n.kind NOT IN ('transaction', 'supplier', 'serial', 'complaint')
UNION ALL SELECT n.kind, n.value, n.bucket, n.order_id FROM number n WHERE n.kind = 'complaint' AND NOT EXISTS
  (SELECT FROM fact f WHERE f.kind = 'complaint' AND f.external_id = n.value AND f.subject = n.order_id)

-- name: list_stock_findings
-- Own card stock against itself and against what was delivered: at most 1000 things that disagree, none when all is well.
SELECT code, subject, detail FROM (
  SELECT 'shelf_differs' AS code, s.batch_id AS subject, 'available=' || s.available || ' of ' || b.cards
    || ' given=' || coalesce(i.given, 0) || ' withdrawn=' || coalesce(w.gone, 0) AS detail
  FROM card_shelf s JOIN card_batch b ON b.batch_id = s.batch_id
  LEFT JOIN (SELECT batch_id, count(*) AS given FROM card_claim_item WHERE NOT reusable GROUP BY batch_id) i
    ON i.batch_id = s.batch_id
  LEFT JOIN (SELECT batch_id, count(*) AS gone FROM card_withdrawal GROUP BY batch_id) w ON w.batch_id = s.batch_id
  WHERE s.available <> b.cards - coalesce(i.given, 0) - coalesce(w.gone, 0)
  UNION ALL
  SELECT 'claim_differs', c.attempt_no, 'cards=' || coalesce(g.cards, 0) || ' of ' || c.quantity || ' cost=' || c.cost_fen
    || ' of ' || coalesce(g.cost_fen, 0)
  FROM card_claim c LEFT JOIN (
    SELECT i.attempt_no, count(*) AS cards, sum(CASE WHEN i.reusable THEN 0 ELSE b.unit_cost_fen END) AS cost_fen
    FROM card_claim_item i
    JOIN card_batch b ON b.batch_id = i.batch_id GROUP BY i.attempt_no) g ON g.attempt_no = c.attempt_no
  WHERE (coalesce(g.cards, 0), coalesce(g.cost_fen, 0))
    <> (CASE c.state WHEN 'claimed' THEN c.quantity ELSE 0 END, c.cost_fen)
  UNION ALL
  SELECT 'batch_money_differs', b.batch_id, 'booked=' || coalesce(l.fen, 0) || ' bought=' || b.cards * b.unit_cost_fen
    || ' lost=' || coalesce(x.lost_fen, 0) || ' money=' || b.money
  FROM card_batch b
  LEFT JOIN (SELECT subject, sum(amount_fen) AS fen FROM leg
    WHERE bucket = 0 AND place = 'supplier.free' AND party = 'stock' AND owner = 'F' GROUP BY subject) l
    ON l.subject = 'BATCH-' || b.batch_id
  LEFT JOIN (SELECT batch_id, sum(cost_fen) AS lost_fen FROM card_exit GROUP BY batch_id) x ON x.batch_id = b.batch_id
  WHERE coalesce(l.fen, 0) <> CASE WHEN b.money IN ('capital', 'custody') AND NOT b.reusable
    THEN b.cards * b.unit_cost_fen ELSE 0 END - coalesce(x.lost_fen, 0)
  UNION ALL
  SELECT 'batch_missing', l.subject, 'fen=' || l.amount_fen FROM leg l
  WHERE l.bucket = 0 AND l.subject LIKE 'BATCH-%' AND l.n = 0
    AND NOT EXISTS (SELECT FROM card_batch b WHERE 'BATCH-' || b.batch_id = l.subject)
  UNION ALL
  SELECT 'sale_cost_differs', a.attempt_no, 'settled=' || coalesce(l.fen, 0) || ' claim=' || c.cost_fen
  FROM supply_attempt a JOIN card_claim c ON c.attempt_no = a.attempt_no AND c.state = 'claimed'
  LEFT JOIN LATERAL (SELECT sum(amount_fen) AS fen FROM leg WHERE bucket = a.bucket AND subject = a.order_id
    AND place = 'supplier.settled' AND party = 'stock#' || a.n AND owner = 'o') l ON true
  WHERE a.supplier = 'stock' AND a.state = 'succeeded' AND coalesce(l.fen, 0) <> c.cost_fen
  UNION ALL
  SELECT 'claim_missing', a.attempt_no, 'order=' || a.order_id FROM supply_attempt a
  WHERE a.supplier = 'stock' AND a.state = 'succeeded' AND NOT EXISTS (
    SELECT FROM card_claim c WHERE c.attempt_no = a.attempt_no AND c.state = 'claimed' AND c.quantity = a.quantity)
  UNION ALL
  SELECT 'card_differs', d.attempt_no, 'order=' || d.order_id || ' card=' || d.n FROM delivered_card d
  JOIN supply_attempt a ON a.bucket = d.bucket AND a.attempt_no = d.attempt_no AND a.supplier = 'stock'
  LEFT JOIN card_claim_item i ON i.attempt_no = d.attempt_no AND i.k = d.n
  LEFT JOIN card c ON c.batch_id = i.batch_id AND c.n = i.n
  WHERE c.card_hash IS DISTINCT FROM d.card_hash
) found LIMIT 1000

-- name: list_guards
-- The triggers that are there, with what they call.
SELECT c.relname AS name, t.tgname AS trigger, t.tgenabled::text AS enabled, t.tgtype::int AS type, p.prosrc AS body,
  encode(t.tgargs, 'escape') AS given
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgqual IS NULL

-- name: list_checks
-- The check constraints that hold for every row.
SELECT conrelid::regclass::text AS name, conname AS check FROM pg_constraint WHERE contype = 'c' AND convalidated

-- name: read_replication_role
-- Whether ordinary triggers fire at all by the server's or the role's settings.
SELECT current_setting('session_replication_role')

-- name: list_rollup_differences
-- The newest day's roll-up against all legs dated before its end: what differs.
SELECT coalesce(t.place, l.place) || '/' || coalesce(t.party, l.party) || '/' || coalesce(t.owner, l.owner) AS account,
  coalesce(t.amount_fen, 0) AS stored, coalesce(l.amount_fen, 0) AS legs
FROM (SELECT place, party, owner, amount_fen FROM place_total WHERE day = (SELECT max(day) FROM coverage_day)) t
FULL JOIN (SELECT place, party, owner, sum(amount_fen)::bigint AS amount_fen FROM leg
  WHERE at < (SELECT max(ends_at) FROM coverage_day) GROUP BY place, party, owner HAVING sum(amount_fen) <> 0) l
  ON l.place = t.place AND l.party = t.party AND l.owner = t.owner
WHERE coalesce(t.amount_fen, 0) <> coalesce(l.amount_fen, 0) LIMIT 1000

-- name: list_custody_findings
-- Custody against the bank, where nothing is under way: closing balance and ledger; statements against their lines and
-- each other; closed payouts against their members; money at the operator against its instruction.
SELECT * FROM (
  SELECT 'custody_differs' AS code, s.bank AS subject,
    'statement=' || s.closing_fen || ' ledger=' || coalesce(l.fen, 0) AS detail
  FROM (SELECT DISTINCT ON (b.account) a.bank, b.closing_fen FROM bank_statement b
    JOIN bank_account a ON a.account = b.account ORDER BY b.account, b.n DESC) s
  LEFT JOIN (SELECT party, sum(amount_fen)::bigint AS fen FROM leg
    WHERE place IN ('custody', 'refunding', 'hold') GROUP BY party) l
    ON l.party = s.bank
  WHERE s.closing_fen <> coalesce(l.fen, 0)
    AND NOT EXISTS (SELECT FROM bank_task t WHERE t.bank = s.bank AND t.state <> 'booked')
    AND NOT EXISTS (SELECT FROM settlement_batch b WHERE b.bank = s.bank AND b.state <> 'closed' AND b.bank_fen IS NOT NULL)
  UNION ALL
  SELECT 'statement_differs', b.account || '/' || b.statement_id,
    'opening=' || b.opening_fen || ' closing=' || b.closing_fen || ' lines=' || coalesce(x.fen, 0)
  FROM bank_statement b LEFT JOIN (SELECT account, statement_id, sum(amount_fen)::bigint AS fen, count(*) AS n
    FROM bank_line GROUP BY account, statement_id) x ON x.account = b.account AND x.statement_id = b.statement_id
  LEFT JOIN bank_statement p ON p.account = b.account AND p.n = b.n - 1
  WHERE b.opening_fen + coalesce(x.fen, 0) <> b.closing_fen OR coalesce(x.n, 0) <> b.lines
    OR p.closing_fen <> b.opening_fen
  UNION ALL
  SELECT 'batch_differs', b.channel || ':' || b.batch_id, 'net=' || b.net_fen || ' members=' || coalesce(m.fen, 0)
  FROM settlement_batch b LEFT JOIN (SELECT channel, batch_id, sum(net_fen)::bigint AS fen, count(*) AS n,
      bool_and(state = 'received') AS done FROM settlement_member GROUP BY channel, batch_id) m
    ON m.channel = b.channel AND m.batch_id = b.batch_id
  WHERE coalesce(m.fen, 0) <> b.net_fen OR coalesce(m.n, 0) <> b.members
    OR b.state = 'closed' AND NOT coalesce(m.done, true)
  UNION ALL
  SELECT 'operator_without_instruction', l.subject, 'fen=' || sum(l.amount_fen) FROM leg l
  WHERE l.place = 'operator' AND NOT EXISTS (SELECT FROM instruction i WHERE i.instruction_id = l.subject
    AND i.purpose = 'sweep' AND i.state = 'done' AND i.amount_fen = l.amount_fen) GROUP BY l.subject
) found LIMIT 1000
