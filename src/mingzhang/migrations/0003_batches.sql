-- The steps every order takes, many orders at a time: one call and one transaction per bucket (docs/architecture,
-- "The hot path"). Arrays of rows come in, one result per key goes out. Each function handles the plain case
-- only and leaves the rest alone, unanswered: the caller then takes the general way, under the order's own lock.
--
-- `record_batch` writes what is not an order's own (scale rule 5, 13, 14): placements, evidence, facts with their inbox
-- rows, outside numbers; and completes inbox rows whose facts were applied. `apply_batch` writes one bucket.
-- A plan made while the tables were empty must not survive their growth: so tables are reached by `= ANY (ids)` on
-- their keys and hashed against the steps, and sequential scans, nested loops and merges are off inside.

CREATE TYPE placement_row AS (
  client text, key text, request_hash bytea, bucket int, order_id text, at timestamptz);
CREATE TYPE evidence_row AS (
  evidence_id text, party text, kind text, direction text, standing text, content_type text, body bytea, sha256 bytea,
  note text, occurred_at timestamptz, at timestamptz);
CREATE TYPE fact_row AS (
  party text, kind text, external_id text, bucket int, subject text, content text, content_hash bytea,
  evidence_id text, at timestamptz, due_at timestamptz);
CREATE TYPE number_row AS (value text, kind text, bucket int, order_id text);
CREATE TYPE inbox_key AS (party text, kind text, external_id text);

CREATE TYPE place_step AS (
  key text, order_id text, product_id text, kind text, title_zh text, title_en text, quantity int,
  face_value_fen bigint, price_fen bigint, cost_fen bigint, supplier text, supplier_product text, rule_version int,
  promise_s int, account_mask text, account_enc bytea, account_hash bytea, contact_mask text, contact_enc bytea,
  contact_hash bytea, token_hash bytea, language text, at timestamptz, expires_at timestamptz);
CREATE TYPE open_step AS (
  key text, request_hash bytea, order_id text, payment_no text, channel text, method text, due_at timestamptz,
  at timestamptz);
CREATE TYPE opened_step AS (key text, order_id text, payment_no text, state text, url text, code text);
CREATE TYPE paid_step AS (
  key text, request_hash bytea, order_id text, channel text, transaction_id text, payment_no text, amount_fen bigint,
  buyer_mask text, attempt_no text, evidence_id text, confirm_at timestamptz, dispatch_by timestamptz,
  at timestamptz);
CREATE TYPE send_step AS (
  key text, request_hash bytea, order_id text, attempt_no text, deadline_at timestamptz, lease_until timestamptz,
  at timestamptz);
CREATE TYPE heard_step AS (
  key text, order_id text, attempt_no text, code text, supplier_order_id text, feedback text, evidence_id text,
  due_at timestamptz, at timestamptz);
CREATE TYPE delivered_step AS (
  key text, request_hash bytea, order_id text, attempt_no text, cost_fen bigint, code text, supplier_order_id text,
  serial text, feedback text, evidence_id text, at timestamptz);

-- What a plain step needs further on: the step and what its order says, read once.
CREATE TYPE plain_open AS (
  key text, request_hash bytea, order_id text, payment_no text, channel text, method text, due_at timestamptz,
  at timestamptz, seq int, price_fen bigint, expires_at timestamptz);
CREATE TYPE plain_paid AS (
  key text, request_hash bytea, order_id text, channel text, transaction_id text, payment_no text, amount_fen bigint,
  buyer_mask text, attempt_no text, evidence_id text, confirm_at timestamptz, dispatch_by timestamptz, at timestamptz,
  seq int, supplier text, supplier_product text, goods text, quantity int, cost_fen bigint);
CREATE TYPE plain_send AS (
  key text, request_hash bytea, order_id text, attempt_no text, deadline_at timestamptz, lease_until timestamptz,
  at timestamptz, seq int, supplier text, cost_fen bigint, channel text, evidence_id text);
CREATE TYPE plain_heard AS (
  key text, order_id text, attempt_no text, code text, supplier_order_id text, feedback text, evidence_id text,
  due_at timestamptz, at timestamptz, seq int, supplier text, news boolean);
CREATE TYPE plain_delivered AS (
  key text, request_hash bytea, order_id text, attempt_no text, code text, supplier_order_id text, serial text,
  feedback text, evidence_id text, at timestamptz, seq int, supplier text, cost_fen bigint);

------------------------------------------------------------------------------------------------ evidence
CREATE FUNCTION record_batch(
  p_placements placement_row[], p_evidence evidence_row[], p_facts fact_row[], p_numbers number_row[],
  p_applied inbox_key[])
RETURNS TABLE (step_key text, step_result text, step_order text) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
  fresh fact_row[];
BEGIN
  IF cardinality(p_applied) > 0 THEN
    DELETE FROM inbox i USING unnest(p_applied) d
    WHERE i.party = d.party AND i.kind = d.kind AND i.external_id = d.external_id
      AND i.party = ANY (ARRAY(SELECT DISTINCT e.party FROM unnest(p_applied) e))
      AND i.kind = ANY (ARRAY(SELECT DISTINCT e.kind FROM unnest(p_applied) e))
      AND i.external_id = ANY (ARRAY(SELECT e.external_id FROM unnest(p_applied) e));
  END IF;
  IF cardinality(p_placements) > 0 THEN
    INSERT INTO placement (client, key, request_hash, bucket, order_id, placed_at)
    SELECT p.client, p.key, p.request_hash, p.bucket, p.order_id, p.at FROM unnest(p_placements) p
    ORDER BY p.client, p.key
    ON CONFLICT (client, key) DO NOTHING;
    INSERT INTO bucket (bucket, opened_at)
    SELECT p.bucket, min(p.at) FROM unnest(p_placements) p
    WHERE NOT EXISTS (SELECT FROM bucket b WHERE b.bucket = p.bucket) GROUP BY p.bucket ORDER BY p.bucket
    ON CONFLICT (bucket) DO NOTHING;
    RETURN QUERY
    SELECT p.order_id,
      CASE WHEN q.order_id = p.order_id THEN 'new' WHEN q.request_hash = p.request_hash THEN 'repeat' ELSE 'key_reused' END,
      q.order_id
    FROM unnest(p_placements) p CROSS JOIN LATERAL (
      SELECT r.order_id, r.request_hash FROM placement r WHERE r.client = p.client AND r.key = p.key OFFSET 0) q;
  END IF;
  IF cardinality(p_evidence) > 0 THEN
    INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note,
      occurred_at, known_at)
    SELECT e.evidence_id, e.party, e.kind, e.direction, e.standing, e.content_type, e.body, e.sha256, e.note,
      e.occurred_at, e.at FROM unnest(p_evidence) e
    ON CONFLICT (evidence_id) DO NOTHING;
  END IF;
  IF cardinality(p_numbers) > 0 THEN
    INSERT INTO number (value, kind, bucket, order_id)
    SELECT n.value, n.kind, n.bucket, n.order_id FROM unnest(p_numbers) n ORDER BY n.value, n.kind, n.order_id
    ON CONFLICT (value, kind, order_id) DO NOTHING;
  END IF;
  IF cardinality(p_facts) > 0 THEN
    -- A fact of an earlier try by this same call is no longer fresh: its inbox row may be gone already.
    SELECT array_agg(f) INTO fresh FROM unnest(p_facts) f LEFT JOIN LATERAL (
      SELECT true AS known FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k ON true
    WHERE k.known IS NULL;
    INSERT INTO fact (party, kind, external_id, bucket, subject, content, content_hash, evidence_id, known_at)
    SELECT f.party, f.kind, f.external_id, f.bucket, f.subject, f.content::jsonb, f.content_hash, f.evidence_id, f.at
    FROM unnest(fresh) f ORDER BY f.party, f.kind, f.external_id
    ON CONFLICT (party, kind, external_id) DO NOTHING;
    INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at)
    SELECT f.party, f.kind, f.external_id, f.bucket, f.subject, f.content::jsonb, f.evidence_id, f.at, f.due_at
    FROM unnest(fresh) f CROSS JOIN LATERAL (
      SELECT r.evidence_id, r.content_hash FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k
    WHERE k.evidence_id = f.evidence_id;
    INSERT INTO conflict (evidence_id, party, kind, external_id, bucket, subject, content, known_at)
    SELECT f.evidence_id, f.party, f.kind, f.external_id, f.bucket, f.subject, f.content::jsonb, f.at
    FROM unnest(p_facts) f CROSS JOIN LATERAL (
      SELECT r.evidence_id, r.content_hash FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k
    WHERE k.content_hash <> f.content_hash
    ON CONFLICT (evidence_id) DO NOTHING;
    RETURN QUERY
    SELECT f.evidence_id,
      CASE WHEN k.evidence_id = f.evidence_id THEN 'new' WHEN k.content_hash = f.content_hash THEN 'same' ELSE 'conflict' END,
      ''
    FROM unnest(p_facts) f CROSS JOIN LATERAL (
      SELECT r.evidence_id, r.content_hash FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k;
  END IF;
END $$;

------------------------------------------------------------------------------------------------ orders
CREATE FUNCTION place_orders(p_bucket int, p_steps place_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT s.order_id FROM unnest(p_steps) s);
  fresh place_step[];
BEGIN
  SELECT array_agg(s) INTO fresh FROM unnest(p_steps) s
  WHERE NOT EXISTS (
    SELECT FROM orders o WHERE o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id);
  INSERT INTO orders (bucket, order_id, state, seq, product_id, kind, title_zh, title_en, quantity, face_value_fen,
    price_fen, cost_fen, supplier, supplier_product, rule_version, promise_s, account_mask, account_enc, account_hash,
    contact_mask, contact_enc, contact_hash, token_hash, language, holder, next_actor, due_at, deadline_at, placed_at,
    expires_at)
  SELECT p_bucket, s.order_id, 'awaiting_payment', 1, s.product_id, s.kind, s.title_zh, s.title_en, s.quantity,
    s.face_value_fen, s.price_fen, s.cost_fen, s.supplier, s.supplier_product, s.rule_version, s.promise_s,
    s.account_mask, s.account_enc, s.account_hash, s.contact_mask, s.contact_enc, s.contact_hash, s.token_hash,
    s.language, 'payer', 'buyer', s.expires_at, s.expires_at, s.at, s.expires_at
  FROM unnest(fresh) s
  ON CONFLICT (bucket, order_id) DO NOTHING;
  INSERT INTO event (bucket, order_id, seq, kind, at)
  SELECT p_bucket, s.order_id, 1, 'placed', s.at FROM unnest(fresh) s
  ON CONFLICT (bucket, order_id, seq) DO NOTHING;
  RETURN QUERY SELECT s.key, 'done' FROM unnest(p_steps) s;
END $$;

CREATE FUNCTION open_payments(p_bucket int, p_steps open_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT s.order_id FROM unnest(p_steps) s);
  plain plain_open[];
BEGIN
  SELECT array_agg(ROW(s.key, s.request_hash, s.order_id, s.payment_no, s.channel, s.method, s.due_at, s.at, o.seq,
    o.price_fen, o.expires_at)::plain_open) INTO plain
  FROM unnest(p_steps) s JOIN orders o ON o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id
  WHERE o.state = 'awaiting_payment' AND s.at < o.expires_at AND NOT EXISTS (
    SELECT FROM payment y WHERE y.bucket = p_bucket AND y.order_id = ANY (ids) AND y.order_id = s.order_id);
  INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, holder, next_actor, due_at,
    deadline_at, opened_at, expires_at)
  SELECT p_bucket, s.payment_no, s.order_id, 1, s.channel, s.method, s.price_fen, 'intent', 'payer', 'channel',
    s.due_at, s.expires_at, s.at, s.expires_at FROM unnest(plain) s;
  INSERT INTO event (bucket, order_id, seq, kind, at, data)
  SELECT p_bucket, s.order_id, s.seq + 1, 'payment_opened', s.at, jsonb_build_object('channel', s.channel)
  FROM unnest(plain) s;
  UPDATE orders o SET seq = s.seq + 1, lease_until = NULL FROM unnest(plain) s
  WHERE o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id;
  INSERT INTO applied (bucket, key, request_hash, result, applied_at)
  SELECT p_bucket, s.key, s.request_hash, 'done', s.at FROM unnest(plain) s;
  RETURN QUERY SELECT s.key, 'done' FROM unnest(plain) s;
END $$;

CREATE FUNCTION record_openings(p_bucket int, p_steps opened_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  numbers text[] := ARRAY(SELECT s.payment_no FROM unnest(p_steps) s);
BEGIN
  UPDATE payment y SET state = s.state, url = s.url, code = s.code, next_actor = 'buyer', lease_until = NULL
  FROM unnest(p_steps) s
  WHERE y.bucket = p_bucket AND y.payment_no = ANY (numbers) AND y.payment_no = s.payment_no AND y.state = 'intent';
  RETURN QUERY SELECT s.key, y.state FROM unnest(p_steps) s
  JOIN payment y ON y.bucket = p_bucket AND y.payment_no = ANY (numbers) AND y.payment_no = s.payment_no;
END $$;

-- Row 3 of the ledger, and the supply planned.
CREATE FUNCTION apply_payments(p_bucket int, p_steps paid_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT s.order_id FROM unnest(p_steps) s);
  numbers text[] := ARRAY(SELECT s.payment_no FROM unnest(p_steps) s);
  plain plain_paid[];
BEGIN
  SELECT array_agg(ROW(s.key, s.request_hash, s.order_id, s.channel, s.transaction_id, s.payment_no, s.amount_fen,
    s.buyer_mask, s.attempt_no, s.evidence_id, s.confirm_at, s.dispatch_by, s.at, o.seq, o.supplier,
    o.supplier_product, o.kind, o.quantity, o.cost_fen)::plain_paid) INTO plain
  FROM unnest(p_steps) s JOIN orders o ON o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id
  JOIN payment y ON y.bucket = p_bucket AND y.payment_no = ANY (numbers) AND y.payment_no = s.payment_no
  WHERE o.state = 'awaiting_payment' AND o.paid_at IS NULL AND o.price_fen = s.amount_fen
    AND y.order_id = s.order_id AND y.channel = s.channel AND y.state IN ('intent', 'open');
  INSERT INTO event (bucket, order_id, seq, kind, at, evidence_id, data)
  SELECT p_bucket, s.order_id, s.seq + 1, 'paid', s.at, s.evidence_id, jsonb_build_object('channel', s.channel)
  FROM unnest(plain) s;
  INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at)
  SELECT p_bucket, s.order_id, s.seq + 2, l.n, 'paid', l.place, CASE l.n WHEN 0 THEN '' ELSE s.channel END, 'o',
    l.sign * s.amount_fen, s.evidence_id, s.at
  FROM unnest(plain) s
  CROSS JOIN (VALUES (0::smallint, 'source.payer', -1), (1::smallint, 'channel', 1)) AS l (n, place, sign);
  INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen,
    state, holder, next_actor, due_at, deadline_at, planned_at)
  SELECT p_bucket, s.attempt_no, s.order_id, 1, s.supplier, s.supplier_product, s.goods, s.quantity, s.cost_fen,
    'ready', s.channel, 'shop', s.at, s.dispatch_by, s.at FROM unnest(plain) s;
  UPDATE payment y SET state = 'paid', transaction_id = s.transaction_id, paid_fen = s.amount_fen,
    buyer_mask = s.buyer_mask, paid_at = s.at, due_at = s.confirm_at, deadline_at = s.confirm_at, holder = y.channel,
    next_actor = 'shop', lease_until = NULL
  FROM unnest(plain) s WHERE y.bucket = p_bucket AND y.payment_no = ANY (numbers) AND y.payment_no = s.payment_no;
  UPDATE orders o SET state = 'paid', seq = s.seq + 2, holder = 'channel', next_actor = 'shop', due_at = NULL,
    deadline_at = s.dispatch_by, paid_at = s.at, lease_until = NULL
  FROM unnest(plain) s WHERE o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id;
  INSERT INTO applied (bucket, key, request_hash, result, applied_at)
  SELECT p_bucket, s.key, s.request_hash, 'done', s.at FROM unnest(plain) s;
  RETURN QUERY SELECT s.key, 'done' FROM unnest(plain) s;
END $$;

-- Row 4 of the ledger with all of the cost out of the order's own money, and the intent to send.
CREATE FUNCTION dispatch_attempts(p_bucket int, p_steps send_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT s.order_id FROM unnest(p_steps) s);
  numbers text[] := ARRAY(SELECT s.attempt_no FROM unnest(p_steps) s);
  plain plain_send[];
BEGIN
  SELECT array_agg(ROW(s.key, s.request_hash, s.order_id, s.attempt_no, s.deadline_at, s.lease_until, s.at, o.seq,
    a.supplier, a.cost_fen, l.channel, l.evidence_id)::plain_send) INTO plain
  FROM unnest(p_steps) s JOIN orders o ON o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id
  JOIN supply_attempt a ON a.bucket = p_bucket AND a.attempt_no = ANY (numbers) AND a.attempt_no = s.attempt_no
  JOIN (
    SELECT k.subject, max(k.party) AS channel, max(k.evidence_id) AS evidence_id FROM leg k
    WHERE k.bucket = p_bucket AND k.subject = ANY (ids)
    GROUP BY k.subject HAVING count(*) = 2 AND bool_and(k.posting = 'paid')) l ON l.subject = s.order_id
  WHERE o.state = 'paid' AND a.order_id = s.order_id AND a.state = 'ready' AND a.n = 1
    AND a.cost_fen BETWEEN 1 AND o.price_fen;
  INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at)
  SELECT p_bucket, s.order_id, s.seq + 1, l.n, 'dispatched', l.place,
    CASE l.n WHEN 2 THEN s.supplier WHEN 3 THEN s.supplier || '#1' ELSE s.channel END, l.owner, l.sign * s.cost_fen,
    s.evidence_id, s.at
  FROM unnest(plain) s
  CROSS JOIN (VALUES (0::smallint, 'channel', 'o', -1), (1::smallint, 'channel', 'L', 1),
    (2::smallint, 'supplier.free', 'F', -1), (3::smallint, 'supplier.reserved', 'o', 1)) AS l (n, place, owner, sign);
  INSERT INTO event (bucket, order_id, seq, kind, at, data)
  SELECT p_bucket, s.order_id, s.seq + 2, 'sent', s.at, jsonb_build_object('supplier', s.supplier)
  FROM unnest(plain) s;
  UPDATE supply_attempt a SET state = 'sending', sent_at = s.at, due_at = s.at, deadline_at = s.deadline_at,
    holder = a.supplier, next_actor = 'supplier', lease_until = s.lease_until
  FROM unnest(plain) s WHERE a.bucket = p_bucket AND a.attempt_no = ANY (numbers) AND a.attempt_no = s.attempt_no;
  UPDATE orders o SET state = 'supplying', seq = s.seq + 2, holder = 'supplier.reserved', next_actor = 'supplier',
    due_at = s.deadline_at, deadline_at = s.deadline_at, lease_until = NULL
  FROM unnest(plain) s WHERE o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id;
  INSERT INTO applied (bucket, key, request_hash, result, applied_at)
  SELECT p_bucket, s.key, s.request_hash, 'done', s.at FROM unnest(plain) s;
  RETURN QUERY SELECT s.key, 'done' FROM unnest(plain) s;
END $$;

-- The supplier has it and works on it: no money moves, the clock does.
CREATE FUNCTION hear_suppliers(p_bucket int, p_steps heard_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT s.order_id FROM unnest(p_steps) s);
  numbers text[] := ARRAY(SELECT s.attempt_no FROM unnest(p_steps) s);
  plain plain_heard[];
BEGIN
  SELECT array_agg(ROW(s.key, s.order_id, s.attempt_no, s.code, s.supplier_order_id, s.feedback, s.evidence_id,
    s.due_at, s.at, o.seq, a.supplier, a.state <> 'processing')::plain_heard) INTO plain
  FROM unnest(p_steps) s JOIN orders o ON o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id
  JOIN supply_attempt a ON a.bucket = p_bucket AND a.attempt_no = ANY (numbers) AND a.attempt_no = s.attempt_no
  WHERE o.state = 'supplying' AND a.state IN ('sending', 'processing', 'unknown') AND s.due_at <= a.deadline_at;
  INSERT INTO event (bucket, order_id, seq, kind, at, evidence_id, data)
  SELECT p_bucket, s.order_id, s.seq + 1, 'supplier_processing', s.at, s.evidence_id,
    jsonb_build_object('supplier', s.supplier) FROM unnest(plain) s WHERE s.news;
  UPDATE orders o SET seq = s.seq + 1, lease_until = NULL FROM unnest(plain) s
  WHERE o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id AND s.news;
  UPDATE supply_attempt a SET state = 'processing', code = s.code, asked = a.asked + 1, asked_at = s.at,
    answered_at = s.at, due_at = s.due_at, feedback = a.feedback || s.feedback::jsonb,
    supplier_order_id = CASE s.supplier_order_id WHEN '' THEN a.supplier_order_id ELSE s.supplier_order_id END,
    lease_until = NULL
  FROM unnest(plain) s WHERE a.bucket = p_bucket AND a.attempt_no = ANY (numbers) AND a.attempt_no = s.attempt_no;
  RETURN QUERY SELECT s.key, 'done' FROM unnest(plain) s;
END $$;

-- Row 7 of the ledger at the reserved cost.
CREATE FUNCTION apply_deliveries(p_bucket int, p_steps delivered_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT s.order_id FROM unnest(p_steps) s);
  numbers text[] := ARRAY(SELECT s.attempt_no FROM unnest(p_steps) s);
  plain plain_delivered[];
BEGIN
  SELECT array_agg(ROW(s.key, s.request_hash, s.order_id, s.attempt_no, s.code, s.supplier_order_id, s.serial,
    s.feedback, s.evidence_id, s.at, o.seq, a.supplier, a.cost_fen)::plain_delivered) INTO plain
  FROM unnest(p_steps) s JOIN orders o ON o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id
  JOIN supply_attempt a ON a.bucket = p_bucket AND a.attempt_no = ANY (numbers) AND a.attempt_no = s.attempt_no
  JOIN (
    SELECT k.subject FROM leg k WHERE k.bucket = p_bucket AND k.subject = ANY (ids)
    GROUP BY k.subject HAVING count(*) = 6 AND bool_and(k.posting IN ('paid', 'dispatched'))) l
    ON l.subject = s.order_id
  WHERE o.state = 'supplying' AND a.order_id = s.order_id AND a.n = 1
    AND a.state IN ('sending', 'processing', 'unknown') AND coalesce(s.cost_fen, a.cost_fen) = a.cost_fen
    AND s.at <= a.deadline_at;
  INSERT INTO event (bucket, order_id, seq, kind, at, evidence_id, data)
  SELECT p_bucket, s.order_id, s.seq + 1, 'delivered', s.at, s.evidence_id, jsonb_build_object('supplier', s.supplier)
  FROM unnest(plain) s;
  INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at)
  SELECT p_bucket, s.order_id, s.seq + 2, l.n, 'supplier_succeeded', l.place, s.supplier || '#1', 'o',
    l.sign * s.cost_fen, s.evidence_id, s.at
  FROM unnest(plain) s
  CROSS JOIN (VALUES (0::smallint, 'supplier.reserved', -1), (1::smallint, 'supplier.settled', 1)) AS l (n, place, sign);
  UPDATE supply_attempt a SET state = 'succeeded', reason = '', code = s.code, asked = a.asked + 1, asked_at = s.at,
    answered_at = s.at, finished_at = s.at, due_at = NULL, next_actor = '', lease_until = NULL,
    supplier_order_id = s.supplier_order_id, serial = s.serial, feedback = a.feedback || s.feedback::jsonb
  FROM unnest(plain) s WHERE a.bucket = p_bucket AND a.attempt_no = ANY (numbers) AND a.attempt_no = s.attempt_no;
  UPDATE orders o SET state = 'delivered', reason = '', seq = s.seq + 2, holder = 'supplier.settled', next_actor = '',
    due_at = NULL, deadline_at = NULL, finished_at = s.at, lease_until = NULL
  FROM unnest(plain) s WHERE o.bucket = p_bucket AND o.order_id = ANY (ids) AND o.order_id = s.order_id;
  INSERT INTO applied (bucket, key, request_hash, result, applied_at)
  SELECT p_bucket, s.key, s.request_hash, 'done', s.at FROM unnest(plain) s;
  RETURN QUERY SELECT s.key, 'done' FROM unnest(plain) s;
END $$;

-- All steps of one bucket: the orders are locked in the order of their ids, what was applied before is answered
-- again, the rest is done, and one hint goes to live pages.
CREATE FUNCTION apply_batch(
  p_bucket int, p_orders text[], p_keys text[], p_hashes bytea[], p_place place_step[], p_open open_step[],
  p_opened opened_step[], p_paid paid_step[], p_send send_step[], p_heard heard_step[], p_delivered delivered_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
  before text[];
BEGIN
  IF cardinality(p_orders) > 0 THEN
    PERFORM 1 FROM orders o WHERE o.bucket = p_bucket AND o.order_id = ANY (p_orders) ORDER BY o.order_id FOR UPDATE;
  END IF;
  IF cardinality(p_keys) > 0 THEN
    SELECT array_agg(d.key) INTO before FROM applied d WHERE d.bucket = p_bucket AND d.key = ANY (p_keys);
    IF before IS NOT NULL THEN
      RETURN QUERY SELECT d.key, CASE WHEN d.request_hash = k.request_hash THEN d.result ELSE 'key_reused' END
      FROM unnest(p_keys, p_hashes) AS k (key, request_hash)
      JOIN applied d ON d.bucket = p_bucket AND d.key = k.key;
      p_open := ARRAY(SELECT s FROM unnest(p_open) s WHERE s.key <> ALL (before));
      p_paid := ARRAY(SELECT s FROM unnest(p_paid) s WHERE s.key <> ALL (before));
      p_send := ARRAY(SELECT s FROM unnest(p_send) s WHERE s.key <> ALL (before));
      p_delivered := ARRAY(SELECT s FROM unnest(p_delivered) s WHERE s.key <> ALL (before));
    END IF;
  END IF;
  IF cardinality(p_place) > 0 THEN RETURN QUERY SELECT * FROM place_orders(p_bucket, p_place); END IF;
  IF cardinality(p_open) > 0 THEN RETURN QUERY SELECT * FROM open_payments(p_bucket, p_open); END IF;
  IF cardinality(p_opened) > 0 THEN RETURN QUERY SELECT * FROM record_openings(p_bucket, p_opened); END IF;
  IF cardinality(p_paid) > 0 THEN RETURN QUERY SELECT * FROM apply_payments(p_bucket, p_paid); END IF;
  IF cardinality(p_send) > 0 THEN RETURN QUERY SELECT * FROM dispatch_attempts(p_bucket, p_send); END IF;
  IF cardinality(p_heard) > 0 THEN RETURN QUERY SELECT * FROM hear_suppliers(p_bucket, p_heard); END IF;
  IF cardinality(p_delivered) > 0 THEN RETURN QUERY SELECT * FROM apply_deliveries(p_bucket, p_delivered); END IF;
  IF cardinality(p_orders) > 0 THEN
    PERFORM pg_notify('mz_order', '');
  END IF;
END $$;

-- Rows that change several times keep room beside them.
ALTER TABLE orders SET (fillfactor = 60);
ALTER TABLE payment SET (fillfactor = 60);
ALTER TABLE supply_attempt SET (fillfactor = 60);

-- What a page asks each time: how long the last deliveries of a product took.
CREATE INDEX orders_delivered ON orders (product_id, finished_at DESC) WHERE state = 'delivered';
