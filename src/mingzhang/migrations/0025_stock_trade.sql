-- Card stock as a trade: what batches cost and who was paid, what became of cards taken off the shelf, who saw codes,
-- low-stock alarms, keys that can be changed, and claims in one call with less work.

-- Where the money for a batch came from: 'opening' is covered by the stock's opening balance, 'capital' and 'custody' are
-- ledger rows 1 and 2, 'moved' and 'restored' cards were paid for before, 'none' cost nothing (consignment, row 25).
ALTER TABLE card_batch ADD COLUMN money text NOT NULL DEFAULT 'opening';
ALTER TABLE card_batch ADD COLUMN paid_to text NOT NULL DEFAULT '';
ALTER TABLE card_batch ADD COLUMN evidence_id text NOT NULL DEFAULT '';
ALTER TABLE card_batch ADD CONSTRAINT card_batch_money
  CHECK (money IN ('opening', 'capital', 'custody', 'moved', 'restored', 'none'));

-- What became of a card that was taken off the shelf: back in a new batch, or its cost written off (row 26). One that is
-- neither, and was not moved, lies in the recycle bin.
CREATE TABLE card_exit (
  batch_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  kind text NOT NULL,
  into_batch text NOT NULL,
  cost_fen bigint NOT NULL,
  evidence_id text NOT NULL,
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL,
  CONSTRAINT card_exit_pk PRIMARY KEY (batch_id, n),
  CONSTRAINT card_exit_kind CHECK (kind IN ('restored', 'written_off')),
  CONSTRAINT card_exit_cost CHECK (cost_fen >= 0)
);
CREATE TRIGGER card_exit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_exit EXECUTE FUNCTION refuse_change();

-- Each time that the codes of an order were shown, and to whom.
CREATE TABLE card_view (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  view_id text COLLATE "C" NOT NULL,
  viewer text NOT NULL,
  via text NOT NULL,
  cards int NOT NULL,
  seen_at timestamptz NOT NULL,
  CONSTRAINT card_view_pk PRIMARY KEY (bucket, order_id, view_id)
);
CREATE TRIGGER card_view_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_view EXECUTE FUNCTION refuse_change();

-- 循环卡密: a product whose codes are sold again and again. The alarm: at how many cards, and since when it is low.
ALTER TABLE card_line ADD COLUMN reusable boolean NOT NULL DEFAULT false;
ALTER TABLE card_line ADD COLUMN low_at int NOT NULL DEFAULT 0;
ALTER TABLE card_line ADD COLUMN low_since timestamptz;
ALTER TABLE card_line ADD CONSTRAINT card_line_low CHECK (low_at >= 0);

-- Which key a code is sealed with (0: not known, sealed before keys had numbers). Sealing anew is the only change allowed.
ALTER TABLE card ADD COLUMN key_no bigint NOT NULL DEFAULT 0;
ALTER TABLE delivered_card ADD COLUMN key_no bigint NOT NULL DEFAULT 0;
DROP TRIGGER card_append_only ON card;
DROP TRIGGER delivered_card_append_only ON delivered_card;
CREATE TRIGGER card_sealed_only BEFORE UPDATE OF batch_id, n, card_hash OR DELETE OR TRUNCATE ON card
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivered_card_sealed_only BEFORE UPDATE OF bucket, order_id, attempt_no, n, card_hash, delivered_at OR DELETE OR TRUNCATE
  ON delivered_card EXECUTE FUNCTION refuse_change();

-- The way almost every claim goes: all of these attempts are new, there are cards enough for all, none is reusable and
-- none costs more than it may. One call, one transaction. Wishes come product by product, in the order of `p_lines`, with
-- `p_needed` cards wanted of each; the cards come back sealed, in the order of the wishes, as one row of arrays.
-- No row: nothing was done, because one of that does not hold; the caller then looks at each wish by itself.
DROP FUNCTION claim_cards(text[], text[], int[], bigint[], timestamptz);
CREATE FUNCTION claim_cards(
  p_lines text[], p_needed int[], p_attempts text[], p_products text[], p_quantities int[], p_safe_cost_fen bigint[],
  p_now timestamptz
) RETURNS TABLE (batches text[], ns int[], costs bigint[], cards bytea[])
LANGUAGE plpgsql SET enable_seqscan = off AS $$  -- its plans are kept, and the first are made on empty tables
#variable_conflict use_column
DECLARE
  v_attempts text[]; v_ks int[]; v_totals bigint[]; v_batches text[]; v_ns int[]; v_costs bigint[]; v_cards bytea[];
  v_reusable boolean;
BEGIN
  PERFORM FROM card_line WHERE product = ANY(p_lines) ORDER BY product FOR UPDATE;
  -- A new statement sees what whoever held the lines before has committed.
  IF EXISTS (SELECT FROM card_claim c WHERE c.attempt_no = ANY(p_attempts)) THEN
    RETURN;
  END IF;
  SELECT array_agg(f.b), array_agg(f.cn), array_agg(f.cost), array_agg(f.enc), bool_or(f.reusable)
  INTO v_batches, v_ns, v_costs, v_cards, v_reusable
  FROM (
    SELECT x.* FROM unnest(p_lines, p_needed) WITH ORDINALITY AS d(p, needed, ord) CROSS JOIN LATERAL (
      SELECT s.batch_id AS b, c.cn, s.unit_cost_fen AS cost, s.reusable, c.enc, s.expires_at, s.added_at
      FROM card_shelf s CROSS JOIN LATERAL (
        SELECT y.n AS cn, y.card_enc AS enc FROM card y
        WHERE y.batch_id = s.batch_id AND y.n > s.taken
          AND NOT EXISTS (SELECT FROM card_withdrawal w WHERE w.batch_id = y.batch_id AND w.n = y.n)
        ORDER BY y.n LIMIT d.needed) c
      WHERE s.product = d.p AND NOT s.sold_out AND (s.expires_at IS NULL OR s.expires_at > p_now)
      ORDER BY s.expires_at NULLS LAST, s.added_at, s.batch_id, c.cn LIMIT d.needed) x
    ORDER BY d.ord, x.expires_at NULLS LAST, x.added_at, x.b, x.cn) f;
  -- No product lies there more often than it is wanted: as many in all means as many of each.
  IF v_reusable OR coalesce(cardinality(v_batches), 0) < (SELECT sum(q) FROM unnest(p_needed) AS q) THEN
    RETURN;
  END IF;
  IF cardinality(v_batches) = cardinality(p_attempts) THEN  -- one card each
    v_attempts := p_attempts;
    v_totals := v_costs;
    v_ks := array_fill(1, ARRAY[cardinality(p_attempts)]);
  ELSE
    SELECT array_agg(u.a ORDER BY u.ord, u.i), array_agg(u.i ORDER BY u.ord, u.i) INTO v_attempts, v_ks
    FROM (
      SELECT w.a, w.ord, g.i FROM unnest(p_attempts, p_quantities) WITH ORDINALITY AS w(a, q, ord)
      CROSS JOIN LATERAL generate_series(1, w.q) AS g(i)) u;
    SELECT array_agg(t.total ORDER BY t.ord) INTO v_totals
    FROM (
      SELECT min(u.ord) AS ord, sum(u.c)::bigint AS total FROM unnest(v_attempts, v_costs) WITH ORDINALITY AS u(a, c, ord)
      GROUP BY u.a) t;
  END IF;
  IF EXISTS (SELECT FROM unnest(v_totals, p_safe_cost_fen) AS u(total, safe) WHERE u.total > u.safe) THEN
    RETURN;
  END IF;
  INSERT INTO card_claim (attempt_no, product, quantity, state, reason, cost_fen, claimed_at)
  SELECT w.a, w.p, w.q, 'claimed', '', w.total, p_now
  FROM unnest(p_attempts, p_products, p_quantities, v_totals) AS w(a, p, q, total);
  INSERT INTO card_claim_item (attempt_no, k, batch_id, n, reusable)
  SELECT u.a, u.i, u.b, u.cn, false FROM unnest(v_attempts, v_ks, v_batches, v_ns) AS u(a, i, b, cn);
  UPDATE card_shelf s SET taken = g.highest, available = s.available - g.gone, sold_out = s.available = g.gone
  FROM (SELECT u.b, max(u.cn) AS highest, count(*)::int AS gone FROM unnest(v_batches, v_ns) AS u(b, cn) GROUP BY u.b) g
  WHERE s.batch_id = g.b;
  RETURN QUERY SELECT v_batches, v_ns, v_costs, v_cards;
END $$;
