-- Who can supply now (R14, R20): suppliers that answer no more, planned maintenance and pauses, our balance at each
-- supplier, how it did lately; and how a product chooses among its suppliers. All near-static: written by a worker's
-- chore or by staff, never by an order.

-- Suppliers that answer no more; written only when that changes.
CREATE TABLE supplier_health (
  supplier text COLLATE "C" NOT NULL,
  down_since timestamptz,
  checked_at timestamptz NOT NULL,
  code text NOT NULL DEFAULT '',
  CONSTRAINT supplier_health_pk PRIMARY KEY (supplier)
);

-- The calendar: a supplier or a product that is not sold, or not sent to, for a time or until it is lifted.
CREATE TABLE pause (
  pause_id text COLLATE "C" NOT NULL,
  scope text NOT NULL,
  name text COLLATE "C" NOT NULL,
  cause text NOT NULL,
  note text NOT NULL DEFAULT '',
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  lifted_by text NOT NULL DEFAULT '',
  lifted_at timestamptz,
  CONSTRAINT pause_pk PRIMARY KEY (pause_id),
  CONSTRAINT pause_scope CHECK (scope IN ('supplier', 'product')),
  CONSTRAINT pause_cause CHECK (cause IN ('maintenance', 'paused')),
  CONSTRAINT pause_window CHECK (ends_at IS NULL OR starts_at <= ends_at)
);

-- Our balance at a supplier as it said last, how fast it is spent, and when it is asked again. One row a supplier.
CREATE TABLE supplier_watch (
  supplier text COLLATE "C" NOT NULL,
  standing text NOT NULL DEFAULT 'unknown',
  free_fen bigint NOT NULL DEFAULT 0,
  spent_fen bigint NOT NULL DEFAULT 0,
  spent_s int NOT NULL DEFAULT 0,
  runway_s bigint,
  known_at timestamptz,
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  asked_at timestamptz,
  due_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT supplier_watch_pk PRIMARY KEY (supplier)
);

-- How a supplier's goods did lately, by a bounded sample of attempts.
CREATE TABLE supplier_figure (
  supplier text COLLATE "C" NOT NULL,
  supplier_product text COLLATE "C" NOT NULL,
  n int NOT NULL,
  succeeded int NOT NULL,
  median_s int,
  since timestamptz NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT supplier_figure_pk PRIMARY KEY (supplier, supplier_product)
);

-- `ordered`: the list as it stands; `scored`: by cost, success, time and prefund. `allow_loss_fen`: how far the cost
-- of a unit may be above its price; beyond it nothing is sent.
ALTER TABLE product
  ADD COLUMN route_mode text NOT NULL DEFAULT 'ordered',
  ADD COLUMN allow_loss_fen bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT product_route_mode CHECK (route_mode IN ('ordered', 'scored')),
  ADD CONSTRAINT product_allow_loss CHECK (allow_loss_fen >= 0);
