-- Attachments of a conversation: pictures drawn anew (kit/attachments.py), sealed, because they show names and balances.

-- `owner`: whose conversation it is (a dispute's number, a complaint's); every read names it, so that knowing a number
-- opens nothing. `sha256` is that of what is served, so that a pack can be held against it. `bucket`: the owner's order's.
CREATE TABLE attachment (
  bucket int NOT NULL,
  attachment_id text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  sha256 bytea NOT NULL,
  size_bytes int NOT NULL,
  sealed bytea NOT NULL,
  kept_at timestamptz NOT NULL,
  CONSTRAINT attachment_pk PRIMARY KEY (bucket, attachment_id)
);
CREATE INDEX attachment_owner ON attachment (bucket, owner);
CREATE TRIGGER attachment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON attachment EXECUTE FUNCTION refuse_change();
