-- Outgoing webhooks (Standard Webhooks): an endpoint is a destination like any other, so its messages are notices (F16).

ALTER TABLE notice_route DROP CONSTRAINT notice_route_audience;
ALTER TABLE notice_route ADD CONSTRAINT notice_route_audience
  CHECK (audience IN ('buyer', 'shop', 'staff', 'webhook'));
-- What a destination is told of: templates, or groups of webhook types. Empty: everything.
ALTER TABLE notice_route ADD COLUMN topics text[] NOT NULL DEFAULT '{}';

-- Where webhooks go. Address and secret are sealed; the secret is shown once, when it is made. `failed_in_row`: how
-- many messages in a row were given up.
CREATE TABLE webhook_endpoint (
  endpoint_id text COLLATE "C" NOT NULL,
  url_enc bytea NOT NULL,
  url_mask text NOT NULL,
  secret_enc bytea NOT NULL,
  note text NOT NULL DEFAULT '',
  state text NOT NULL,
  failed_in_row int NOT NULL DEFAULT 0,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT webhook_endpoint_pk PRIMARY KEY (endpoint_id),
  CONSTRAINT webhook_endpoint_state CHECK (state IN ('active', 'paused', 'dead', 'closed')),
  CONSTRAINT webhook_endpoint_row CHECK (failed_in_row >= 0)
);
CREATE INDEX notice_webhook ON notice (queued_at) WHERE channel = 'webhook';
