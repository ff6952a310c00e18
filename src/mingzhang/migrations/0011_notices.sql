-- Outgoing notices (通知): the row is the job, and what it says of its delivery is what the other side answered (F16).

-- Whom notices of an audience go to. Small and near-static; written at start from the settings.
CREATE TABLE notice_route (
  route_id text COLLATE "C" NOT NULL,
  audience text NOT NULL,
  channel text NOT NULL,
  address_enc bytea NOT NULL,
  address_mask text NOT NULL,
  address_hash bytea NOT NULL,
  language text NOT NULL,
  active boolean NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT notice_route_pk PRIMARY KEY (route_id),
  CONSTRAINT notice_route_audience CHECK (audience IN ('buyer', 'shop', 'staff')),
  CONSTRAINT notice_route_language CHECK (language IN ('zh', 'en'))
);

-- One notice to one destination. `unsure`: an attempt ended without an answer, so the notice may have arrived
-- although it was not confirmed. The address is wiped when the notice is sent.
CREATE TABLE notice (
  bucket int NOT NULL,
  notice_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  route_id text COLLATE "C" NOT NULL,
  template text NOT NULL,
  audience text NOT NULL,
  channel text NOT NULL,
  address_enc bytea NOT NULL,
  address_mask text NOT NULL,
  address_hash bytea NOT NULL,
  language text NOT NULL,
  facts jsonb NOT NULL,
  state text NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  unsure boolean NOT NULL DEFAULT false,
  last_error text NOT NULL DEFAULT '',
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  queued_at timestamptz NOT NULL,
  attempted_at timestamptz,
  sent_at timestamptz,
  CONSTRAINT notice_pk PRIMARY KEY (bucket, notice_id),
  CONSTRAINT notice_once UNIQUE (bucket, subject, key, route_id),
  CONSTRAINT notice_state CHECK (state IN ('waiting', 'sending', 'retrying', 'sent', 'failed')),
  CONSTRAINT notice_clock CHECK (due_at IS NULL OR due_at <= deadline_at),
  CONSTRAINT notice_open CHECK ((due_at IS NULL) = (state IN ('sent', 'failed'))),
  CONSTRAINT notice_sent CHECK ((state = 'sent') = (sent_at IS NOT NULL) AND (state <> 'sent' OR evidence_id <> ''))
);
CREATE INDEX notice_due ON notice (bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notice_failed ON notice (queued_at) WHERE state = 'failed';
