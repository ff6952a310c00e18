-- Payment channels that answer no more: near-static, written only when that changes, read by pages and openings.
CREATE TABLE channel_health (
  channel text COLLATE "C" NOT NULL,
  down_since timestamptz,
  checked_at timestamptz NOT NULL,
  code text NOT NULL DEFAULT '',
  CONSTRAINT channel_health_pk PRIMARY KEY (channel)
);
