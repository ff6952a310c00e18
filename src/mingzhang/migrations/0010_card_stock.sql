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
  CONSTRAINT card_shelf_pk PRIMARY KEY (batch_id),
  CONSTRAINT card_shelf_counts CHECK (taken >= 0 AND available >= 0)
);
CREATE INDEX card_shelf_next ON card_shelf (product, expires_at, added_at, batch_id) WHERE available > 0;

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
