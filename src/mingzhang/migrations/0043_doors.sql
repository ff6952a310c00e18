-- Doors: waits after wrong tries that every process knows of, sessions that end when nobody uses them, and codes
-- for whoever lost the phone. Everybody signs in anew.

-- Tries at a door (a sign-in, an order's contact, …) by keyed hash of what was tried and from where. `until`: nobody
-- tries again before. A row is worth nothing once its time is over, and is cleared away.
CREATE TABLE guess (
  key bytea NOT NULL,
  tries int NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT guess_pk PRIMARY KEY (key)
) WITH (fillfactor = 70);
CREATE INDEX guess_until ON guess (until);

-- The waits of a name stood in its own row: a stranger could keep its owner out.
ALTER TABLE staff DROP COLUMN failed;
ALTER TABLE staff DROP COLUMN locked_until;

DELETE FROM staff_session;
ALTER TABLE staff_session ADD COLUMN seen_at timestamptz NOT NULL;
ALTER TABLE staff_session ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE staff_session ADD COLUMN browser text NOT NULL DEFAULT '';

-- One-time codes instead of the authenticator's; only keyed hashes.
CREATE TABLE staff_recovery (
  name text COLLATE "C" NOT NULL,
  code_hash bytea NOT NULL,
  made_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT staff_recovery_pk PRIMARY KEY (name, code_hash)
);
