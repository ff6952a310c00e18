-- What the public record is told beside orders and suspense items: that an evidence pack was made, by its manifest's hash
-- (the message that `evidence_id` names). The same columns as an event, since the record tells both alike.
CREATE TABLE log_statement (
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  seq int NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  data jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT log_statement_pk PRIMARY KEY (bucket, subject, seq),
  CONSTRAINT log_statement_subject CHECK (subject LIKE 'PACK-%')
);
CREATE TRIGGER log_statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_statement
  EXECUTE FUNCTION refuse_change();
