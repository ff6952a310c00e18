-- The set-up wizard (`/staff/setup`): what was tried and chosen on the way, so that it can be left and gone on with.
-- What can be computed is not kept here. `subject`: call:channels/alipay, address, custody, order; no keys, no secrets.
CREATE TABLE setup_note (
  subject text COLLATE "C" NOT NULL,
  outcome text NOT NULL,
  detail text NOT NULL,
  noted_by text NOT NULL,
  noted_at timestamptz NOT NULL,
  CONSTRAINT setup_note_pk PRIMARY KEY (subject)
);
