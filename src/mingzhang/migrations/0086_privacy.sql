-- How a counterparty is reached, beside its licence: a resolution pack names whom to call.
ALTER TABLE licence ADD COLUMN contact text NOT NULL DEFAULT '';

-- Erasure of personal data (decision 0086): what a buyer asks for or a term has run out for, one row an order. `step`:
-- waiting (the order, or something about it, is open), kept (the contact is gone; what the law has kept stays sealed until
-- `keep_until`), done.
CREATE TABLE erasure (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  step text NOT NULL,
  keep_until timestamptz,
  first_at timestamptz,
  done_at timestamptz,
  due_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT erasure_pk PRIMARY KEY (bucket, order_id),
  CONSTRAINT erasure_asked_by CHECK (asked_by IN ('buyer', 'term')),
  CONSTRAINT erasure_step CHECK (step IN ('waiting', 'kept', 'done')),
  CONSTRAINT erasure_ends CHECK ((step = 'done') = (done_at IS NOT NULL) AND (step = 'done') = (due_at IS NULL))
);
CREATE INDEX erasure_due ON erasure (bucket, due_at) WHERE due_at IS NOT NULL;

-- Messages whose body was emptied. `sealed`: the body, encrypted, for as long as the law has it kept; then empty.
CREATE TABLE erased_message (
  evidence_id text COLLATE "C" NOT NULL,
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  sealed bytea NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT erased_message_pk PRIMARY KEY (evidence_id)
);
CREATE INDEX erased_message_order ON erased_message (bucket, order_id);

-- Append-only but for emptying columns of personal data, and that only where an erasure is said to be under way.
CREATE FUNCTION refuse_change_but_emptying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('mingzhang.erasing', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'append_only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION only_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_was jsonb := to_jsonb(OLD);
  v_is jsonb := to_jsonb(NEW);
  v_column text;
BEGIN
  FOREACH v_column IN ARRAY TG_ARGV LOOP
    IF v_was -> v_column IS DISTINCT FROM v_is -> v_column AND v_is ->> v_column NOT IN ('', '\x') THEN
      RAISE EXCEPTION 'append_only: % of % may only be emptied', v_column, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
    END IF;
    v_was := v_was - v_column;
    v_is := v_is - v_column;
  END LOOP;
  IF v_was <> v_is THEN
    RAISE EXCEPTION 'append_only: UPDATE on % is refused', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER evidence_append_only ON evidence;
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
  EXECUTE FUNCTION refuse_change_but_emptying();
CREATE TRIGGER evidence_only_emptied BEFORE UPDATE ON evidence FOR EACH ROW EXECUTE FUNCTION only_emptied('body');
DROP TRIGGER account_correction_append_only ON account_correction;
CREATE TRIGGER account_correction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_correction
  EXECUTE FUNCTION refuse_change_but_emptying();
CREATE TRIGGER account_correction_only_emptied BEFORE UPDATE ON account_correction FOR EACH ROW
  EXECUTE FUNCTION only_emptied('old_mask', 'old_enc', 'old_hash', 'new_mask', 'new_enc', 'new_hash');
DROP TRIGGER dispute_message_append_only ON dispute_message;
CREATE TRIGGER dispute_message_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dispute_message
  EXECUTE FUNCTION refuse_change_but_emptying();
CREATE TRIGGER dispute_message_only_emptied BEFORE UPDATE ON dispute_message FOR EACH ROW
  EXECUTE FUNCTION only_emptied('text_enc');
DROP TRIGGER attachment_append_only ON attachment;
CREATE TRIGGER attachment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON attachment
  EXECUTE FUNCTION refuse_change_but_emptying();
CREATE TRIGGER attachment_only_emptied BEFORE UPDATE ON attachment FOR EACH ROW EXECUTE FUNCTION only_emptied('sealed');
CREATE TRIGGER erased_message_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erased_message
  EXECUTE FUNCTION refuse_change_but_emptying();
CREATE TRIGGER erased_message_only_emptied BEFORE UPDATE ON erased_message FOR EACH ROW
  EXECUTE FUNCTION only_emptied('sealed');

-- Every place where one order's personal data stands, in one function, so that nothing is forgotten in one of many.
-- `p_whole` false: the contact and what points to it; true: also what the law has kept (account, what was written).
CREATE FUNCTION erase_personal(p_bucket int, p_order text, p_whole boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('mingzhang.erasing', 'on', true);
  UPDATE orders SET contact_mask = '', contact_enc = '', contact_hash = '' WHERE bucket = p_bucket AND order_id = p_order;
  UPDATE notice SET address_enc = '', address_mask = '', address_hash = ''
  WHERE bucket = p_bucket AND subject = p_order AND audience = 'buyer';
  UPDATE payment SET buyer_mask = '' WHERE bucket = p_bucket AND order_id = p_order AND buyer_mask <> '';
  UPDATE complaint SET phone_enc = '', phone_mask = '' WHERE bucket = p_bucket AND order_id = p_order;
  DELETE FROM order_password WHERE bucket = p_bucket AND order_id = p_order;
  IF p_whole THEN
    UPDATE orders SET account_mask = '', account_enc = '', account_hash = ''
    WHERE bucket = p_bucket AND order_id = p_order;
    DELETE FROM order_key WHERE order_id = p_order;
    UPDATE account_correction SET old_mask = '', old_enc = '', old_hash = '', new_mask = '', new_enc = '', new_hash = ''
    WHERE bucket = p_bucket AND order_id = p_order;
    UPDATE supply_attempt SET feedback = '{}' WHERE bucket = p_bucket AND order_id = p_order AND feedback <> '{}';
    UPDATE manual_task SET account_enc = '', account_mask = '' WHERE attempt_no IN (
      SELECT attempt_no FROM supply_attempt WHERE bucket = p_bucket AND order_id = p_order);
    UPDATE refund SET destination = '' WHERE bucket = p_bucket AND order_id = p_order AND destination <> '';
    UPDATE remedy_request SET words_enc = '', answer_text = '' WHERE bucket = p_bucket AND order_id = p_order;
    UPDATE dispute_message SET text_enc = '' WHERE bucket = p_bucket AND dispute_id IN (
      SELECT dispute_id FROM dispute WHERE bucket = p_bucket AND order_id = p_order);
    UPDATE attachment SET sealed = '' WHERE bucket = p_bucket AND (owner = p_order OR owner IN (
      SELECT dispute_id FROM dispute WHERE bucket = p_bucket AND order_id = p_order));
    UPDATE complaint SET words_enc = '' WHERE bucket = p_bucket AND order_id = p_order;
    UPDATE complaint_line SET text_enc = '' FROM complaint c WHERE c.bucket = p_bucket AND c.order_id = p_order
      AND complaint_line.channel = c.channel AND complaint_line.complaint_no = c.complaint_no;
    UPDATE complaint_act SET text_enc = '' FROM complaint c WHERE c.bucket = p_bucket AND c.order_id = p_order
      AND complaint_act.channel = c.channel AND complaint_act.complaint_no = c.complaint_no;
    UPDATE erased_message SET sealed = '' WHERE bucket = p_bucket AND order_id = p_order AND sealed <> '';
  END IF;
  PERFORM set_config('mingzhang.erasing', 'off', true);
END $$;

-- Put messages away: a sealed copy (or none) beside the hash that stays, and the body emptied.
CREATE FUNCTION erase_messages(p_bucket int, p_order text, p_ids text[], p_sealed bytea[], p_at timestamptz)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_done int;
BEGIN
  INSERT INTO erased_message (evidence_id, bucket, order_id, sealed, at)
  SELECT t.evidence_id, p_bucket, p_order, t.sealed, p_at FROM unnest(p_ids, p_sealed) AS t (evidence_id, sealed)
  ON CONFLICT (evidence_id) DO NOTHING;
  PERFORM set_config('mingzhang.erasing', 'on', true);
  UPDATE evidence SET body = '' WHERE evidence_id = ANY (p_ids) AND length(body) > 0;
  GET DIAGNOSTICS v_done = ROW_COUNT;
  PERFORM set_config('mingzhang.erasing', 'off', true);
  RETURN v_done;
END $$;
