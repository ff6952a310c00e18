-- Staff (员工): roles, second factor, revocable sessions, the record of what was done and seen, and two people
-- for every money decision. Accounts made before have the role of customer service; everybody signs in anew.

ALTER TABLE staff ADD COLUMN roles text[] NOT NULL DEFAULT '{support}';
ALTER TABLE staff ALTER COLUMN roles SET DEFAULT '{}';
ALTER TABLE staff ADD COLUMN totp_enc bytea NOT NULL DEFAULT '';
ALTER TABLE staff ADD COLUMN totp_since timestamptz;
ALTER TABLE staff ADD COLUMN totp_step bigint NOT NULL DEFAULT 0;
ALTER TABLE staff ADD COLUMN signed_in_at timestamptz;
ALTER TABLE staff ADD CONSTRAINT staff_roles
  CHECK (roles <@ ARRAY['support', 'finance', 'operator', 'auditor', 'admin']);
ALTER TABLE staff ADD CONSTRAINT staff_totp CHECK (totp_since IS NULL OR totp_enc <> '');

-- `strong`: opened with the second factor. `session_id` is what the record calls it; the token's hash opens it.
DELETE FROM staff_session;
ALTER TABLE staff_session ADD COLUMN session_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE staff_session ADD COLUMN strong boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX staff_session_id ON staff_session (session_id) WHERE session_id <> '';
CREATE INDEX staff_session_name ON staff_session (name, expires_at);

-- What was done, seen, or refused; append-only since the first migration.
ALTER TABLE staff_action ADD COLUMN kind text NOT NULL DEFAULT 'done';
ALTER TABLE staff_action ADD COLUMN session_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE staff_action ADD COLUMN data jsonb NOT NULL DEFAULT '{}';
ALTER TABLE staff_action ADD CONSTRAINT staff_action_kind CHECK (kind IN ('done', 'seen', 'refused', 'account'));
CREATE INDEX staff_action_subject ON staff_action (subject, at);
CREATE INDEX staff_action_name ON staff_action (name, at);

-- A money decision: exactly these terms, proposed by one person, decided by another, used once (R27, row 20).
CREATE TABLE approval (
  bucket int NOT NULL,
  approval_id text COLLATE "C" NOT NULL,
  action text NOT NULL,
  subject text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  terms jsonb NOT NULL,
  terms_hash bytea NOT NULL,
  reason text NOT NULL,
  state text NOT NULL,
  proposed_by text COLLATE "C" NOT NULL,
  proposed_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by text COLLATE "C" NOT NULL DEFAULT '',
  decided_at timestamptz,
  decision_reason text NOT NULL DEFAULT '',
  used_at timestamptz,
  CONSTRAINT approval_pk PRIMARY KEY (bucket, approval_id),
  CONSTRAINT approval_money CHECK (amount_fen >= 0),
  CONSTRAINT approval_state CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn', 'used')),
  CONSTRAINT approval_reason CHECK (reason <> ''),
  CONSTRAINT approval_two_people
    CHECK (state NOT IN ('approved', 'used') OR (decided_by <> '' AND decided_by <> proposed_by)),
  CONSTRAINT approval_used CHECK ((state = 'used') = (used_at IS NOT NULL))
);
CREATE INDEX approval_open ON approval (expires_at) WHERE state IN ('proposed', 'approved');
CREATE INDEX approval_subject ON approval (bucket, subject);

-- Terms never change, a final decision stays, and nothing goes back.
CREATE FUNCTION guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.bucket, NEW.approval_id, NEW.action, NEW.subject, NEW.amount_fen, NEW.terms, NEW.terms_hash, NEW.reason,
      NEW.proposed_by, NEW.proposed_at, NEW.expires_at)
    IS DISTINCT FROM (OLD.bucket, OLD.approval_id, OLD.action, OLD.subject, OLD.amount_fen, OLD.terms,
      OLD.terms_hash, OLD.reason, OLD.proposed_by, OLD.proposed_at, OLD.expires_at)
    OR NOT (OLD.state = 'proposed' AND NEW.state IN ('approved', 'rejected', 'withdrawn')
      OR OLD.state = 'approved' AND NEW.state IN ('used', 'withdrawn') AND NEW.decided_by = OLD.decided_by
        AND NEW.decided_at = OLD.decided_at)
  THEN
    RAISE EXCEPTION 'append_only: this change of an approval is refused' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approval_guard BEFORE UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION guard_approval();
CREATE TRIGGER approval_keep BEFORE DELETE OR TRUNCATE ON approval EXECUTE FUNCTION refuse_change();
