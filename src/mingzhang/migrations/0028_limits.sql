-- Own limits (R22): how often and for how much, by keyed hash of an account, contact, device, address or payer.
-- Counted in slots of an hour; a sum over the slots of a window is what a rule is held against. No order is named.
CREATE TABLE limit_count (
  subject bytea NOT NULL,
  slot timestamptz NOT NULL,
  n int NOT NULL,
  fen bigint NOT NULL,
  last_at timestamptz NOT NULL,
  CONSTRAINT limit_count_pk PRIMARY KEY (subject, slot)
) WITH (fillfactor = 80);

-- Every time a rule stopped somebody: which rule, whom (hashed), which order, if there was one.
CREATE TABLE limit_hit (
  hit_id text COLLATE "C" NOT NULL,
  rule text NOT NULL,
  subject bytea NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  seen bigint NOT NULL,
  most bigint NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT limit_hit_pk PRIMARY KEY (hit_id)
);
CREATE INDEX limit_hit_at ON limit_hit USING brin (at);
CREATE TRIGGER limit_hit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON limit_hit EXECUTE FUNCTION refuse_change();
