-- What is still to be told to people: one row per event, written with the event, turned into notices by a worker
-- (decision 0009). Nothing is written while no destination is open.

CREATE TABLE untold (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  seq int NOT NULL,
  kind text NOT NULL,
  queued_at timestamptz NOT NULL,
  CONSTRAINT untold_pk PRIMARY KEY (bucket, order_id, seq)
);

-- The steps of `apply_batch`, and in the same transaction what they leave to be told. A step that was applied
-- before is noted again: its notices stand under their keys already, and none is written twice.
CREATE FUNCTION apply_and_tell(
  p_bucket int, p_orders text[], p_keys text[], p_hashes bytea[], p_place place_step[], p_open open_step[],
  p_opened opened_step[], p_paid paid_step[], p_send send_step[], p_heard heard_step[], p_delivered delivered_step[])
RETURNS TABLE (step_key text, step_result text) LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
  paid text[] := ARRAY(SELECT s.order_id FROM unnest(p_paid) s);
  delivered text[] := ARRAY(SELECT s.order_id FROM unnest(p_delivered) s);
BEGIN
  RETURN QUERY SELECT b.step_key, b.step_result FROM apply_batch(
    p_bucket, p_orders, p_keys, p_hashes, p_place, p_open, p_opened, p_paid, p_send, p_heard, p_delivered) b;
  IF cardinality(paid || delivered) > 0 AND EXISTS (SELECT FROM notice_route r WHERE r.active) THEN
    INSERT INTO untold (bucket, order_id, seq, kind, queued_at)
    SELECT p_bucket, e.order_id, e.seq, e.kind, e.at FROM event e
    WHERE e.bucket = p_bucket AND e.order_id = ANY (paid || delivered)
      AND (e.kind = 'paid' AND e.order_id = ANY (paid) OR e.kind = 'delivered' AND e.order_id = ANY (delivered))
    ON CONFLICT (bucket, order_id, seq) DO NOTHING;
  END IF;
END $$;
