-- The public record (R29, R32, R47): what is still to be appended, the entries, the tree over them, signed states of it.

-- Whose rows changed, noted in the transaction that changed them: one row a transaction, several subjects in a batch.
CREATE TABLE unlogged (
  bucket int NOT NULL,
  note_id uuid NOT NULL DEFAULT gen_random_uuid(),
  subjects text[] NOT NULL,
  noted_at timestamptz NOT NULL,
  CONSTRAINT unlogged_pk PRIMARY KEY (bucket, note_id)
);

-- One entry: what happened to one subject since its entry before. `data`: the hash of each change, as the log holds it.
CREATE TABLE log_entry (
  idx bigint NOT NULL,
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  from_seq int NOT NULL,
  to_seq int NOT NULL,
  salt bytea NOT NULL,
  data bytea NOT NULL,
  noted_at timestamptz NOT NULL,
  logged_at timestamptz NOT NULL,
  CONSTRAINT log_entry_pk PRIMARY KEY (idx),
  CONSTRAINT log_entry_range CHECK (from_seq <= to_seq),
  CONSTRAINT log_entry_data CHECK (length(data) > 0 AND length(data) % 32 = 0 AND length(salt) = 32)
);
CREATE UNIQUE INDEX log_entry_subject ON log_entry (bucket, subject, to_seq);

-- Whole tiles: 256 hashes of 32 bytes. What stands right of them is made from the entries.
CREATE TABLE log_tile (
  level smallint NOT NULL,
  n bigint NOT NULL,
  hashes bytea NOT NULL,
  root bytea NOT NULL,
  CONSTRAINT log_tile_pk PRIMARY KEY (level, n),
  CONSTRAINT log_tile_width CHECK (length(hashes) = 8192 AND length(root) = 32)
);
-- Hashes do not compress.
ALTER TABLE log_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE log_checkpoint (
  size bigint NOT NULL,
  root bytea NOT NULL,
  note text NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT log_checkpoint_pk PRIMARY KEY (size)
);

-- What witnesses signed: that they saw this state and none that contradicts it.
CREATE TABLE log_cosignature (
  size bigint NOT NULL,
  witness text COLLATE "C" NOT NULL,
  line text NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT log_cosignature_pk PRIMARY KEY (size, witness)
);

-- Who holds its row appends; nobody waits for it.
CREATE TABLE log_gate (
  gate int NOT NULL,
  CONSTRAINT log_gate_pk PRIMARY KEY (gate)
);
INSERT INTO log_gate (gate) VALUES (1);

CREATE TRIGGER log_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tile_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_tile EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_checkpoint
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_cosignature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_cosignature
  EXECUTE FUNCTION refuse_change();

-- What stands in the books already becomes the log's first entries.
INSERT INTO unlogged (bucket, subjects, noted_at)
SELECT bucket, array_agg(subject), max(at) FROM (
  SELECT bucket, subject, max(at) AS at, row_number() OVER (PARTITION BY bucket ORDER BY max(at), subject) / 100 AS part
  FROM (SELECT bucket, subject, at FROM leg UNION ALL SELECT bucket, order_id, at FROM event) known
  GROUP BY bucket, subject) grouped
GROUP BY bucket, part;

-- The hot path's steps note whose rows they change, once a batch. A step without a time has nothing to tell; one that
-- is not plain is noted too, and passed over by the sequencer.
ALTER FUNCTION apply_batch(int, text[], text[], text[], text[], text[], place_step[], order_step[]) RENAME TO apply_steps;
CREATE FUNCTION apply_batch(
  p_bucket int, p_kinds text[], p_orders text[], p_payments text[], p_attempts text[], p_journals text[],
  p_place place_step[], p_steps order_step[])
RETURNS TABLE (step_result text, step_keys text[]) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO unlogged (bucket, subjects, noted_at)
  SELECT p_bucket, array_agg(k.order_id), max(k.at) FROM (
    SELECT s.order_id, s.at FROM unnest(p_steps) s WHERE s.at IS NOT NULL
    UNION ALL SELECT s.order_id, s.at FROM unnest(p_place) s) k
  HAVING count(*) > 0;
  RETURN QUERY SELECT a.step_result, a.step_keys FROM apply_steps(
    p_bucket, p_kinds, p_orders, p_payments, p_attempts, p_journals, p_place, p_steps) a;
END $$;
