-- The whole schema of the main job: evidence, ledger, catalogue, orders, payments, fulfilment, refunds, staff.
-- Rules kept (docs/architecture): order-owned tables carry `bucket` first in every key; no sequence decides an
-- order; times come in as parameters; append-only tables refuse UPDATE, DELETE and TRUNCATE by trigger.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'append_only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- Every bucket that ever held an order; workers scan these, not the setting.
CREATE TABLE bucket (
  bucket int NOT NULL,
  opened_at timestamptz NOT NULL,
  CONSTRAINT bucket_pk PRIMARY KEY (bucket)
);

------------------------------------------------------------------------------------------------ evidence
CREATE TABLE evidence (
  evidence_id text COLLATE "C" NOT NULL,
  party text NOT NULL,
  kind text NOT NULL,
  direction text NOT NULL,
  standing text NOT NULL,
  content_type text NOT NULL,
  body bytea NOT NULL,
  sha256 bytea NOT NULL,
  note text NOT NULL,
  occurred_at timestamptz,
  known_at timestamptz NOT NULL,
  CONSTRAINT evidence_pk PRIMARY KEY (evidence_id),
  CONSTRAINT evidence_direction CHECK (direction IN ('in', 'out')),
  CONSTRAINT evidence_standing CHECK (standing IN ('verified', 'answer', 'hint', 'forged', 'own'))
);

-- An outside thing, written once: what it is and which order or suspense item it belongs to.
CREATE TABLE fact (
  party text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  content jsonb NOT NULL,
  content_hash bytea NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  known_at timestamptz NOT NULL,
  CONSTRAINT fact_pk PRIMARY KEY (party, kind, external_id)
);

-- A fact that waits to be applied: the row is the job, and is removed in the transaction that applies it.
CREATE TABLE inbox (
  party text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  content jsonb NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  known_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  asked int NOT NULL DEFAULT 0,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  last_error text NOT NULL DEFAULT '',
  CONSTRAINT inbox_pk PRIMARY KEY (party, kind, external_id)
);
CREATE INDEX inbox_due ON inbox (bucket, due_at);

-- The same outside thing told twice with different content: waits for a person (the first fact stands).
CREATE TABLE conflict (
  evidence_id text COLLATE "C" NOT NULL,
  party text NOT NULL,
  kind text NOT NULL,
  external_id text NOT NULL,
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  content jsonb NOT NULL,
  known_at timestamptz NOT NULL,
  CONSTRAINT conflict_pk PRIMARY KEY (evidence_id)
);

-- What was applied to a bucket under which key, and what came of it: a retry by key reads its answer here.
CREATE TABLE applied (
  bucket int NOT NULL,
  key text COLLATE "C" NOT NULL,
  request_hash bytea NOT NULL,
  result text NOT NULL,
  applied_at timestamptz NOT NULL,
  CONSTRAINT applied_pk PRIMARY KEY (bucket, key)
);

-- Every outside number a person may hold, not unique on purpose: 交易号, 商户订单号, supplier's, refund's.
CREATE TABLE number (
  value text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  CONSTRAINT number_pk PRIMARY KEY (value, kind, order_id)
);

------------------------------------------------------------------------------------------------ ledger
-- One row a leg. `seq` is the order's own event number, so a posting is (bucket, subject, seq).
CREATE TABLE leg (
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  seq int NOT NULL,
  n smallint NOT NULL,
  posting text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT leg_pk PRIMARY KEY (bucket, subject, seq, n),
  CONSTRAINT leg_not_zero CHECK (amount_fen <> 0),
  CONSTRAINT leg_evidence CHECK (evidence_id <> '')
);
CREATE INDEX leg_at ON leg USING brin (at);
-- The float outside the suppliers is small; a refund that must borrow from it reads its sum here.
CREATE INDEX leg_float ON leg (place, party) WHERE owner = 'F' AND place <> 'supplier.free';

------------------------------------------------------------------------------------------------ catalogue
CREATE TABLE product (
  product_id text NOT NULL,
  kind text NOT NULL,
  title_zh text NOT NULL,
  title_en text NOT NULL,
  face_value_fen bigint NOT NULL,
  price_fen bigint NOT NULL,
  cost_fen bigint NOT NULL,
  max_quantity int NOT NULL,
  supplier text NOT NULL,
  supplier_product text NOT NULL,
  account_template text NOT NULL,
  promise_s int NOT NULL,
  position int NOT NULL,
  active boolean NOT NULL,
  CONSTRAINT product_pk PRIMARY KEY (product_id),
  CONSTRAINT product_kind CHECK (kind IN ('direct', 'mobile', 'card')),
  CONSTRAINT product_money CHECK (price_fen > 0 AND cost_fen > 0 AND face_value_fen > 0)
);

CREATE TABLE rule_version (
  version int NOT NULL,
  text_zh text NOT NULL,
  text_en text NOT NULL,
  sha256 bytea NOT NULL,
  effective_at timestamptz NOT NULL,
  CONSTRAINT rule_version_pk PRIMARY KEY (version)
);

------------------------------------------------------------------------------------------------ orders
-- Placing is idempotent by (client, key) alone; the row fixes order id and bucket before the order exists.
CREATE TABLE placement (
  client text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  request_hash bytea NOT NULL,
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  placed_at timestamptz NOT NULL,
  CONSTRAINT placement_pk PRIMARY KEY (client, key)
);

CREATE TABLE orders (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  state text NOT NULL,
  reason text NOT NULL DEFAULT '',
  seq int NOT NULL,
  product_id text NOT NULL,
  kind text NOT NULL,
  title_zh text NOT NULL,
  title_en text NOT NULL,
  quantity int NOT NULL,
  face_value_fen bigint NOT NULL,
  price_fen bigint NOT NULL,
  cost_fen bigint NOT NULL,
  supplier text NOT NULL,
  supplier_product text NOT NULL,
  rule_version int NOT NULL,
  promise_s int NOT NULL,
  account_mask text NOT NULL,
  account_enc bytea NOT NULL,
  account_hash bytea NOT NULL,
  contact_mask text NOT NULL,
  contact_enc bytea NOT NULL,
  contact_hash bytea NOT NULL,
  token_hash bytea NOT NULL,
  language text NOT NULL,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  placed_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  paid_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT orders_pk PRIMARY KEY (bucket, order_id),
  CONSTRAINT orders_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at)
);
CREATE INDEX orders_due ON orders (bucket, due_at) WHERE due_at IS NOT NULL;

-- What happened to an order, in its own order (R39). Written beside every transition, under the order's lock.
CREATE TABLE event (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  seq int NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  data jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT event_pk PRIMARY KEY (bucket, order_id, seq)
);
CREATE INDEX event_at ON event USING brin (at);

------------------------------------------------------------------------------------------------ payments
CREATE TABLE payment (
  bucket int NOT NULL,
  payment_no text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  channel text NOT NULL,
  method text NOT NULL,
  amount_fen bigint NOT NULL,
  state text NOT NULL,
  url text NOT NULL DEFAULT '',
  transaction_id text NOT NULL DEFAULT '',
  paid_fen bigint NOT NULL DEFAULT 0,
  buyer_mask text NOT NULL DEFAULT '',
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
  opened_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  paid_at timestamptz,
  CONSTRAINT payment_pk PRIMARY KEY (bucket, payment_no),
  CONSTRAINT payment_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at)
);
CREATE INDEX payment_order ON payment (bucket, order_id);
CREATE INDEX payment_due ON payment (bucket, due_at) WHERE due_at IS NOT NULL;

-- Money with no order (待核实款项, staff: 挂账): a subject of the ledger like an order, with its own clock.
CREATE TABLE suspense (
  bucket int NOT NULL,
  item_id text COLLATE "C" NOT NULL,
  seq int NOT NULL,
  state text NOT NULL,
  cause text NOT NULL,
  channel text NOT NULL,
  transaction_id text NOT NULL,
  payment_no text NOT NULL,
  order_id text COLLATE "C" NOT NULL DEFAULT '',
  amount_fen bigint NOT NULL,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  known_at timestamptz NOT NULL,
  CONSTRAINT suspense_pk PRIMARY KEY (bucket, item_id)
);

------------------------------------------------------------------------------------------------ fulfilment
CREATE TABLE supply_attempt (
  bucket int NOT NULL,
  attempt_no text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  supplier text NOT NULL,
  supplier_product text NOT NULL,
  kind text NOT NULL,
  quantity int NOT NULL,
  cost_fen bigint NOT NULL,
  state text NOT NULL,
  reason text NOT NULL DEFAULT '',
  code text NOT NULL DEFAULT '',
  supplier_order_id text NOT NULL DEFAULT '',
  serial text NOT NULL DEFAULT '',
  feedback jsonb NOT NULL DEFAULT '{}',
  asked int NOT NULL DEFAULT 0,
  asked_at timestamptz,
  answered_at timestamptz,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  planned_at timestamptz NOT NULL,
  sent_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT supply_attempt_pk PRIMARY KEY (bucket, attempt_no),
  CONSTRAINT supply_attempt_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at)
);
CREATE INDEX supply_attempt_order ON supply_attempt (bucket, order_id);
CREATE INDEX supply_attempt_due ON supply_attempt (bucket, due_at) WHERE due_at IS NOT NULL;

-- Card codes handed to the buyer, encrypted with a key from outside the database.
CREATE TABLE delivered_card (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  attempt_no text COLLATE "C" NOT NULL,
  n int NOT NULL,
  card_enc bytea NOT NULL,
  card_hash bytea NOT NULL,
  delivered_at timestamptz NOT NULL,
  CONSTRAINT delivered_card_pk PRIMARY KEY (bucket, order_id, attempt_no, n)
);

------------------------------------------------------------------------------------------------ refunds
CREATE TABLE refund (
  bucket int NOT NULL,
  refund_no text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  payment_no text COLLATE "C" NOT NULL,
  transaction_id text NOT NULL,
  channel text NOT NULL,
  amount_fen bigint NOT NULL,
  total_fen bigint NOT NULL,
  cause text NOT NULL,
  state text NOT NULL,
  code text NOT NULL DEFAULT '',
  destination text NOT NULL DEFAULT '',
  reference text NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0,
  asked_at timestamptz,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  promised_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  planned_at timestamptz NOT NULL,
  accepted_at timestamptz,
  arrived_at timestamptz,
  CONSTRAINT refund_pk PRIMARY KEY (bucket, refund_no),
  CONSTRAINT refund_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at)
);
CREATE INDEX refund_order ON refund (bucket, order_id);
CREATE INDEX refund_due ON refund (bucket, due_at) WHERE due_at IS NOT NULL;

------------------------------------------------------------------------------------------------ staff and audit
CREATE TABLE staff (
  name text COLLATE "C" NOT NULL,
  password_hash text NOT NULL,
  active boolean NOT NULL,
  failed int NOT NULL DEFAULT 0,
  locked_until timestamptz,
  created_at timestamptz NOT NULL,
  CONSTRAINT staff_pk PRIMARY KEY (name)
);

CREATE TABLE staff_session (
  token_hash bytea NOT NULL,
  name text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT staff_session_pk PRIMARY KEY (token_hash)
);

CREATE TABLE staff_action (
  action_id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT staff_action_pk PRIMARY KEY (action_id)
);

CREATE TABLE audit_run (
  run_id text COLLATE "C" NOT NULL,
  scope text NOT NULL,
  started_at timestamptz NOT NULL,
  covered_to timestamptz NOT NULL,
  findings int NOT NULL,
  subjects bigint NOT NULL,
  CONSTRAINT audit_run_pk PRIMARY KEY (run_id)
);

------------------------------------------------------------------------------------------------ append-only
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fact_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fact EXECUTE FUNCTION refuse_change();
CREATE TRIGGER conflict_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON conflict EXECUTE FUNCTION refuse_change();
CREATE TRIGGER applied_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON applied EXECUTE FUNCTION refuse_change();
CREATE TRIGGER leg_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON leg EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event EXECUTE FUNCTION refuse_change();
CREATE TRIGGER placement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON placement EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rule_version_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rule_version EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivered_card_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivered_card EXECUTE FUNCTION refuse_change();
CREATE TRIGGER staff_action_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_action EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_run_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_run EXECUTE FUNCTION refuse_change();
