-- Histories made by `mingzhang load-demo` (decision 0045): which one, and which pieces of it are there. A piece is
-- committed with its orders, so a load that was interrupted goes on where it stopped.
CREATE TABLE demo_load (
  load_id text COLLATE "C" NOT NULL,
  seed bigint NOT NULL,
  orders int NOT NULL,
  days int NOT NULL,
  ends_at timestamptz NOT NULL,
  finished_at timestamptz,
  CONSTRAINT demo_load_pk PRIMARY KEY (load_id),
  CONSTRAINT demo_load_size CHECK (orders > 0 AND days > 0)
);

CREATE TABLE demo_load_piece (
  load_id text COLLATE "C" NOT NULL,
  piece int NOT NULL,
  orders int NOT NULL,
  CONSTRAINT demo_load_piece_pk PRIMARY KEY (load_id, piece)
);
