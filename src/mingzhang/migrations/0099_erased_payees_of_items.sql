-- An erasure reaches the accounts, too, that were named for money of the order that had been put aside.
CREATE OR REPLACE FUNCTION erase_payees(p_bucket int, p_order text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_subjects text[] := ARRAY(
    SELECT p_order UNION ALL SELECT item_id FROM suspense WHERE bucket = p_bucket AND order_id = p_order);
  v_done int;
BEGIN
  PERFORM set_config('mingzhang.erasing', 'on', true);
  UPDATE instruction SET payee_enc = '', payee_name = '', payee_account = ''
  WHERE bucket = p_bucket AND subject = ANY (v_subjects) AND purpose = 'refund';
  UPDATE refund_payee SET payee_enc = '', name_mask = '', account_mask = ''
  WHERE bucket = p_bucket AND order_id = ANY (v_subjects);
  GET DIAGNOSTICS v_done = ROW_COUNT;
  PERFORM set_config('mingzhang.erasing', 'off', true);
  RETURN v_done;
END $$;
