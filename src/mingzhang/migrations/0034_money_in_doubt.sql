-- A payment that its channel denied is asked about on; what two people decide of it; money put aside for an order.

-- Under which number the channel knows the trade, where that is not this payment's own (row 23).
ALTER TABLE payment ADD COLUMN known_as text COLLATE "C" NOT NULL DEFAULT '';

-- A payment that was confirmed long ago may be asked about once more: its clock counts from then.
ALTER TABLE payment DROP CONSTRAINT payment_hard_end;
ALTER TABLE payment ADD CONSTRAINT payment_hard_end CHECK (due_at IS NULL OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN since IS NOT NULL AND deadline_at <= since + interval '24 hours'
  WHEN state = 'paid' THEN deadline_at <= coalesce(greatest(since, paid_at), expires_at) + interval '24 hours'
  ELSE deadline_at <= coalesce(since, expires_at) + interval '72 hours' END);

-- The order that two people gave the item to: the channel is asked once more, then it is that order's money.
ALTER TABLE suspense ADD COLUMN for_order text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE suspense DROP CONSTRAINT suspense_hard_end;
ALTER TABLE suspense ADD CONSTRAINT suspense_hard_end CHECK (
  state IN ('refunded', 'matched', 'unpaid') OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN deadline_at <= since + interval '24 hours'
  ELSE deadline_at <= since + interval '72 hours' END);
DROP INDEX suspense_deadline;
CREATE INDEX suspense_deadline ON suspense (bucket, deadline_at) WHERE state IN ('open', 'refunding');

-- Rows from before: what was denied is asked about on, its time counted from the denial.
UPDATE payment SET since = coalesce(asked_at, paid_at), next_actor = 'channel', due_at = coalesce(asked_at, paid_at),
  deadline_at = coalesce(asked_at, paid_at) + interval '72 hours' WHERE state = 'contradicted' AND paid_at IS NOT NULL;
