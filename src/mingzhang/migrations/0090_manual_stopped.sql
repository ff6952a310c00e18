-- Work by hand ends with the refund of its order: a task that nobody has reported is stopped, and leaves the lists of work.
-- What was done before the refund may still be reported, and is then a late success (row 19). See docs/decisions/0090.
ALTER TABLE manual_task DROP CONSTRAINT manual_task_state;
ALTER TABLE manual_task ADD CONSTRAINT manual_task_state CHECK (state IN ('open', 'stopped', 'succeeded', 'refused'));
CREATE INDEX manual_task_stopped ON manual_task (ended_at) WHERE state = 'stopped';

-- An ended task is the evidence of how it ended; one that a refund stopped may turn out to have been done before. An
-- erasure (0086) may empty whose account it was, and nothing else.
CREATE OR REPLACE FUNCTION guard_manual_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('mingzhang.erasing', true) = 'on'
     AND (NEW.account_enc, NEW.account_mask) = ('\x'::bytea, '')
     AND to_jsonb(NEW) - ARRAY['account_enc', 'account_mask'] = to_jsonb(OLD) - ARRAY['account_enc', 'account_mask'] THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' OR NOT (OLD.state = 'open' OR OLD.state = 'stopped' AND NEW.state = 'succeeded')
      OR (NEW.attempt_no, NEW.product, NEW.kind, NEW.quantity,
      NEW.face_value_fen, NEW.account_enc, NEW.made_at) IS DISTINCT FROM (OLD.attempt_no, OLD.product, OLD.kind,
      OLD.quantity, OLD.face_value_fen, OLD.account_enc, OLD.made_at) THEN
    RAISE EXCEPTION 'append_only: a task by hand ends once and stays as it ended' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
