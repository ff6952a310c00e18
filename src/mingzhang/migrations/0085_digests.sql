-- Digests of append-only tables in the public record (R32, R47): what stood in a table over a span of time, row by row.

-- `marks`: the first 16 bytes of each row's SHA-256, by time and name. `n` counts from 1; each span begins where the one
-- before it ended. The public record holds the hash of each span (decision 0085).
CREATE TABLE digest_span (
  table_name text COLLATE "C" NOT NULL,
  n int NOT NULL,
  from_at timestamptz NOT NULL,
  until_at timestamptz NOT NULL,
  row_count int NOT NULL,
  marks bytea NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT digest_span_pk PRIMARY KEY (table_name, n),
  CONSTRAINT digest_span_range CHECK (from_at < until_at AND n >= 1),
  CONSTRAINT digest_span_marks CHECK (row_count >= 1 AND length(marks) = row_count * 16)
);
-- Hashes do not compress.
ALTER TABLE digest_span ALTER COLUMN marks SET STORAGE EXTERNAL;
CREATE TRIGGER digest_span_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON digest_span
  EXECUTE FUNCTION refuse_change();
