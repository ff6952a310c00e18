-- What is owed to buyers at each day's end, as a Merkle sum tree: everybody sees root and total, each buyer the own leaf.

-- One tree. `seed`: makes every leaf's salt, and is told to nobody; `standing`: where the money of those in it lay, by place.
CREATE TABLE liability_day (
  day date NOT NULL,
  ends_at timestamptz NOT NULL,
  seed bytea NOT NULL,
  root bytea NOT NULL,
  total_fen bigint NOT NULL,
  leaves int NOT NULL,
  standing jsonb NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT liability_day_pk PRIMARY KEY (day),
  CONSTRAINT liability_day_counted CHECK (total_fen >= leaves AND leaves >= 0),
  CONSTRAINT liability_day_hashes CHECK (length(seed) = 32 AND length(root) = 32)
);

-- An order's (or suspense item's) leaf in a day's tree; `n`: its place, in the order of the leaves' hashes.
CREATE TABLE liability_leaf (
  bucket int NOT NULL,
  subject text COLLATE "C" NOT NULL,
  day date NOT NULL,
  n int NOT NULL,
  amount_fen bigint NOT NULL,
  CONSTRAINT liability_leaf_pk PRIMARY KEY (bucket, subject, day),
  CONSTRAINT liability_leaf_owed CHECK (amount_fen > 0 AND n >= 0)
);
CREATE INDEX liability_leaf_day ON liability_leaf (day);

-- Nodes of a tree, 256 a row, 40 bytes each: SHA-256 and sum. Level 0 holds the leaves.
CREATE TABLE liability_tile (
  day date NOT NULL,
  level smallint NOT NULL,
  n int NOT NULL,
  nodes bytea NOT NULL,
  CONSTRAINT liability_tile_pk PRIMARY KEY (day, level, n),
  CONSTRAINT liability_tile_width CHECK (length(nodes) BETWEEN 40 AND 10240 AND length(nodes) % 40 = 0)
);
ALTER TABLE liability_tile ALTER COLUMN nodes SET STORAGE EXTERNAL;

CREATE TRIGGER liability_day_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON liability_day
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER liability_leaf_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON liability_leaf
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER liability_tile_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON liability_tile
  EXECUTE FUNCTION refuse_change();
