-- Instructions to the bank: money leaves custody by these alone, from what is ours there, by one holder at a time.

-- One instruction; its id is the EndToEndId, fixed before anything is sent. `purpose`: 'prefund' to a supplier, 'reserve' to
-- a channel (both row 2), 'sweep' of earned margin to the operator (row 12). Never sent twice: unknown is asked about.
CREATE TABLE instruction (
  instruction_id text COLLATE "C" NOT NULL,
  purpose text NOT NULL,
  bank text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  payee_name text NOT NULL,
  payee_account text NOT NULL,
  amount_fen bigint NOT NULL,
  approval_id text COLLATE "C" NOT NULL,
  proposed_by text NOT NULL,
  decided_by text NOT NULL,
  state text NOT NULL,
  code text NOT NULL DEFAULT '',
  sent_evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  status_evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  line_evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  since timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_until timestamptz,
  planned_at timestamptz NOT NULL,
  booked_at timestamptz,
  arrived_at timestamptz,
  CONSTRAINT instruction_pk PRIMARY KEY (instruction_id),
  CONSTRAINT instruction_purpose CHECK (purpose IN ('prefund', 'reserve', 'sweep')),
  CONSTRAINT instruction_state CHECK (state IN ('planned', 'sending', 'unknown', 'accepted', 'rejected', 'booked', 'done')),
  CONSTRAINT instruction_amount CHECK (amount_fen > 0),
  CONSTRAINT instruction_two_people CHECK (proposed_by <> decided_by AND proposed_by <> '' AND decided_by <> ''),
  CONSTRAINT instruction_line CHECK (state NOT IN ('booked', 'done') OR line_evidence_id <> ''),
  CONSTRAINT instruction_waits CHECK (state IN ('rejected', 'done') OR deadline_at IS NOT NULL AND due_at <= deadline_at)
);
CREATE INDEX instruction_due ON instruction (due_at) WHERE state NOT IN ('rejected', 'done');
CREATE UNIQUE INDEX instruction_approval ON instruction (approval_id);

-- The exact sum of what may leave: the float (F), or earned margin (M), at that bank, less what is on its way out. The
-- bank's account is locked, so that two never spend the same money. More than that is refused.
CREATE FUNCTION guard_instruction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_owner text := CASE NEW.purpose WHEN 'sweep' THEN 'M' ELSE 'F' END;
  v_have bigint;
  v_out bigint;
BEGIN
  PERFORM FROM bank_account WHERE account = NEW.account AND bank = NEW.bank FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'float_short: no account % at %', NEW.account, NEW.bank USING ERRCODE = 'check_violation';
  END IF;
  SELECT coalesce(sum(amount_fen), 0) INTO v_have FROM leg
  WHERE place = 'custody' AND party = NEW.bank AND owner = v_owner;
  SELECT coalesce(sum(amount_fen), 0) INTO v_out FROM instruction
  WHERE bank = NEW.bank AND state IN ('planned', 'sending', 'unknown', 'accepted')
    AND (purpose = 'sweep') = (NEW.purpose = 'sweep');
  IF NEW.state <> 'planned' OR NEW.amount_fen > v_have - v_out THEN
    RAISE EXCEPTION 'float_short: % of % less % under way', NEW.amount_fen, v_have, v_out
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER instruction_from_float BEFORE INSERT ON instruction FOR EACH ROW EXECUTE FUNCTION guard_instruction();

-- What was decided stays as it was decided, and what was sent is never planned again.
CREATE FUNCTION guard_instruction_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR (OLD.instruction_id, OLD.purpose, OLD.bank, OLD.account, OLD.party, OLD.payee_name, OLD.payee_account,
         OLD.amount_fen, OLD.approval_id)
        IS DISTINCT FROM (NEW.instruction_id, NEW.purpose, NEW.bank, NEW.account, NEW.party, NEW.payee_name,
          NEW.payee_account, NEW.amount_fen, NEW.approval_id)
     OR OLD.state IN ('rejected', 'done')
     OR NEW.state = 'planned' AND OLD.state <> 'planned'
     OR OLD.state = 'booked' AND NEW.state <> 'done' AND NEW.state <> 'booked' THEN
    RAISE EXCEPTION 'instruction_fixed: %', OLD.instruction_id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER instruction_guard BEFORE UPDATE OR DELETE ON instruction FOR EACH ROW
  EXECUTE FUNCTION guard_instruction_change();

-- Row 12 alone reaches the operator's own account, for an instruction.
ALTER TABLE leg ADD CONSTRAINT leg_sweep CHECK (
  place <> 'operator' OR (owner = 'M' AND posting = 'margin_swept' AND subject LIKE 'MZ%'));
-- What leaves custody by row 12 is summed by bank: margin is small.
CREATE INDEX leg_margin ON leg (party) WHERE owner = 'M' AND place = 'custody';

-- How far a bank's files were read, and what it said last.
ALTER TABLE bank_account ADD COLUMN last_file text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE bank_account ADD COLUMN last_error text NOT NULL DEFAULT '';
ALTER TABLE bank_account ADD COLUMN looked_at timestamptz;
ALTER TABLE bank_account ADD COLUMN due_at timestamptz;
ALTER TABLE bank_account ADD COLUMN lease_until timestamptz;
