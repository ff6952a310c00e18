-- The register of payment channels (R11, R42): what each costs, when it settles, what it takes, and by which licence.
-- Near-static: written by staff. 0 for a limit: none.
CREATE TABLE channel_register (
  channel text COLLATE "C" NOT NULL,
  rate_ppm int NOT NULL DEFAULT 0,
  fixed_fen bigint NOT NULL DEFAULT 0,
  settle_days int NOT NULL DEFAULT 1,
  min_fen bigint NOT NULL DEFAULT 0,
  max_fen bigint NOT NULL DEFAULT 0,
  day_fen bigint NOT NULL DEFAULT 0,
  licensee text NOT NULL DEFAULT '',
  licence_no text NOT NULL DEFAULT '',
  valid_until timestamptz,
  source_url text NOT NULL DEFAULT '',
  set_by text NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT channel_register_pk PRIMARY KEY (channel),
  CONSTRAINT channel_register_sane CHECK (rate_ppm BETWEEN 0 AND 1000000 AND fixed_fen >= 0 AND settle_days BETWEEN 0
    AND 60 AND min_fen >= 0 AND max_fen >= 0 AND day_fen >= 0)
);

-- What a channel took today, and when that is summed up again. One row a channel, written by a worker's chore.
CREATE TABLE channel_watch (
  channel text COLLATE "C" NOT NULL,
  day text NOT NULL DEFAULT '',
  taken_fen bigint NOT NULL DEFAULT 0,
  made_at timestamptz,
  due_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT channel_watch_pk PRIMARY KEY (channel)
);
