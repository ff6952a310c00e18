-- The audit's checkpoints (decision 0004), and owners held to their places by the database itself.

-- Where an owner may stand (`ledger/places.py`, PERMITTED): this text is what `sql_check(subject="subject")` renders,
-- and a test holds the two together. Invariant 2 in part: a user's money cannot reach the operator's own account.
ALTER TABLE leg ADD CONSTRAINT leg_permitted CHECK (
  ((owner = 'o' AND place IN ('channel', 'custody', 'fee', 'hold', 'missing', 'refund.arrived', 'refund.chargeback', 'refund.transit', 'refunding', 'source.payer', 'source.platform', 'spent.margin', 'supplier.reserved', 'supplier.settled', 'transit.settlement') AND subject NOT LIKE 'S%')
   OR (owner = 'S' AND place IN ('channel', 'custody', 'fee', 'hold', 'missing', 'refund.arrived', 'refund.chargeback', 'refund.transit', 'refunding', 'source.platform', 'source.unexplained', 'transit.settlement') AND subject LIKE 'S%')
   OR (owner = 'L' AND place IN ('channel', 'custody', 'hold', 'missing', 'transit.settlement'))
   OR (owner = 'F' AND place IN ('channel', 'custody', 'fee', 'missing', 'source.capital', 'spent.loss', 'supplier.free', 'transit.topup'))
   OR (owner = 'M' AND place IN ('custody', 'operator', 'source.margin'))
   OR (owner = 'H' AND place IN ('channel', 'custody', 'fee', 'source.unexplained')))
);

-- What was written since a checkpoint is found by time. Summaries of page ranges cost an insert nothing.
CREATE INDEX evidence_known_at ON evidence USING brin (known_at);
CREATE INDEX fact_known_at ON fact USING brin (known_at);
CREATE INDEX orders_placed_at ON orders USING brin (placed_at);

-- A clean audit's checkpoint: rows dated before `closed_to` are checked and summed up in `audit_total`.
CREATE TABLE audit_checkpoint (
  run_id text COLLATE "C" NOT NULL,
  closed_to timestamptz NOT NULL,
  orders bigint NOT NULL,
  CONSTRAINT audit_checkpoint_pk PRIMARY KEY (run_id)
);

-- Sums of all legs dated before the checkpoint, by account.
CREATE TABLE audit_total (
  run_id text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  CONSTRAINT audit_total_pk PRIMARY KEY (run_id, place, party, owner)
);

CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_total_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_total EXECUTE FUNCTION refuse_change();
