-- A top-up that arrived may come back as well: what a done instruction turns into is not a refund's alone.
CREATE OR REPLACE FUNCTION guard_instruction_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.purpose = 'refund' AND current_setting('mingzhang.erasing', true) = 'on'
     AND (NEW.payee_enc, NEW.payee_name, NEW.payee_account) = ('\x'::bytea, '', '')
     AND to_jsonb(NEW) - ARRAY['payee_enc', 'payee_name', 'payee_account']
       = to_jsonb(OLD) - ARRAY['payee_enc', 'payee_name', 'payee_account'] THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE'
     OR (OLD.instruction_id, OLD.purpose, OLD.bank, OLD.account, OLD.party, OLD.payee_name, OLD.payee_account,
         OLD.amount_fen, OLD.approval_id, OLD.bucket, OLD.subject, OLD.payee_enc)
        IS DISTINCT FROM (NEW.instruction_id, NEW.purpose, NEW.bank, NEW.account, NEW.party, NEW.payee_name,
          NEW.payee_account, NEW.amount_fen, NEW.approval_id, NEW.bucket, NEW.subject, NEW.payee_enc)
     OR OLD.state = 'rejected'
     OR OLD.state = 'done' AND NOT (OLD.purpose <> 'sweep' AND OLD.code <> 'returned' AND NEW.code = 'returned'
       AND NEW.state = 'done')
     OR NEW.state = 'planned' AND OLD.state <> 'planned'
     OR OLD.state = 'booked' AND NEW.state <> 'done' AND NEW.state <> 'booked' THEN
    RAISE EXCEPTION 'instruction_fixed: %', OLD.instruction_id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
