-- The hot path again (decision 0070): rows are found by their whole key, one by one, whatever the planner knows of the
-- tables. Plans made for small tables went through all of a bucket, and hash tables were built for a handful of rows. A
-- signed address takes one step. What is yet to be recorded (0063) is noted by the same call.

DROP FUNCTION apply_batch, apply_steps;

-- The most telling column first: an applied row is looked for by all three, and the planner trusted the others too much.
ALTER TABLE inbox DROP CONSTRAINT inbox_pk;
ALTER TABLE inbox ADD CONSTRAINT inbox_pk PRIMARY KEY (external_id, kind, party);

-- Steps of one bucket, at most one of an order. The orders are locked in the order of their ids; what may be done is
-- decided by one WHERE ("plain") and written; what was applied before is answered again; the rest is left alone and
-- not answered. Placings are always done and not answered either. `p_orders`, `p_payments`, `p_attempts`: the keys
-- that the steps name, each in order; `p_noted`: whose rows change, for the public record; one that proves not plain is
-- passed over there. Kind `offered` is `open` and `opened` in one, for an address that is signed and asked of nobody:
-- `feedback` holds the url.
CREATE FUNCTION apply_batch(
  p_bucket int, p_kinds text[], p_orders text[], p_payments text[], p_attempts text[], p_noted text[],
  p_noted_at timestamptz, p_place place_step[], p_steps order_step[])
RETURNS TABLE (step_result text, step_keys text[]) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  plain plain_step[];
  done text[];
BEGIN
  IF cardinality(p_noted) > 0 THEN
    INSERT INTO unlogged (bucket, subjects, noted_at) SELECT p_bucket, p_noted, p_noted_at;
  END IF;
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

  PERFORM 1 FROM unnest(p_orders) k (order_id) CROSS JOIN LATERAL (
    SELECT FROM orders o WHERE o.bucket = p_bucket AND o.order_id = k.order_id FOR UPDATE) o;
  -- A new statement sees what whoever held the orders before has committed.
  SELECT array_agg(ROW(s.kind, s.key, s.request_hash, s.order_id, s.payment_no, s.attempt_no,
      CASE s.kind WHEN 'send' THEN l.evidence_id ELSE s.evidence_id END, s.at, s.due_at,
      CASE WHEN s.kind IN ('open', 'offered') THEN o.expires_at ELSE s.until_at END,
      CASE WHEN s.kind IN ('open', 'offered') THEN o.price_fen WHEN s.kind = 'paid' THEN s.amount_fen
        ELSE a.cost_fen END,
      s.value, s.mark, s.code, s.feedback, o.seq,
      s.kind <> 'opened' AND (s.kind <> 'heard' OR a.state <> 'processing'),
      coalesce(s.party, l.channel), coalesce(a.supplier, o.supplier), o.supplier_product, o.kind, o.quantity,
      o.cost_fen)::plain_step), array_agg(s.key)
  INTO plain, done
  FROM unnest(p_steps) s
  CROSS JOIN LATERAL (
    SELECT q.state, q.seq, q.expires_at, q.paid_at, q.price_fen, q.cost_fen, q.supplier, q.supplier_product, q.kind,
      q.quantity
    FROM orders q WHERE q.bucket = p_bucket AND q.order_id = s.order_id OFFSET 0) o
  LEFT JOIN LATERAL (
    SELECT q.payment_no, q.order_id, q.state, q.channel
    FROM payment q WHERE q.bucket = p_bucket AND q.payment_no = s.payment_no OFFSET 0) y ON true
  LEFT JOIN LATERAL (
    SELECT q.order_id, q.n, q.state, q.supplier, q.cost_fen, q.deadline_at FROM supply_attempt q
    WHERE q.bucket = p_bucket AND q.attempt_no = CASE WHEN s.kind <> 'paid' THEN s.attempt_no END OFFSET 0) a ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS legs, max(k.party) AS channel, max(k.evidence_id) AS evidence_id,
      bool_and(k.posting = 'paid') AS paid_only, bool_and(k.posting IN ('paid', 'dispatched')) AS usual
    FROM leg k WHERE k.bucket = p_bucket
      AND k.subject = CASE WHEN s.kind IN ('send', 'delivered') THEN s.order_id END) l ON true
  WHERE CASE s.kind
    WHEN 'open' THEN o.state = 'awaiting_payment' AND s.at < o.expires_at AND y.payment_no IS NULL
    WHEN 'offered' THEN o.state = 'awaiting_payment' AND s.at < o.expires_at AND y.payment_no IS NULL
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
  JOIN (VALUES ('open', 1, 'payment_opened', 'channel', false),
    ('offered', 1, 'payment_opened', 'channel', false), ('paid', 1, 'paid', 'channel', true),
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

  IF p_kinds && ARRAY['open', 'offered'] THEN
    INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, code, holder,
      next_actor, due_at, deadline_at, opened_at, expires_at)
    SELECT p_bucket, s.payment_no, s.order_id, 1, s.channel, s.value, s.amount_fen,
      CASE s.kind WHEN 'open' THEN 'intent' ELSE 'open' END, CASE s.kind WHEN 'open' THEN '' ELSE s.feedback END, s.code,
      'payer', CASE s.kind WHEN 'open' THEN 'channel' ELSE 'buyer' END, s.due_at, s.until_at, s.at, s.until_at
    FROM unnest(plain) s WHERE s.kind IN ('open', 'offered');
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
      AND y.order_id = ANY (p_orders) AND y.payment_no = s.payment_no AND s.kind IN ('opened', 'paid');
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
    WHERE a.bucket = p_bucket AND a.attempt_no = ANY (p_attempts) AND a.order_id = ANY (p_orders)
      AND a.attempt_no = s.attempt_no
      AND s.kind IN ('send', 'heard', 'delivered');
  END IF;

  UPDATE orders o SET
    state = CASE s.kind WHEN 'paid' THEN 'paid' WHEN 'send' THEN 'supplying' WHEN 'delivered' THEN 'delivered'
      ELSE o.state END,
    reason = CASE s.kind WHEN 'delivered' THEN '' ELSE o.reason END,
    seq = s.seq + CASE WHEN s.kind IN ('open', 'offered', 'heard') THEN 1 ELSE 2 END,
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
