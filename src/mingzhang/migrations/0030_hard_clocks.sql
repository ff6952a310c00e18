-- Hard maxima (docs/states.md): due_at <= deadline_at <= entry + the longest time of the state, by the database too.
-- `since`: when a row came under its present actor, where no older column says it; null: that older column does.

ALTER TABLE payment ADD COLUMN since timestamptz;
ALTER TABLE supply_attempt ADD COLUMN since timestamptz;
ALTER TABLE refund ADD COLUMN since timestamptz;
ALTER TABLE trade_hint ADD COLUMN since timestamptz;
ALTER TABLE claim ADD COLUMN since timestamptz;
ALTER TABLE suspense ADD COLUMN since timestamptz;

-- Rows from before: under their present actor since their deadline was set.
UPDATE suspense SET since = greatest(known_at, deadline_at - interval '72 hours');
UPDATE suspense SET since = greatest(known_at, deadline_at - interval '24 hours') WHERE next_actor = 'person';
UPDATE suspense SET deadline_at = since + interval '24 hours' WHERE deadline_at IS NULL AND state <> 'refunded';
ALTER TABLE suspense ALTER COLUMN since SET NOT NULL;
UPDATE claim SET since = deadline_at - interval '24 hours' WHERE state = 'person';
UPDATE claim SET deadline_at = made_at + interval '24 hours', due_at = least(due_at, made_at + interval '24 hours')
  WHERE finished_at IS NULL AND state <> 'person' AND deadline_at > made_at + interval '24 hours';
UPDATE payment SET deadline_at = paid_at + interval '24 hours', due_at = least(due_at, paid_at + interval '24 hours')
  WHERE due_at IS NOT NULL AND state = 'paid';
UPDATE payment SET deadline_at = expires_at + interval '72 hours', due_at = least(due_at, expires_at + interval '72 hours')
  WHERE due_at IS NOT NULL AND state <> 'paid' AND deadline_at IS DISTINCT FROM expires_at;
UPDATE supply_attempt SET since = deadline_at, next_actor = 'shop', deadline_at = deadline_at + interval '72 hours'
  WHERE due_at IS NOT NULL AND deadline_at > coalesce(sent_at, planned_at) + interval '72 hours 10 minutes';
UPDATE supply_attempt SET since = due_at, next_actor = 'supplier', deadline_at = due_at + interval '72 hours'
  WHERE due_at IS NOT NULL AND finished_at IS NOT NULL;
UPDATE refund SET since = deadline_at - interval '72 hours' WHERE due_at IS NOT NULL;
UPDATE trade_hint SET since = deadline_at - interval '6 hours' WHERE due_at IS NOT NULL;
UPDATE orders SET deadline_at = coalesce(due_at, paid_at, placed_at) + interval '24 hours'
  WHERE state NOT IN ('closed', 'delivered', 'refunded') AND deadline_at IS NULL;
UPDATE orders SET due_at = deadline_at
  WHERE (state IN ('needs_person', 'refunding') OR next_actor = 'person') AND due_at IS NULL;

-- An attempt knows the promise only as its deadline, so its CHECK holds the longest there is.
ALTER TABLE product ADD CONSTRAINT product_promise_max CHECK (promise_s <= 259200);

ALTER TABLE orders ADD CONSTRAINT orders_waits
  CHECK (state IN ('closed', 'delivered', 'refunded') OR deadline_at IS NOT NULL);
ALTER TABLE orders ADD CONSTRAINT orders_window
  CHECK (state <> 'awaiting_payment' OR deadline_at <= placed_at + interval '15 minutes');
ALTER TABLE orders ADD CONSTRAINT orders_dispatch
  CHECK (state <> 'paid' OR next_actor <> 'shop' OR deadline_at <= paid_at + interval '10 minutes');
ALTER TABLE payment ADD CONSTRAINT payment_hard_end CHECK (due_at IS NULL OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN since IS NOT NULL AND deadline_at <= since + interval '24 hours'
  WHEN state = 'paid' THEN deadline_at <= paid_at + interval '24 hours'
  ELSE deadline_at <= coalesce(since, expires_at) + interval '72 hours' END);
ALTER TABLE supply_attempt ADD CONSTRAINT supply_attempt_hard_end CHECK (due_at IS NULL OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN since IS NOT NULL AND deadline_at <= since + interval '24 hours'
  WHEN finished_at IS NOT NULL THEN deadline_at <= greatest(since, finished_at) + interval '72 hours'
  WHEN since IS NOT NULL THEN deadline_at <= since + interval '96 hours'
  ELSE deadline_at <= coalesce(sent_at, planned_at) + interval '72 hours 10 minutes' END);
ALTER TABLE refund ADD CONSTRAINT refund_hard_end CHECK (due_at IS NULL OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN since IS NOT NULL AND deadline_at <= since + interval '24 hours'
  ELSE deadline_at <= coalesce(since, planned_at) + interval '72 hours' END);
ALTER TABLE trade_hint ADD CONSTRAINT trade_hint_hard_end CHECK (due_at IS NULL OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN since IS NOT NULL AND deadline_at <= since + interval '24 hours'
  ELSE deadline_at <= coalesce(since, known_at) + interval '6 hours' END);
ALTER TABLE suspense ADD CONSTRAINT suspense_hard_end CHECK (state = 'refunded' OR deadline_at IS NOT NULL AND CASE
  WHEN next_actor = 'person' THEN deadline_at <= since + interval '24 hours'
  ELSE deadline_at <= since + interval '72 hours' END);
ALTER TABLE claim ADD CONSTRAINT claim_hard_end CHECK (finished_at IS NOT NULL OR CASE state
  WHEN 'person' THEN since IS NOT NULL AND deadline_at <= since + interval '24 hours'
  ELSE deadline_at <= made_at + interval '24 hours' END);
CREATE INDEX suspense_deadline ON suspense (bucket, deadline_at) WHERE state <> 'refunded';
CREATE INDEX payment_person ON payment (bucket, deadline_at) WHERE next_actor = 'person' AND due_at IS NOT NULL;
CREATE INDEX supply_attempt_person ON supply_attempt (bucket, deadline_at) WHERE next_actor = 'person' AND due_at IS NOT NULL;
CREATE INDEX claim_deadline ON claim (bucket, deadline_at) WHERE finished_at IS NULL;

-- A deadline that passed, and who is next since. One row for each time, so that nothing is late in silence.
CREATE TABLE breach (
  bucket int NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  deadline_at timestamptz NOT NULL,
  subject text COLLATE "C" NOT NULL,
  state text NOT NULL,
  late_actor text NOT NULL,
  next_actor text NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT breach_pk PRIMARY KEY (bucket, kind, key, deadline_at)
);
CREATE TRIGGER breach_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON breach EXECUTE FUNCTION refuse_change();
