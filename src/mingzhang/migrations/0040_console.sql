-- What the operator console reads: a key to find orders by contact or account, roll-ups of the journal and of
-- outcomes, and indexes over the few rows that are out of the ordinary. Nothing here is written by a step that every
-- order takes: the plain states are in none of the partial indexes, and the worker fills the tables afterwards.

-- Orders in which somebody must act, or whose money goes back: few at any time.
CREATE INDEX orders_attention ON orders (bucket, deadline_at)
  WHERE next_actor = 'person' OR state IN ('needs_person', 'needs_buyer', 'refunding')
    OR (state = 'supplying' AND next_actor IN ('buyer', 'shop'));
CREATE INDEX breach_at ON breach (at);
CREATE INDEX limit_hit_newest ON limit_hit (at);

-- Where an order is found by a keyed hash: the first eight bytes of it, so that a key is small; whoever finds
-- by it compares the whole hash in the order's own row. Filled by the worker, rebuildable.
CREATE TABLE order_key (
  key bigint NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  CONSTRAINT order_key_pk PRIMARY KEY (key, order_id)
);

-- How far each of the console's own tables is filled. `done_to`: a key or a moment as text, '' for nothing yet.
CREATE TABLE console_mark (
  mark text COLLATE "C" NOT NULL,
  done_to text COLLATE "C" NOT NULL DEFAULT '',
  due_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT console_mark_pk PRIMARY KEY (mark)
);

-- What lay where at the end of each slot of ten minutes: the sum of all legs dated before it. `party` without the
-- attempt; zero sums are left out.
CREATE TABLE money_slot (
  slot_at timestamptz NOT NULL,
  place text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  CONSTRAINT money_slot_pk PRIMARY KEY (slot_at, place, party, owner)
);

-- What became of orders, by who supplied and by which channel it was paid, in spans of an hour ('h') and of a day of
-- Beijing ('d') beginning at `span_at`. `bin`: how long it took from payment to arrival, 4 x log2 of the seconds; -1
-- where nothing arrived. `late`: after its promise.
CREATE TABLE outcome_span (
  span text COLLATE "C" NOT NULL,
  span_at timestamptz NOT NULL,
  supplier text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL,
  product_id text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  bin smallint NOT NULL,
  late boolean NOT NULL,
  n int NOT NULL,
  CONSTRAINT outcome_span_pk PRIMARY KEY (span, span_at, supplier, channel, product_id, outcome, reason, bin, late),
  CONSTRAINT outcome_span_kind CHECK (span IN ('h', 'd'))
);

-- Whatever is at no end, a bounded part of each kind, by partial indexes alone. `place`: where an order's money lies.
CREATE VIEW open_thing AS
SELECT 'order' AS kind, o.order_id AS number, o.order_id, 'order:' || o.state AS state, o.holder AS place,
  o.price_fen AS amount_fen, coalesce(o.paid_at, o.placed_at) AS since, o.deadline_at, o.next_actor
FROM (
  SELECT a.bucket, a.order_id FROM (
    SELECT bucket, order_id FROM supply_attempt WHERE due_at IS NOT NULL AND finished_at IS NULL LIMIT 5000) AS a
  UNION
  SELECT b.bucket, b.order_id FROM (
    SELECT bucket, order_id FROM orders WHERE next_actor = 'person' OR state IN ('needs_person', 'needs_buyer', 'refunding')
      OR (state = 'supplying' AND next_actor IN ('buyer', 'shop')) LIMIT 5000) AS b) AS open_order
JOIN orders o ON o.bucket = open_order.bucket AND o.order_id = open_order.order_id
WHERE o.state NOT IN ('delivered', 'closed', 'refunded')
UNION ALL
SELECT 'supply', a.attempt_no, a.order_id, 'supply:' || a.state, '', o.price_fen, coalesce(a.sent_at, a.planned_at),
  a.deadline_at, a.next_actor
FROM (SELECT * FROM supply_attempt WHERE due_at IS NOT NULL AND finished_at IS NULL LIMIT 5000) AS a
JOIN orders o ON o.bucket = a.bucket AND o.order_id = a.order_id
UNION ALL
SELECT 'refund', r.refund_no, r.order_id, 'refund:' || r.state, '', r.amount_fen, r.planned_at, r.deadline_at, r.next_actor
FROM (SELECT * FROM refund WHERE due_at IS NOT NULL AND arrived_at IS NULL LIMIT 5000) AS r
UNION ALL
SELECT 'suspense', s.item_id, s.order_id, 'suspense:' || s.state, '', s.amount_fen, s.known_at, s.deadline_at, s.next_actor
FROM (SELECT * FROM suspense WHERE state IN ('open', 'refunding') LIMIT 5000) AS s
UNION ALL
SELECT 'claim', c.claim_id, c.order_id, 'claim:' || c.state, '', 0, c.made_at, c.deadline_at, c.next_actor
FROM (SELECT * FROM claim WHERE finished_at IS NULL LIMIT 5000) AS c;
