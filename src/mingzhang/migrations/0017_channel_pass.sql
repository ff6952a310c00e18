-- The pass over a channel's own list of paid trades (R10): one row a channel that has such a list.
CREATE TABLE channel_pass (
  channel text COLLATE "C" NOT NULL,
  code text NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0,
  done_at timestamptz,
  due_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT channel_pass_pk PRIMARY KEY (channel)
);
