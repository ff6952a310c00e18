-- A refund by bank transfer (row 17): where the way that the money came is closed for good, two people have it sent from
-- custody to the account that the buyer named. See docs/decisions/0089.

-- `way`: 'channel', the way it came, or 'transfer'. Of a transfer `channel` is the bank (the ledger's party), `payee_n` the
-- buyer's word that it goes to, `approval_id` the two people, `instruction_id` the EndToEndId once it is fixed.
ALTER TABLE refund ADD COLUMN way text NOT NULL DEFAULT 'channel';
ALTER TABLE refund ADD COLUMN payee_n int NOT NULL DEFAULT 0;
ALTER TABLE refund ADD COLUMN approval_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE refund ADD COLUMN instruction_id text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE refund ADD CONSTRAINT refund_way CHECK (
  way = 'channel' AND payee_n = 0 OR way = 'transfer' AND payee_n > 0 AND approval_id <> '');

-- Where the buyer wants it sent, each word of theirs by itself: name and account sealed, a mask beside them.
CREATE TABLE refund_payee (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  payee_enc bytea NOT NULL,
  name_mask text NOT NULL,
  account_mask text NOT NULL,
  given_at timestamptz NOT NULL,
  CONSTRAINT refund_payee_pk PRIMARY KEY (bucket, order_id, n)
);
CREATE TRIGGER refund_payee_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_payee
  EXECUTE FUNCTION refuse_change_but_emptying();
CREATE TRIGGER refund_payee_only_emptied BEFORE UPDATE ON refund_payee FOR EACH ROW
  EXECUTE FUNCTION only_emptied('payee_enc', 'name_mask', 'account_mask');

-- The instruction of a transfer names its refund (`party`) and its order; the payee stands in it sealed, its masks in clear.
ALTER TABLE instruction ADD COLUMN bucket int NOT NULL DEFAULT 0;
ALTER TABLE instruction ADD COLUMN subject text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE instruction ADD COLUMN payee_enc bytea;
ALTER TABLE instruction DROP CONSTRAINT instruction_purpose;
ALTER TABLE instruction ADD CONSTRAINT instruction_purpose CHECK (
  purpose IN ('prefund', 'reserve', 'sweep') AND subject = '' OR purpose = 'refund' AND subject <> '' AND payee_enc IS NOT NULL);
CREATE UNIQUE INDEX instruction_refund ON instruction (party) WHERE purpose = 'refund';
CREATE INDEX instruction_subject ON instruction (bucket, subject) WHERE purpose = 'refund';

-- What may leave: float and margin as before; for a refund what the order itself has gathered there (refunding), less what
-- other transfers of the order have asked for. Nobody else's money pays a refund by mistake.
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
    WHERE bucket = NEW.bucket AND subject = NEW.subject AND place = 'refunding' AND party = NEW.bank AND owner = 'o';
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

-- What was decided stays as it was decided. A refund that the bank had paid out may come back, once; its payee may be
-- emptied by an erasure (0086), and nothing else of it then.
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
     OR OLD.state = 'done' AND NOT (OLD.purpose = 'refund' AND OLD.code <> 'returned' AND NEW.code = 'returned'
       AND NEW.state = 'done')
     OR NEW.state = 'planned' AND OLD.state <> 'planned'
     OR OLD.state = 'booked' AND NEW.state <> 'done' AND NEW.state <> 'booked' THEN
    RAISE EXCEPTION 'instruction_fixed: %', OLD.instruction_id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;

-- Whom an order's refunds were paid to, forgotten when the law has had it kept long enough; returns how many words of the
-- buyer's were emptied.
CREATE FUNCTION erase_payees(p_bucket int, p_order text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_done int;
BEGIN
  PERFORM set_config('mingzhang.erasing', 'on', true);
  UPDATE instruction SET payee_enc = '', payee_name = '', payee_account = ''
  WHERE bucket = p_bucket AND subject = p_order AND purpose = 'refund';
  UPDATE refund_payee SET payee_enc = '', name_mask = '', account_mask = ''
  WHERE bucket = p_bucket AND order_id = p_order;
  GET DIAGNOSTICS v_done = ROW_COUNT;
  PERFORM set_config('mingzhang.erasing', 'off', true);
  RETURN v_done;
END $$;
