-- Payments that nobody believes yet, and the life of money with no order (挂账).

-- A trade that a weakly signed notify (or a notify of an unknown number) told of: the row is the question to the
-- channel, kept until the channel has answered. Nothing moves before that.
CREATE TABLE trade_hint (
  bucket int NOT NULL,
  hint_id text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL,
  transaction_id text COLLATE "C" NOT NULL,
  payment_no text COLLATE "C" NOT NULL,
  state text NOT NULL,
  code text NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0,
  asked_at timestamptz,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  evidence_id text COLLATE "C" NOT NULL,
  known_at timestamptz NOT NULL,
  CONSTRAINT trade_hint_pk PRIMARY KEY (bucket, hint_id),
  CONSTRAINT trade_hint_once UNIQUE (bucket, channel, transaction_id, payment_no),
  CONSTRAINT trade_hint_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at)
);
CREATE INDEX trade_hint_due ON trade_hint (bucket, due_at) WHERE due_at IS NOT NULL;

-- The whole trade's amount (a refund of a part names both), and the clock that every waiting row has.
ALTER TABLE suspense ADD COLUMN trade_fen bigint NOT NULL DEFAULT 0;
ALTER TABLE suspense ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE suspense ADD COLUMN asked int NOT NULL DEFAULT 0;
ALTER TABLE suspense ADD CONSTRAINT suspense_clock
  CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at);
CREATE INDEX suspense_due ON suspense (bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX suspense_order ON suspense (bucket, order_id);
