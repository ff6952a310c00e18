-- Reconciliation (对账): the outside's own files as they came, which day was held against them, and every difference.

-- A file as it came, once; its bytes in parts, packed. A corrected file of a day stands beside the one it corrects.
-- `lines_sha256`: of what was read of it, because the same bill fetched again bears another time of export.
CREATE TABLE bill_file (
  file_id text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  day date NOT NULL,
  name text NOT NULL,
  sha256 bytea NOT NULL,
  lines_sha256 bytea NOT NULL,
  size_bytes bigint NOT NULL,
  parts int NOT NULL,
  lines bigint NOT NULL,
  account text NOT NULL,
  standing text NOT NULL,
  origin text NOT NULL,
  corrects text COLLATE "C" NOT NULL DEFAULT '',
  evidence_id text COLLATE "C" NOT NULL,
  known_at timestamptz NOT NULL,
  CONSTRAINT bill_file_pk PRIMARY KEY (file_id),
  CONSTRAINT bill_file_once UNIQUE (source, day, sha256),
  CONSTRAINT bill_file_standing CHECK (standing IN ('verified', 'answer', 'own'))
);
CREATE TABLE bill_part (
  file_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  body bytea NOT NULL,
  CONSTRAINT bill_part_pk PRIMARY KEY (file_id, n)
);

-- A day of a source: waits for its file, then is judged; judged again whenever a corrected file comes.
CREATE TABLE recon_day (
  source text COLLATE "C" NOT NULL,
  day date NOT NULL,
  party text COLLATE "C" NOT NULL,
  state text NOT NULL,
  file_id text COLLATE "C" NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0,
  code text NOT NULL DEFAULT '',
  holder text NOT NULL,
  next_actor text NOT NULL,
  since timestamptz NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  judged_at timestamptz,
  agreed bigint NOT NULL DEFAULT 0,
  totals jsonb NOT NULL DEFAULT '[]',
  CONSTRAINT recon_day_pk PRIMARY KEY (source, day),
  CONSTRAINT recon_day_state CHECK (state IN ('waiting', 'judged', 'no_trades')),
  CONSTRAINT recon_day_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at),
  CONSTRAINT recon_day_waits CHECK (state <> 'waiting' OR deadline_at IS NOT NULL)
);
CREATE INDEX recon_day_due ON recon_day (due_at) WHERE due_at IS NOT NULL;

-- One difference: the row waits, for whom and until when, until it is resolved. `theirs`, `ours`: both halves as they
-- were compared; the raw line of theirs is line `position` of `file_id`.
CREATE TABLE recon_break (
  break_id text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  day date NOT NULL,
  class text NOT NULL,
  kind text NOT NULL,
  key text COLLATE "C" NOT NULL,
  n int NOT NULL,
  stake_fen bigint NOT NULL,
  theirs jsonb,
  file_id text COLLATE "C" NOT NULL DEFAULT '',
  ours jsonb,
  subject text COLLATE "C" NOT NULL DEFAULT '',
  state text NOT NULL,
  said text NOT NULL DEFAULT '',
  resolution text NOT NULL DEFAULT '',
  seq int NOT NULL,
  asked int NOT NULL DEFAULT 0,
  holder text NOT NULL,
  next_actor text NOT NULL,
  since timestamptz NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  found_at timestamptz NOT NULL,
  resolved_at timestamptz,
  CONSTRAINT recon_break_pk PRIMARY KEY (break_id),
  CONSTRAINT recon_break_class CHECK (class IN ('timing', 'missing_ours', 'missing_theirs', 'amount', 'fee', 'duplicate',
    'state_conflict', 'wrong_day', 'unknown_counterparty')),
  CONSTRAINT recon_break_state CHECK (state IN ('waiting', 'asking', 'person', 'resolved', 'withdrawn')),
  CONSTRAINT recon_break_final CHECK ((state IN ('resolved', 'withdrawn')) = (resolved_at IS NOT NULL)),
  CONSTRAINT recon_break_why CHECK ((resolved_at IS NULL) = (resolution = '')),
  CONSTRAINT recon_break_open CHECK (resolved_at IS NOT NULL OR deadline_at IS NOT NULL),
  CONSTRAINT recon_break_sides CHECK (theirs IS NOT NULL OR ours IS NOT NULL),
  CONSTRAINT recon_break_clock CHECK (due_at IS NULL OR deadline_at IS NULL OR due_at <= deadline_at)
);
CREATE INDEX recon_break_day ON recon_break (source, day);
CREATE INDEX recon_break_due ON recon_break (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX recon_break_open_rows ON recon_break (deadline_at) WHERE resolved_at IS NULL;
CREATE INDEX recon_break_subject ON recon_break (subject) WHERE subject <> '';

-- What happened to a difference, in its own order.
CREATE TABLE recon_event (
  break_id text COLLATE "C" NOT NULL,
  seq int NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  who text NOT NULL DEFAULT '',
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  data jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT recon_event_pk PRIMARY KEY (break_id, seq)
);

-- A day's ledger is found by time: attempts lie in the order in which they came, facts too (fact_known_at).
CREATE INDEX supply_attempt_planned ON supply_attempt USING brin (planned_at);
CREATE INDEX refund_planned ON refund USING brin (planned_at);

CREATE TRIGGER bill_file_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bill_file EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bill_part_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bill_part EXECUTE FUNCTION refuse_change();
CREATE TRIGGER recon_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recon_event EXECUTE FUNCTION refuse_change();
