-- Oversight: accounts of a regulator, every page that an overseer opens on record, and the registry of licences (R42).

ALTER TABLE staff DROP CONSTRAINT staff_roles;
ALTER TABLE staff ADD CONSTRAINT staff_roles
  CHECK (roles <@ ARRAY['support', 'finance', 'operator', 'auditor', 'regulator', 'admin']);

-- `viewed`: a page that somebody opened who oversees the shop.
ALTER TABLE staff_action DROP CONSTRAINT staff_action_kind;
ALTER TABLE staff_action ADD CONSTRAINT staff_action_kind
  CHECK (kind IN ('done', 'seen', 'refused', 'account', 'viewed'));

-- Licences of those whom the shop deals with, and its own: a change is a new version, and nothing is taken away.
-- `kind`: own, channel, supplier, bank. `valid_until` null: without an end. `ended`: no longer relied upon.
CREATE TABLE licence (
  licence_id text COLLATE "C" NOT NULL,
  version int NOT NULL,
  kind text NOT NULL,
  party text COLLATE "C" NOT NULL,
  title text NOT NULL,
  number text NOT NULL,
  issuer text NOT NULL,
  scope text NOT NULL,
  valid_until date,
  source_url text NOT NULL,
  proof_sha256 bytea NOT NULL,
  ended boolean NOT NULL,
  set_by text COLLATE "C" NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT licence_pk PRIMARY KEY (licence_id, version),
  CONSTRAINT licence_kind CHECK (kind IN ('own', 'channel', 'supplier', 'bank')),
  CONSTRAINT licence_named CHECK (party <> '' AND title <> '' AND number <> ''),
  CONSTRAINT licence_proof CHECK (length(proof_sha256) IN (0, 32)),
  CONSTRAINT licence_version CHECK (version >= 1)
);

-- Pictures of licences, drawn anew before they are kept, by the hash of what is kept.
CREATE TABLE licence_picture (
  sha256 bytea NOT NULL,
  body bytea NOT NULL,
  added_at timestamptz NOT NULL,
  CONSTRAINT licence_picture_pk PRIMARY KEY (sha256),
  CONSTRAINT licence_picture_whole CHECK (sha256 = sha256(body))
);

CREATE TRIGGER licence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON licence EXECUTE FUNCTION refuse_change();
CREATE TRIGGER licence_picture_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON licence_picture
  EXECUTE FUNCTION refuse_change();

-- What is looked at now and then: licences that end, and more. One row a chore.
CREATE TABLE oversight_chore (
  chore text COLLATE "C" NOT NULL,
  due_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  done_at timestamptz,
  told jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT oversight_chore_pk PRIMARY KEY (chore)
);
