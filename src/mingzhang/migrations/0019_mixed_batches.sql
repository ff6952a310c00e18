-- The steps every order takes, many orders and all kinds of step in one call (decision 0012). What costs in a call is
-- mostly its statements: so each table is written by one statement for all kinds, and the usual case asks nothing twice.
-- Replaces the functions of 0003 and 0014; what they write is the same.

DROP FUNCTION apply_and_tell, apply_batch, place_orders, open_payments, record_openings, apply_payments,
  dispatch_attempts, hear_suppliers, apply_deliveries, record_batch;
DROP TYPE open_step, opened_step, paid_step, send_step, heard_step, delivered_step,
  plain_open, plain_paid, plain_send, plain_heard, plain_delivered, place_step, inbox_key;

CREATE TYPE place_step AS (
  order_id text, product_id text, kind text, title_zh text, title_en text, quantity int, face_value_fen bigint,
  price_fen bigint, cost_fen bigint, supplier text, supplier_product text, rule_version int, promise_s int,
  account_mask text, account_enc bytea, account_hash bytea, contact_mask text, contact_enc bytea, contact_hash bytea,
  token_hash bytea, language text, at timestamptz, expires_at timestamptz);

-- Every other step. What the last columns hold, by kind (empty where nothing is named):
--   kind       payment_no attempt_no due_at      until_at     party   amount_fen value              mark       code
--   open       x                     ask at                   channel            method
--   opened     x                                                                 url                state      x
--   paid       x          x          confirm at  dispatch by  channel x          transaction        buyer mask
--   send                  x          lease until deadline
--   heard                 x          ask at                                      supplier's order              x
--   delivered             x                                           cost       supplier's order   serial     x
CREATE TYPE order_step AS (
  kind text, key text, request_hash bytea, order_id text, payment_no text, attempt_no text, evidence_id text,
  at timestamptz, due_at timestamptz, until_at timestamptz, party text, amount_fen bigint, value text, mark text,
  code text, feedback text);

-- A step that may be done, with what its order says. `news`: the timeline has something to tell.
CREATE TYPE plain_step AS (
  kind text, key text, request_hash bytea, order_id text, payment_no text, attempt_no text, evidence_id text,
  at timestamptz, due_at timestamptz, until_at timestamptz, amount_fen bigint, value text, mark text, code text,
  feedback text, seq int, news boolean, channel text, supplier text, supplier_product text, goods text, quantity int,
  cost_fen bigint);

------------------------------------------------------------------------------------------------ what is nobody's own
-- Placements, evidence, facts with their inbox rows, outside numbers (scale rules 5, 13, 14); and inbox rows whose
-- facts were applied go. Answers only what was not new: an evidence id or an order id, how it stands, and for a placing
-- told again the order of the first.
CREATE FUNCTION record_batch(
  p_placements placement_row[], p_buckets int[], p_evidence evidence_row[], p_facts fact_row[], p_numbers number_row[],
  p_applied_parties text[], p_applied_kinds text[], p_applied_ids text[])
RETURNS TABLE (step_key text, step_result text, step_order text) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  fresh fact_row[];
  written int;
BEGIN
  IF cardinality(p_applied_ids) > 0 THEN
    DELETE FROM inbox i USING unnest(p_applied_parties, p_applied_kinds, p_applied_ids) AS d (party, kind, external_id)
    WHERE i.party = ANY (p_applied_parties) AND i.kind = ANY (p_applied_kinds) AND i.external_id = ANY (p_applied_ids)
      AND i.party = d.party AND i.kind = d.kind AND i.external_id = d.external_id;
  END IF;
  IF cardinality(p_placements) > 0 THEN
    INSERT INTO placement (client, key, request_hash, bucket, order_id, placed_at)
    SELECT p.client, p.key, p.request_hash, p.bucket, p.order_id, p.at FROM unnest(p_placements) p
    ORDER BY p.client, p.key
    ON CONFLICT (client, key) DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written < cardinality(p_placements) THEN
      RETURN QUERY
      SELECT p.order_id, CASE WHEN q.request_hash = p.request_hash THEN 'repeat' ELSE 'key_reused' END, q.order_id
      FROM unnest(p_placements) p CROSS JOIN LATERAL (
        SELECT r.order_id, r.request_hash FROM placement r WHERE r.client = p.client AND r.key = p.key OFFSET 0) q
      WHERE q.order_id <> p.order_id;
    END IF;
    IF cardinality(p_buckets) > 0 THEN
      INSERT INTO bucket (bucket, opened_at)
      SELECT p.bucket, min(p.at) FROM unnest(p_placements) p
      WHERE p.bucket = ANY (p_buckets) GROUP BY p.bucket ORDER BY p.bucket
      ON CONFLICT (bucket) DO NOTHING;
    END IF;
  END IF;
  IF cardinality(p_evidence) > 0 THEN
    -- All of a call or nothing was written: if its first message is there, this is the same call again.
    IF NOT EXISTS (SELECT FROM evidence e WHERE e.evidence_id = (p_evidence[1]).evidence_id) THEN
      INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note,
        occurred_at, known_at)
      SELECT e.evidence_id, e.party, e.kind, e.direction, e.standing, e.content_type, e.body, e.sha256, e.note,
        e.occurred_at, e.at FROM unnest(p_evidence) e;
    ELSE
      INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note,
        occurred_at, known_at)
      SELECT e.evidence_id, e.party, e.kind, e.direction, e.standing, e.content_type, e.body, e.sha256, e.note,
        e.occurred_at, e.at FROM unnest(p_evidence) e
      ON CONFLICT (evidence_id) DO NOTHING;
    END IF;
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
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written = cardinality(p_facts) THEN
      INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at)
      SELECT f.party, f.kind, f.external_id, f.bucket, f.subject, f.content::jsonb, f.evidence_id, f.at, f.due_at
      FROM unnest(fresh) f;
      RETURN;
    END IF;
    INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at)
    SELECT f.party, f.kind, f.external_id, f.bucket, f.subject, f.content::jsonb, f.evidence_id, f.at, f.due_at
    FROM unnest(fresh) f CROSS JOIN LATERAL (
      SELECT r.evidence_id FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k
    WHERE k.evidence_id = f.evidence_id;
    INSERT INTO conflict (evidence_id, party, kind, external_id, bucket, subject, content, known_at)
    SELECT f.evidence_id, f.party, f.kind, f.external_id, f.bucket, f.subject, f.content::jsonb, f.at
    FROM unnest(p_facts) f CROSS JOIN LATERAL (
      SELECT r.content_hash FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k
    WHERE k.content_hash <> f.content_hash
    ON CONFLICT (evidence_id) DO NOTHING;
    RETURN QUERY
    SELECT f.evidence_id, CASE WHEN k.content_hash = f.content_hash THEN 'same' ELSE 'conflict' END, ''
    FROM unnest(p_facts) f CROSS JOIN LATERAL (
      SELECT r.evidence_id, r.content_hash FROM fact r
      WHERE r.party = f.party AND r.kind = f.kind AND r.external_id = f.external_id OFFSET 0) k
    WHERE k.evidence_id <> f.evidence_id;
  END IF;
END $$;

------------------------------------------------------------------------------------------------ orders
-- Steps of one bucket, at most one of an order. The orders are locked in the order of their ids; what may be done is
-- decided by one WHERE ("plain") and written; what was applied before is answered again; the rest is left alone and
-- not answered. Placings are always done and not answered either. `p_orders`, `p_payments`, `p_attempts`: the keys
-- that the steps name; `p_journals`: orders of `send` and `delivered`, whose legs must be exactly the expected ones.
CREATE FUNCTION apply_batch(
  p_bucket int, p_kinds text[], p_orders text[], p_payments text[], p_attempts text[], p_journals text[],
  p_place place_step[], p_steps order_step[])
RETURNS TABLE (step_result text, step_keys text[]) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  plain plain_step[];
  done text[];
BEGIN
  IF cardinality(p_place) > 0 THEN
    INSERT INTO orders (bucket, order_id, state, seq, product_id, kind, title_zh, title_en, quantity, face_value_fen,
      price_fen, cost_fen, supplier, supplier_product, rule_version, promise_s, account_mask, account_enc,
      account_hash, contact_mask, contact_enc, contact_hash, token_hash, language, holder, next_actor, due_at,
      deadline_at, placed_at, expires_at)
    SELECT p_bucket, s.order_id, 'awaiting_payment', 1, s.product_id, s.kind, s.title_zh, s.title_en, s.quantity,
      s.face_value_fen, s.price_fen, s.cost_fen, s.supplier, s.supplier_product, s.rule_version, s.promise_s,
      s.account_mask, s.account_enc, s.account_hash, s.contact_mask, s.contact_enc, s.contact_hash, s.token_hash,
      s.language, 'payer', 'buyer', s.expires_at, s.expires_at, s.at, s.expires_at
    FROM unnest(p_place) s
    ON CONFLICT (bucket, order_id) DO NOTHING;
    INSERT INTO event (bucket, order_id, seq, kind, at)
    SELECT p_bucket, s.order_id, 1, 'placed', s.at FROM unnest(p_place) s
    ON CONFLICT (bucket, order_id, seq) DO NOTHING;
  END IF;
  IF cardinality(p_steps) = 0 THEN
    RETURN;
  END IF;

  PERFORM 1 FROM orders o WHERE o.bucket = p_bucket AND o.order_id = ANY (p_orders) ORDER BY o.order_id FOR UPDATE;
  -- A new statement sees what whoever held the orders before has committed.
  SELECT array_agg(ROW(s.kind, s.key, s.request_hash, s.order_id, s.payment_no, s.attempt_no,
      CASE s.kind WHEN 'send' THEN l.evidence_id ELSE s.evidence_id END, s.at, s.due_at,
      CASE s.kind WHEN 'open' THEN o.expires_at ELSE s.until_at END,
      CASE s.kind WHEN 'open' THEN o.price_fen WHEN 'paid' THEN s.amount_fen ELSE a.cost_fen END,
      s.value, s.mark, s.code, s.feedback, o.seq,
      s.kind <> 'opened' AND (s.kind <> 'heard' OR a.state <> 'processing'),
      coalesce(s.party, l.channel), coalesce(a.supplier, o.supplier), o.supplier_product, o.kind, o.quantity,
      o.cost_fen)::plain_step), array_agg(s.key)
  INTO plain, done
  FROM unnest(p_steps) s
  JOIN orders o ON o.bucket = p_bucket AND o.order_id = ANY (p_orders) AND o.order_id = s.order_id
  LEFT JOIN payment y ON y.bucket = p_bucket AND y.payment_no = ANY (p_payments) AND y.payment_no = s.payment_no
  LEFT JOIN supply_attempt a
    ON a.bucket = p_bucket AND a.attempt_no = ANY (p_attempts) AND a.attempt_no = s.attempt_no
  LEFT JOIN (
    SELECT k.subject, count(*) AS legs, max(k.party) AS channel, max(k.evidence_id) AS evidence_id,
      bool_and(k.posting = 'paid') AS paid_only, bool_and(k.posting IN ('paid', 'dispatched')) AS usual
    FROM leg k WHERE k.bucket = p_bucket AND k.subject = ANY (p_journals) GROUP BY k.subject) l
    ON l.subject = s.order_id
  WHERE CASE s.kind
    WHEN 'open' THEN o.state = 'awaiting_payment' AND s.at < o.expires_at AND y.payment_no IS NULL
    WHEN 'opened' THEN y.order_id = s.order_id AND y.state = 'intent'
    WHEN 'paid' THEN o.state = 'awaiting_payment' AND o.paid_at IS NULL AND o.price_fen = s.amount_fen
      AND y.order_id = s.order_id AND y.channel = s.party AND y.state IN ('intent', 'open')
    WHEN 'send' THEN o.state = 'paid' AND a.order_id = s.order_id AND a.state = 'ready' AND a.n = 1
      AND a.cost_fen BETWEEN 1 AND o.price_fen AND l.legs = 2 AND l.paid_only
    WHEN 'heard' THEN o.state = 'supplying' AND a.order_id = s.order_id
      AND a.state IN ('sending', 'processing', 'unknown') AND s.due_at <= a.deadline_at
    WHEN 'delivered' THEN o.state = 'supplying' AND a.order_id = s.order_id AND a.n = 1
      AND a.state IN ('sending', 'processing', 'unknown') AND coalesce(s.amount_fen, a.cost_fen) = a.cost_fen
      AND s.at <= a.deadline_at AND l.legs = 6 AND l.usual
    END;

  IF done IS NULL OR cardinality(done) < cardinality(p_steps) THEN
    RETURN QUERY
    SELECT CASE WHEN d.request_hash = s.request_hash THEN d.result ELSE 'key_reused' END, array_agg(s.key)
    FROM unnest(p_steps) s CROSS JOIN LATERAL (
      SELECT b.request_hash, b.result FROM applied b WHERE b.bucket = p_bucket AND b.key = s.key OFFSET 0) d
    WHERE s.request_hash IS NOT NULL GROUP BY 1;
    IF done IS NULL THEN
      RETURN;
    END IF;
  END IF;

  INSERT INTO event (bucket, order_id, seq, kind, at, evidence_id, data)
  SELECT p_bucket, s.order_id, s.seq + e.step, e.event, s.at, CASE WHEN e.cites THEN s.evidence_id ELSE '' END,
    jsonb_build_object(e.names, CASE e.names WHEN 'channel' THEN s.channel ELSE s.supplier END)
  FROM unnest(plain) s
  JOIN (VALUES ('open', 1, 'payment_opened', 'channel', false), ('paid', 1, 'paid', 'channel', true),
    ('send', 2, 'sent', 'supplier', false), ('heard', 1, 'supplier_processing', 'supplier', true),
    ('delivered', 1, 'delivered', 'supplier', true)) AS e (kind, step, event, names, cites) ON e.kind = s.kind
  WHERE s.news;

  -- Rows 3, 4 (all of the cost out of the order's own money) and 7 (at the reserved cost) of the ledger.
  IF p_kinds && ARRAY['paid', 'send', 'delivered'] THEN
    INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at)
    SELECT p_bucket, s.order_id, s.seq + l.step, l.n, l.posting, l.place,
      CASE l.whose WHEN 'channel' THEN s.channel WHEN 'supplier' THEN s.supplier WHEN 'attempt' THEN s.supplier || '#1'
        ELSE '' END,
      l.owner, l.sign * s.amount_fen, s.evidence_id, s.at
    FROM unnest(plain) s
    JOIN (VALUES ('paid', 2, 0::smallint, 'paid', 'source.payer', 'nobody', 'o', -1),
      ('paid', 2, 1::smallint, 'paid', 'channel', 'channel', 'o', 1),
      ('send', 1, 0::smallint, 'dispatched', 'channel', 'channel', 'o', -1),
      ('send', 1, 1::smallint, 'dispatched', 'channel', 'channel', 'L', 1),
      ('send', 1, 2::smallint, 'dispatched', 'supplier.free', 'supplier', 'F', -1),
      ('send', 1, 3::smallint, 'dispatched', 'supplier.reserved', 'attempt', 'o', 1),
      ('delivered', 2, 0::smallint, 'supplier_succeeded', 'supplier.reserved', 'attempt', 'o', -1),
      ('delivered', 2, 1::smallint, 'supplier_succeeded', 'supplier.settled', 'attempt', 'o', 1))
      AS l (kind, step, n, posting, place, whose, owner, sign) ON l.kind = s.kind;
  END IF;

  IF 'open' = ANY (p_kinds) THEN
    INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, holder, next_actor,
      due_at, deadline_at, opened_at, expires_at)
    SELECT p_bucket, s.payment_no, s.order_id, 1, s.channel, s.value, s.amount_fen, 'intent', 'payer', 'channel',
      s.due_at, s.until_at, s.at, s.until_at FROM unnest(plain) s WHERE s.kind = 'open';
  END IF;
  IF p_kinds && ARRAY['opened', 'paid'] THEN
    UPDATE payment y SET
      state = CASE s.kind WHEN 'paid' THEN 'paid' ELSE s.mark END,
      url = CASE s.kind WHEN 'paid' THEN y.url ELSE s.value END,
      code = CASE s.kind WHEN 'paid' THEN y.code ELSE s.code END,
      transaction_id = CASE s.kind WHEN 'paid' THEN s.value ELSE y.transaction_id END,
      paid_fen = CASE s.kind WHEN 'paid' THEN s.amount_fen ELSE y.paid_fen END,
      buyer_mask = CASE s.kind WHEN 'paid' THEN s.mark ELSE y.buyer_mask END,
      paid_at = CASE s.kind WHEN 'paid' THEN s.at ELSE y.paid_at END,
      due_at = CASE s.kind WHEN 'paid' THEN s.due_at ELSE y.due_at END,
      deadline_at = CASE s.kind WHEN 'paid' THEN s.due_at ELSE y.deadline_at END,
      holder = CASE s.kind WHEN 'paid' THEN y.channel ELSE y.holder END,
      next_actor = CASE s.kind WHEN 'paid' THEN 'shop' ELSE 'buyer' END,
      lease_until = NULL
    FROM unnest(plain) s WHERE y.bucket = p_bucket AND y.payment_no = ANY (p_payments)
      AND y.payment_no = s.payment_no AND s.kind IN ('opened', 'paid');
  END IF;

  IF 'paid' = ANY (p_kinds) THEN
    INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen,
      state, holder, next_actor, due_at, deadline_at, planned_at)
    SELECT p_bucket, s.attempt_no, s.order_id, 1, s.supplier, s.supplier_product, s.goods, s.quantity, s.cost_fen,
      'ready', s.channel, 'shop', s.at, s.until_at, s.at FROM unnest(plain) s WHERE s.kind = 'paid';
  END IF;
  IF cardinality(p_attempts) > 0 THEN
    UPDATE supply_attempt a SET
      state = CASE s.kind WHEN 'send' THEN 'sending' WHEN 'heard' THEN 'processing' ELSE 'succeeded' END,
      reason = CASE s.kind WHEN 'delivered' THEN '' ELSE a.reason END,
      code = CASE s.kind WHEN 'send' THEN a.code ELSE s.code END,
      supplier_order_id = CASE WHEN s.kind = 'send' OR s.kind = 'heard' AND s.value = '' THEN a.supplier_order_id
        ELSE s.value END,
      serial = CASE s.kind WHEN 'delivered' THEN s.mark ELSE a.serial END,
      feedback = CASE WHEN s.kind = 'send' OR s.feedback = '{}' THEN a.feedback ELSE a.feedback || s.feedback::jsonb END,
      asked = CASE s.kind WHEN 'send' THEN a.asked ELSE a.asked + 1 END,
      asked_at = CASE s.kind WHEN 'send' THEN a.asked_at ELSE s.at END,
      answered_at = CASE s.kind WHEN 'send' THEN a.answered_at ELSE s.at END,
      sent_at = CASE s.kind WHEN 'send' THEN s.at ELSE a.sent_at END,
      finished_at = CASE s.kind WHEN 'delivered' THEN s.at ELSE a.finished_at END,
      due_at = CASE s.kind WHEN 'send' THEN s.at WHEN 'heard' THEN s.due_at END,
      deadline_at = CASE s.kind WHEN 'send' THEN s.until_at ELSE a.deadline_at END,
      holder = CASE s.kind WHEN 'send' THEN a.supplier ELSE a.holder END,
      next_actor = CASE s.kind WHEN 'send' THEN 'supplier' WHEN 'heard' THEN a.next_actor ELSE '' END,
      lease_until = CASE s.kind WHEN 'send' THEN s.due_at END
    FROM unnest(plain) s
    WHERE a.bucket = p_bucket AND a.attempt_no = ANY (p_attempts) AND a.attempt_no = s.attempt_no
      AND s.kind IN ('send', 'heard', 'delivered');
  END IF;

  UPDATE orders o SET
    state = CASE s.kind WHEN 'paid' THEN 'paid' WHEN 'send' THEN 'supplying' WHEN 'delivered' THEN 'delivered'
      ELSE o.state END,
    reason = CASE s.kind WHEN 'delivered' THEN '' ELSE o.reason END,
    seq = s.seq + CASE WHEN s.kind IN ('open', 'heard') THEN 1 ELSE 2 END,
    holder = CASE s.kind WHEN 'paid' THEN 'channel' WHEN 'send' THEN 'supplier.reserved'
      WHEN 'delivered' THEN 'supplier.settled' ELSE o.holder END,
    next_actor = CASE s.kind WHEN 'paid' THEN 'shop' WHEN 'send' THEN 'supplier' WHEN 'delivered' THEN ''
      ELSE o.next_actor END,
    due_at = CASE s.kind WHEN 'paid' THEN NULL WHEN 'send' THEN s.until_at WHEN 'delivered' THEN NULL
      ELSE o.due_at END,
    deadline_at = CASE s.kind WHEN 'paid' THEN s.until_at WHEN 'send' THEN s.until_at WHEN 'delivered' THEN NULL
      ELSE o.deadline_at END,
    paid_at = CASE s.kind WHEN 'paid' THEN s.at ELSE o.paid_at END,
    finished_at = CASE s.kind WHEN 'delivered' THEN s.at ELSE o.finished_at END,
    lease_until = NULL
  FROM unnest(plain) s
  WHERE o.bucket = p_bucket AND o.order_id = ANY (p_orders) AND o.order_id = s.order_id AND s.news;

  INSERT INTO applied (bucket, key, request_hash, result, applied_at)
  SELECT p_bucket, s.key, s.request_hash, 'done', s.at FROM unnest(plain) s WHERE s.request_hash IS NOT NULL;

  -- What is to be told to people, where anybody is to be told (decision 0009).
  IF p_kinds && ARRAY['paid', 'delivered'] AND EXISTS (SELECT FROM notice_route r WHERE r.active) THEN
    INSERT INTO untold (bucket, order_id, seq, kind, queued_at)
    SELECT p_bucket, s.order_id, s.seq + 1, s.kind, s.at FROM unnest(plain) s
    WHERE s.kind IN ('paid', 'delivered')
    ON CONFLICT (bucket, order_id, seq) DO NOTHING;
  END IF;
  RETURN QUERY SELECT 'done', done;
END $$;
