-- Own card stock (卡密) as a supplier (scale rule 17, ledger row 25): batches of cards with cost and expiry, a shelf
-- that says how far each batch is given out, and claims that are unique by attempt number.
-- Stock belongs to a product and not to an order: no bucket. Cards, codes, claims and withdrawals are append-only;
-- what moves is a batch's place on the shelf, under its product's line, which is locked first.

-- One line a product: whoever takes, adds or withdraws cards of a product locks it, so that nothing is oversold.
CREATE TABLE card_line (
  product text COLLATE "C" NOT NULL,
  opened_at timestamptz NOT NULL,
  CONSTRAINT card_line_pk PRIMARY KEY (product)
);

-- One import, or one move from another product. `unit_cost_fen`: what each card cost us, 0 on consignment.
CREATE TABLE card_batch (
  batch_id text COLLATE "C" NOT NULL,
  product text COLLATE "C" NOT NULL,
  unit_cost_fen bigint NOT NULL,
  expires_at timestamptz,
  reusable boolean NOT NULL,
  cards int NOT NULL,
  skipped int NOT NULL,
  source text NOT NULL,
  request_hash bytea NOT NULL,
  added_by text NOT NULL,
  added_at timestamptz NOT NULL,
  CONSTRAINT card_batch_pk PRIMARY KEY (batch_id),
  CONSTRAINT card_batch_counts CHECK (cards >= 0 AND skipped >= 0),
  CONSTRAINT card_batch_cost CHECK (unit_cost_fen BETWEEN 0 AND 1000000000000)
);

-- The cards of a batch in the order of the file, sealed with the key from outside the database.
CREATE TABLE card (
  batch_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  card_enc bytea NOT NULL,
  card_hash bytea NOT NULL,
  CONSTRAINT card_pk PRIMARY KEY (batch_id, n),
  CONSTRAINT card_n CHECK (n >= 1)
);

-- Every code that ever came in, by keyed hash: one that is here is a duplicate, whatever became of it.
CREATE TABLE card_code (
  card_hash bytea NOT NULL,
  batch_id text COLLATE "C" NOT NULL,
  line int NOT NULL,
  CONSTRAINT card_code_pk PRIMARY KEY (card_hash)
);

-- Where a batch stands: cards 1 to `taken` are given out or withdrawn, `available` of the later ones are free.
CREATE TABLE card_shelf (
  batch_id text COLLATE "C" NOT NULL,
  product text COLLATE "C" NOT NULL,
  unit_cost_fen bigint NOT NULL,
  expires_at timestamptz,
  reusable boolean NOT NULL,
  added_at timestamptz NOT NULL,
  taken int NOT NULL,
  available int NOT NULL,
  sold_out boolean NOT NULL,
  CONSTRAINT card_shelf_pk PRIMARY KEY (batch_id),
  CONSTRAINT card_shelf_counts CHECK (taken >= 0 AND available >= 0),
  CONSTRAINT card_shelf_sold_out CHECK (sold_out = (available = 0))
) WITH (fillfactor = 50);
-- Not by `available`: an index that names what every claim changes would grow with every claim.
CREATE INDEX card_shelf_next ON card_shelf (product, expires_at, added_at, batch_id) WHERE NOT sold_out;

-- A card taken off the shelf by a person: into the recycle bin, or moved to another product's batch.
CREATE TABLE card_withdrawal (
  batch_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  reason text NOT NULL,
  withdrawn_by text NOT NULL,
  withdrawn_at timestamptz NOT NULL,
  CONSTRAINT card_withdrawal_pk PRIMARY KEY (batch_id, n)
);

-- What an attempt was given, or that it was refused: one answer a number, for ever (F6, F20).
CREATE TABLE card_claim (
  attempt_no text COLLATE "C" NOT NULL,
  product text COLLATE "C" NOT NULL,
  quantity int NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  cost_fen bigint NOT NULL,
  claimed_at timestamptz NOT NULL,
  CONSTRAINT card_claim_pk PRIMARY KEY (attempt_no),
  CONSTRAINT card_claim_quantity CHECK (quantity >= 1),
  CONSTRAINT card_claim_cost CHECK (cost_fen >= 0),
  CONSTRAINT card_claim_state CHECK (
    (state = 'claimed' AND reason = '') OR (state = 'refused' AND reason <> '' AND cost_fen = 0))
);
CREATE INDEX card_claim_at ON card_claim USING brin (claimed_at);

-- Which cards those are. A card that is not reusable can be in here once, whatever the program believes (F7, F8).
CREATE TABLE card_claim_item (
  attempt_no text COLLATE "C" NOT NULL,
  k int NOT NULL,
  batch_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  reusable boolean NOT NULL,
  CONSTRAINT card_claim_item_pk PRIMARY KEY (attempt_no, k)
);
CREATE UNIQUE INDEX card_claim_item_once ON card_claim_item (batch_id, n) WHERE NOT reusable;

CREATE TRIGGER card_batch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_batch EXECUTE FUNCTION refuse_change();
CREATE TRIGGER card_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card EXECUTE FUNCTION refuse_change();
CREATE TRIGGER card_code_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_code EXECUTE FUNCTION refuse_change();
CREATE TRIGGER card_withdrawal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_withdrawal
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER card_claim_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_claim EXECUTE FUNCTION refuse_change();
CREATE TRIGGER card_claim_item_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON card_claim_item
  EXECUTE FUNCTION refuse_change();

-- The way almost every claim goes: all of these attempts are new, there are cards enough for all, none is reusable and
-- none costs more than it may. One call, one transaction; the cards come back sealed, one row each, `k` from 1 up.
-- No row: nothing was done, because one of that does not hold; the caller then looks at each wish by itself.
CREATE FUNCTION claim_cards(
  p_attempts text[], p_products text[], p_quantities int[], p_safe_cost_fen bigint[], p_now timestamptz
) RETURNS TABLE (attempt_no text, k int, batch_id text, n int, unit_cost_fen bigint, card_enc bytea)
LANGUAGE plpgsql SET enable_seqscan = off AS $$  -- its plans are kept, and the first are made on empty tables
#variable_conflict use_column
DECLARE
  v_attempts text[]; v_ks int[]; v_batches text[]; v_ns int[]; v_costs bigint[]; v_cards bytea[]; v_reusable boolean;
  v_dear boolean;
BEGIN
  PERFORM FROM card_line WHERE product = ANY(p_products) ORDER BY product FOR UPDATE;
  -- A new statement sees what whoever held the lines before has committed.
  IF EXISTS (SELECT FROM card_claim c WHERE c.attempt_no = ANY(p_attempts)) THEN
    RETURN;
  END IF;
  -- What is wanted and what lies there, unit by unit in one order: side by side without a join, which would try all pairs.
  SELECT array_agg(w.a ORDER BY w.p, w.ord, g.i), array_agg(g.i ORDER BY w.p, w.ord, g.i) INTO v_attempts, v_ks
  FROM unnest(p_attempts, p_products, p_quantities) WITH ORDINALITY AS w(a, p, q, ord)
  CROSS JOIN LATERAL generate_series(1, w.q) AS g(i);
  SELECT array_agg(l.b ORDER BY l.ord), array_agg(l.cn ORDER BY l.ord), array_agg(l.cost ORDER BY l.ord),
    array_agg(l.enc ORDER BY l.ord), bool_or(l.reusable)
  INTO v_batches, v_ns, v_costs, v_cards, v_reusable
  FROM (
    SELECT f.*, row_number() OVER (ORDER BY d.p, f.expires_at NULLS LAST, f.added_at, f.b, f.cn) AS ord
    FROM (
      SELECT w.p, sum(w.q)::int AS needed FROM unnest(p_products, p_quantities) AS w(p, q) GROUP BY w.p
    ) d CROSS JOIN LATERAL (
      SELECT s.batch_id AS b, c.cn, s.unit_cost_fen AS cost, s.reusable, c.enc, s.expires_at, s.added_at
      FROM card_shelf s CROSS JOIN LATERAL (
        SELECT x.n AS cn, x.card_enc AS enc FROM card x
        WHERE x.batch_id = s.batch_id AND x.n > s.taken
          AND NOT EXISTS (SELECT FROM card_withdrawal y WHERE y.batch_id = x.batch_id AND y.n = x.n)
        ORDER BY x.n LIMIT d.needed) c
      WHERE s.product = d.p AND NOT s.sold_out AND (s.expires_at IS NULL OR s.expires_at > p_now)
      ORDER BY s.expires_at NULLS LAST, s.added_at, s.batch_id, c.cn LIMIT d.needed) f) l;
  -- No product lies there more often than it is wanted: as many in all means as many of each.
  IF v_reusable OR coalesce(cardinality(v_batches), 0) < cardinality(v_attempts) THEN
    RETURN;
  END IF;
  SELECT bool_or(t.total > w.safe) INTO v_dear
  FROM unnest(p_attempts, p_safe_cost_fen) AS w(a, safe)
  JOIN (SELECT u.a, sum(u.c) AS total FROM unnest(v_attempts, v_costs) AS u(a, c) GROUP BY u.a) t ON t.a = w.a;
  IF v_dear THEN
    RETURN;
  END IF;
  INSERT INTO card_claim (attempt_no, product, quantity, state, reason, cost_fen, claimed_at)
  SELECT w.a, w.p, w.q, 'claimed', '', t.total, p_now
  FROM unnest(p_attempts, p_products, p_quantities) AS w(a, p, q)
  JOIN (SELECT u.a, sum(u.c) AS total FROM unnest(v_attempts, v_costs) AS u(a, c) GROUP BY u.a) t ON t.a = w.a;
  INSERT INTO card_claim_item (attempt_no, k, batch_id, n, reusable)
  SELECT u.a, u.i, u.b, u.cn, false FROM unnest(v_attempts, v_ks, v_batches, v_ns) AS u(a, i, b, cn);
  UPDATE card_shelf s SET taken = g.highest, available = s.available - g.gone, sold_out = s.available = g.gone
  FROM (SELECT u.b, max(u.cn) AS highest, count(*)::int AS gone FROM unnest(v_batches, v_ns) AS u(b, cn) GROUP BY u.b) g
  WHERE s.batch_id = g.b;
  RETURN QUERY SELECT * FROM unnest(v_attempts, v_ks, v_batches, v_ns, v_costs, v_cards);
END $$;
