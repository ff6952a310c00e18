-- One-time codes with which a buyer proves a contact: hashes alone. Short-lived, keyed by the contact's keyed hash.
CREATE TABLE sign_in_code (
  code_id text COLLATE "C" NOT NULL,
  contact_hash bytea NOT NULL,
  code_hash bytea NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0,
  used_at timestamptz,
  CONSTRAINT sign_in_code_pk PRIMARY KEY (code_id)
);
CREATE INDEX sign_in_code_contact ON sign_in_code (contact_hash, made_at DESC);
