-- The bank that keeps the money (存管): accounts, files as they came, statements, their lines, and what became of each.

-- One account of ours at a bank. `bank` is the ledger's party; `kind`: 'custody' under a contract of custody, 'self' the
-- shop's own account, which every page says. `adapter`: which bank adapter speaks for it; empty: files only.
CREATE TABLE bank_account (
  account text COLLATE "C" NOT NULL,
  bank text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  currency text NOT NULL,
  adapter text NOT NULL,
  opened_by text NOT NULL,
  opened_at timestamptz NOT NULL,
  CONSTRAINT bank_account_pk PRIMARY KEY (account),
  CONSTRAINT bank_account_bank UNIQUE (bank),
  CONSTRAINT bank_account_kind CHECK (kind IN ('custody', 'self'))
);

-- A file as it came, whole, by its SHA-256.
CREATE TABLE bank_file (
  sha256 bytea NOT NULL,
  name text NOT NULL,
  format text NOT NULL,
  body bytea NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  imported_by text NOT NULL,
  imported_at timestamptz NOT NULL,
  CONSTRAINT bank_file_pk PRIMARY KEY (sha256),
  CONSTRAINT bank_file_hash CHECK (sha256 = sha256(body))
);

-- Statements of an account follow on each other: `n` counts them, each opens with what the one before closed with.
CREATE TABLE bank_statement (
  account text COLLATE "C" NOT NULL,
  statement_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  opened_on date NOT NULL,
  closed_on date NOT NULL,
  opening_fen bigint NOT NULL,
  closing_fen bigint NOT NULL,
  lines int NOT NULL,
  content_hash bytea NOT NULL,
  sha256 bytea NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  imported_at timestamptz NOT NULL,
  CONSTRAINT bank_statement_pk PRIMARY KEY (account, statement_id),
  CONSTRAINT bank_statement_order UNIQUE (account, n)
);

CREATE TABLE bank_line (
  account text COLLATE "C" NOT NULL,
  statement_id text COLLATE "C" NOT NULL,
  position int NOT NULL,
  booked_on date NOT NULL,
  amount_fen bigint NOT NULL,
  reference text NOT NULL,
  bank_reference text NOT NULL,
  counterparty text NOT NULL,
  counterparty_account text NOT NULL,
  purpose text NOT NULL,
  reversal boolean NOT NULL,
  CONSTRAINT bank_line_pk PRIMARY KEY (account, statement_id, position),
  CONSTRAINT bank_line_moves CHECK (amount_fen <> 0)
);

-- What became of a line. The row is the job: 'open' until something takes it, 'person' when nobody did in time, 'booked'
-- once, with what it was booked for (`used_for` and `subject`).
CREATE TABLE bank_task (
  account text COLLATE "C" NOT NULL,
  statement_id text COLLATE "C" NOT NULL,
  position int NOT NULL,
  bank text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  reference text NOT NULL,
  state text NOT NULL,
  used_for text NOT NULL,
  subject text COLLATE "C" NOT NULL,
  asked int NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  since timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_until timestamptz,
  booked_at timestamptz,
  CONSTRAINT bank_task_pk PRIMARY KEY (account, statement_id, position),
  CONSTRAINT bank_task_state CHECK (state IN ('open', 'person', 'booked')),
  CONSTRAINT bank_task_use CHECK ((state = 'booked') = (used_for <> '')),
  CONSTRAINT bank_task_clock CHECK (state = 'booked' OR deadline_at IS NOT NULL AND due_at <= deadline_at)
);
CREATE INDEX bank_task_due ON bank_task (due_at) WHERE state <> 'booked';

CREATE TRIGGER bank_file_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_file EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_statement
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_line EXECUTE FUNCTION refuse_change();

-- A line's job keeps its line, and is never booked twice.
CREATE FUNCTION guard_bank_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.state = 'booked'
     OR (OLD.account, OLD.statement_id, OLD.position, OLD.bank, OLD.amount_fen)
        IS DISTINCT FROM (NEW.account, NEW.statement_id, NEW.position, NEW.bank, NEW.amount_fen) THEN
    RAISE EXCEPTION 'bank_line_booked: % % %', OLD.account, OLD.statement_id, OLD.position
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER bank_task_guard BEFORE UPDATE OR DELETE ON bank_task FOR EACH ROW EXECUTE FUNCTION guard_bank_task();
