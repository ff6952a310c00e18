-- Keys that end, as channels tell them once a day, and work done by hand (人工充值).

-- The daily look at every key's term: one row, claimed like any other that is due.
CREATE TABLE key_watch (
  watch text COLLATE "C" NOT NULL,
  due_at timestamptz NOT NULL,
  done_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT key_watch_pk PRIMARY KEY (watch)
);

-- A key or certificate in force that has an end. Names and dates only: no key is ever stored.
CREATE TABLE key_term (
  party text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  ends_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  CONSTRAINT key_term_pk PRIMARY KEY (party, key)
);
CREATE INDEX key_term_end ON key_term (ends_at);

-- One order for people to carry out, unique by its attempt's number for ever. What was reported, by whom and what
-- for, stays; two people stand behind a success. The account is sealed.
CREATE TABLE manual_task (
  attempt_no text COLLATE "C" NOT NULL,
  product text NOT NULL,
  kind text NOT NULL,
  quantity int NOT NULL,
  face_value_fen bigint NOT NULL,
  account_enc bytea NOT NULL,
  account_mask text NOT NULL,
  state text NOT NULL,
  reference text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  reported_by text NOT NULL DEFAULT '',
  confirmed_by text NOT NULL DEFAULT '',
  made_at timestamptz NOT NULL,
  deadline_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT manual_task_pk PRIMARY KEY (attempt_no),
  CONSTRAINT manual_task_state CHECK (state IN ('open', 'succeeded', 'refused')),
  CONSTRAINT manual_task_kind CHECK (kind IN ('direct', 'mobile')),
  CONSTRAINT manual_task_quantity CHECK (quantity >= 1),
  CONSTRAINT manual_task_ended CHECK ((state = 'open') = (ended_at IS NULL)),
  CONSTRAINT manual_task_proof CHECK (state <> 'succeeded' OR (reference <> '' AND note <> '' AND reported_by <> ''
    AND confirmed_by <> '' AND reported_by <> confirmed_by)),
  CONSTRAINT manual_task_refusal CHECK (state <> 'refused' OR (reason <> '' AND note <> '' AND reported_by <> ''))
);
CREATE INDEX manual_task_open ON manual_task (deadline_at) WHERE state = 'open';

-- An ended task is the evidence of how it ended.
CREATE FUNCTION guard_manual_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.state <> 'open' OR (NEW.attempt_no, NEW.product, NEW.kind, NEW.quantity,
      NEW.face_value_fen, NEW.account_enc, NEW.made_at) IS DISTINCT FROM (OLD.attempt_no, OLD.product, OLD.kind,
      OLD.quantity, OLD.face_value_fen, OLD.account_enc, OLD.made_at) THEN
    RAISE EXCEPTION 'append_only: a task by hand ends once and stays as it ended' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER manual_task_guard BEFORE UPDATE OR DELETE ON manual_task
  FOR EACH ROW EXECUTE FUNCTION guard_manual_task();

-- What is done by hand, or sold on consignment, costs nothing to buy (ledger row 25).
ALTER TABLE product DROP CONSTRAINT product_money;
ALTER TABLE product ADD CONSTRAINT product_money CHECK (price_fen > 0 AND cost_fen >= 0 AND face_value_fen > 0);
ALTER TABLE product_supplier DROP CONSTRAINT product_supplier_money;
ALTER TABLE product_supplier ADD CONSTRAINT product_supplier_money CHECK (cost_fen >= 0);
