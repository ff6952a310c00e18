-- Money put aside goes back by bank transfer, too (rows 17, 23): its own `refunding` there carries the instruction.
CREATE OR REPLACE FUNCTION guard_instruction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_owner text := CASE NEW.purpose WHEN 'sweep' THEN 'M' ELSE 'F' END;
  v_have bigint;
  v_out bigint;
BEGIN
  PERFORM FROM bank_account WHERE account = NEW.account AND bank = NEW.bank FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'float_short: no account % at %', NEW.account, NEW.bank USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.purpose = 'refund' THEN
    SELECT coalesce(sum(amount_fen), 0) INTO v_have FROM leg
    WHERE bucket = NEW.bucket AND subject = NEW.subject AND place = 'refunding' AND party = NEW.bank AND owner IN ('o', 'S');
    SELECT coalesce(sum(amount_fen), 0) INTO v_out FROM refund
    WHERE bucket = NEW.bucket AND order_id = NEW.subject AND channel = NEW.bank AND way = 'transfer'
      AND state IN ('sending', 'unknown') AND refund_no <> NEW.party;
  ELSE
    SELECT coalesce(sum(amount_fen), 0) INTO v_have FROM leg
    WHERE place = 'custody' AND party = NEW.bank AND owner = v_owner;
    SELECT coalesce(sum(amount_fen), 0) INTO v_out FROM instruction
    WHERE bank = NEW.bank AND state IN ('planned', 'sending', 'unknown', 'accepted') AND purpose <> 'refund'
      AND (purpose = 'sweep') = (NEW.purpose = 'sweep');
  END IF;
  IF NEW.state <> 'planned' OR NEW.amount_fen > v_have - v_out THEN
    RAISE EXCEPTION 'float_short: % of % less % under way', NEW.amount_fen, v_have, v_out
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
