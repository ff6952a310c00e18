-- What the shop says of itself (R42, R45): one row a version, never changed; the newest holds. Before the first, the
-- environment does. Near-static: written by staff.
CREATE TABLE shop_setting (
  version int NOT NULL,
  face jsonb NOT NULL,
  set_by text NOT NULL,
  reason text NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT shop_setting_pk PRIMARY KEY (version),
  CONSTRAINT shop_setting_counted CHECK (version > 0)
);
CREATE TRIGGER shop_setting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON shop_setting
  EXECUTE FUNCTION refuse_change();

-- Logos (PNG), drawn anew, under the hash of what is served: an old version's logo can still be seen.
CREATE TABLE shop_logo (
  logo_id text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT shop_logo_pk PRIMARY KEY (logo_id),
  CONSTRAINT shop_logo_small CHECK (length(body) <= 60000)
);
CREATE TRIGGER shop_logo_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON shop_logo
  EXECUTE FUNCTION refuse_change();
