-- 待您处理 (R19): what a buyer corrected, before and after, kept for ever. Accounts are encrypted; masks are for pages.
CREATE TABLE account_correction (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  seq int NOT NULL,
  reason text NOT NULL,
  old_mask text NOT NULL,
  old_enc bytea NOT NULL,
  old_hash bytea NOT NULL,
  new_mask text NOT NULL,
  new_enc bytea NOT NULL,
  new_hash bytea NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT account_correction_pk PRIMARY KEY (bucket, order_id, n)
);
CREATE TRIGGER account_correction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_correction
  EXECUTE FUNCTION refuse_change();
