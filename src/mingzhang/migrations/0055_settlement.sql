-- Settlement: what a channel paid out, trade by trade (ledger rows 5, 6, 11). The member list is stored before anything is
-- booked; each member is booked once, under its own lock; the batch closes when the roll-up matches (scale rule 19).

-- A channel's payout. `net_fen`: the sum of its members; `payout_fen`: what the channel says it pays. What lies between
-- is refunds and chargebacks that were netted. `bank_fen`: what the bank line brought.
CREATE TABLE settlement_batch (
  channel text COLLATE "C" NOT NULL,
  batch_id text COLLATE "C" NOT NULL,
  bank text COLLATE "C" NOT NULL,
  reference text COLLATE "C" NOT NULL,
  day date NOT NULL,
  lines int NOT NULL,
  members int NOT NULL,
  fee_fen bigint NOT NULL,
  net_fen bigint NOT NULL,
  payout_fen bigint NOT NULL,
  content_hash bytea NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  state text NOT NULL,
  line_key text NOT NULL DEFAULT '',
  line_evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  bank_fen bigint,
  asked int NOT NULL DEFAULT 0,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  since timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_until timestamptz,
  listed_at timestamptz NOT NULL,
  closed_at timestamptz,
  CONSTRAINT settlement_batch_pk PRIMARY KEY (channel, batch_id),
  CONSTRAINT settlement_batch_state CHECK (state IN ('listed', 'settled', 'received', 'closed')),
  CONSTRAINT settlement_batch_sums CHECK (net_fen >= 0 AND payout_fen >= 0 AND net_fen >= payout_fen),
  CONSTRAINT settlement_batch_line CHECK ((bank_fen IS NOT NULL) = (line_evidence_id <> '')),
  CONSTRAINT settlement_batch_waits CHECK (state = 'closed' OR deadline_at IS NOT NULL AND due_at <= deadline_at)
);
CREATE INDEX settlement_batch_due ON settlement_batch (due_at) WHERE state <> 'closed';
CREATE INDEX settlement_batch_reference ON settlement_batch (reference);

-- The lines as the channel gave them.
CREATE TABLE settlement_line (
  channel text COLLATE "C" NOT NULL,
  batch_id text COLLATE "C" NOT NULL,
  position int NOT NULL,
  kind text NOT NULL,
  transaction_id text COLLATE "C" NOT NULL,
  refund_no text COLLATE "C" NOT NULL,
  gross_fen bigint NOT NULL,
  fee_fen bigint NOT NULL,
  net_fen bigint NOT NULL,
  CONSTRAINT settlement_line_pk PRIMARY KEY (channel, batch_id, position),
  CONSTRAINT settlement_line_kind CHECK (kind IN ('pay', 'refund', 'chargeback', 'charge')),
  CONSTRAINT settlement_line_adds_up CHECK (net_fen = CASE kind WHEN 'pay' THEN gross_fen ELSE -gross_fen END - fee_fen)
);

-- One order's or suspense item's part of a batch. 'unknown': no order of ours yet; 'difference': a fact that the float
-- cannot carry yet, or money that is not where it was settled from.
CREATE TABLE settlement_member (
  bucket int NOT NULL,
  channel text COLLATE "C" NOT NULL,
  batch_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  n int NOT NULL,
  fee_fen bigint NOT NULL,
  back_fen bigint NOT NULL,
  charged_fen bigint NOT NULL,
  net_fen bigint NOT NULL,
  state text NOT NULL,
  code text NOT NULL DEFAULT '',
  settled_at timestamptz,
  received_at timestamptz,
  CONSTRAINT settlement_member_pk PRIMARY KEY (bucket, channel, batch_id, subject),
  CONSTRAINT settlement_member_state CHECK (state IN ('unknown', 'listed', 'difference', 'settled', 'received')),
  CONSTRAINT settlement_member_net CHECK (net_fen >= 0 AND back_fen >= charged_fen AND charged_fen >= 0)
);
CREATE INDEX settlement_member_batch ON settlement_member (channel, batch_id, n);

-- Row 11: when what is left of an order's money may be earned. The row is the job.
CREATE TABLE earning (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  bank text COLLATE "C" NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  state text NOT NULL,
  earned_fen bigint NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  since timestamptz NOT NULL,
  CONSTRAINT earning_pk PRIMARY KEY (bucket, order_id),
  CONSTRAINT earning_state CHECK (state IN ('waiting', 'earned')),
  CONSTRAINT earning_waits CHECK (state = 'earned' OR deadline_at IS NOT NULL AND due_at <= deadline_at)
);
CREATE INDEX earning_due ON earning (bucket, due_at) WHERE state = 'waiting';

-- A fact that an order's money cannot carry yet: nothing else is posted to it until that is booked.
CREATE TABLE unbooked (
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  code text NOT NULL,
  since timestamptz NOT NULL,
  CONSTRAINT unbooked_pk PRIMARY KEY (bucket, subject, key)
);

CREATE TRIGGER settlement_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_line
  EXECUTE FUNCTION refuse_change();

-- What was listed stays as it was listed; a batch and its members only go forward.
CREATE FUNCTION guard_settlement_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.state = 'closed'
     OR (OLD.channel, OLD.batch_id, OLD.bank, OLD.members, OLD.net_fen, OLD.payout_fen, OLD.content_hash, OLD.evidence_id)
        IS DISTINCT FROM (NEW.channel, NEW.batch_id, NEW.bank, NEW.members, NEW.net_fen, NEW.payout_fen, NEW.content_hash,
          NEW.evidence_id)
     OR (OLD.bank_fen IS NOT NULL AND (OLD.bank_fen, OLD.line_evidence_id) IS DISTINCT FROM (NEW.bank_fen,
          NEW.line_evidence_id))
     OR array_position(ARRAY['listed', 'settled', 'received', 'closed'], NEW.state)
        < array_position(ARRAY['listed', 'settled', 'received', 'closed'], OLD.state) THEN
    RAISE EXCEPTION 'settlement_fixed: % %', OLD.channel, OLD.batch_id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER settlement_batch_guard BEFORE UPDATE OR DELETE ON settlement_batch FOR EACH ROW
  EXECUTE FUNCTION guard_settlement_batch();

CREATE FUNCTION guard_settlement_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state NOT IN ('unknown', 'listed', 'difference') AND (TG_OP = 'DELETE' OR NEW.state <> 'received')
     OR TG_OP = 'DELETE' AND OLD.state <> 'unknown'
     OR TG_OP = 'UPDATE' AND (OLD.channel, OLD.batch_id, OLD.subject, OLD.fee_fen, OLD.back_fen, OLD.charged_fen, OLD.net_fen)
        IS DISTINCT FROM (NEW.channel, NEW.batch_id, NEW.subject, NEW.fee_fen, NEW.back_fen, NEW.charged_fen, NEW.net_fen) THEN
    RAISE EXCEPTION 'settlement_fixed: % % %', OLD.channel, OLD.batch_id, OLD.subject
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER settlement_member_guard BEFORE UPDATE OR DELETE ON settlement_member FOR EACH ROW
  EXECUTE FUNCTION guard_settlement_member();
