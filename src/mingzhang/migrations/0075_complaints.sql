-- Complaints that buyers made at a payment channel (渠道投诉), its negotiation, and what we did there (R36, F16).

-- Known by the channel's own number, before anybody knows which order it is about: not order-owned. `bucket`, `order_id`,
-- `dispute_id`: the case it belongs to, once bound; `bound_by`: the member of staff who said so, empty when the channel's
-- numbers did. `words_enc`, `phone_enc`: sealed. `first_by`, `solved_by`: the channel's clocks; `answered_at`: when the
-- first reply of ours stood in its negotiation. `sent_to`: the last message of the case that was looked at; `case_state`:
-- how the case stood then. `due_at`: when it is read again; null: over at both ends.
CREATE TABLE complaint (
  channel text COLLATE "C" NOT NULL,
  complaint_no text COLLATE "C" NOT NULL,
  state text NOT NULL DEFAULT 'unread',
  word text NOT NULL DEFAULT '',
  wish text NOT NULL DEFAULT '',
  made_at timestamptz,
  changed_at timestamptz,
  transaction_id text COLLATE "C" NOT NULL DEFAULT '',
  payment_no text COLLATE "C" NOT NULL DEFAULT '',
  amount_fen bigint NOT NULL DEFAULT 0,
  asked_fen bigint NOT NULL DEFAULT 0,
  waits boolean NOT NULL DEFAULT false,
  refunded boolean NOT NULL DEFAULT false,
  words_enc bytea NOT NULL DEFAULT '',
  phone_enc bytea NOT NULL DEFAULT '',
  phone_mask text NOT NULL DEFAULT '',
  images text[] NOT NULL DEFAULT '{}',
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  bucket int NOT NULL DEFAULT 0,
  order_id text COLLATE "C" NOT NULL DEFAULT '',
  dispute_id text COLLATE "C" NOT NULL DEFAULT '',
  bound_by text COLLATE "C" NOT NULL DEFAULT '',
  first_by timestamptz,
  solved_by timestamptz,
  answered_at timestamptz,
  sent_to int NOT NULL DEFAULT 0,
  case_state text NOT NULL DEFAULT '',
  known_at timestamptz NOT NULL,
  read_at timestamptz,
  tried_at timestamptz,
  failures int NOT NULL DEFAULT 0,
  code text NOT NULL DEFAULT '',
  due_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT complaint_pk PRIMARY KEY (channel, complaint_no),
  CONSTRAINT complaint_state CHECK (state IN
    ('unread', 'not_there', 'waiting', 'answered', 'outside', 'done', 'withdrawn', 'unknown')),
  CONSTRAINT complaint_read CHECK (state IN ('unread', 'not_there') OR made_at IS NOT NULL),
  CONSTRAINT complaint_case CHECK (dispute_id = '' OR order_id <> '')
);
CREATE INDEX complaint_due ON complaint (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX complaint_order ON complaint (bucket, order_id) WHERE order_id <> '';
CREATE INDEX complaint_known ON complaint (known_at);

-- One line of the negotiation, once. `poured`: it stands in the case, or is our own.
CREATE TABLE complaint_line (
  channel text COLLATE "C" NOT NULL,
  complaint_no text COLLATE "C" NOT NULL,
  line_id text COLLATE "C" NOT NULL,
  speaker text NOT NULL,
  word text NOT NULL,
  at timestamptz NOT NULL,
  text_enc bytea NOT NULL DEFAULT '',
  images text[] NOT NULL DEFAULT '{}',
  opens boolean NOT NULL,
  known_at timestamptz NOT NULL,
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  poured boolean NOT NULL DEFAULT false,
  CONSTRAINT complaint_line_pk PRIMARY KEY (channel, complaint_no, line_id),
  CONSTRAINT complaint_line_speaker CHECK (speaker IN ('buyer', 'shop', 'channel'))
);

-- What we do at the channel: the intent first, then the call, then its outcome. `act`: reply, refund, complete.
-- `key`: what it answers, once for each: m3.0 is the first part of the case's third message.
CREATE TABLE complaint_act (
  channel text COLLATE "C" NOT NULL,
  complaint_no text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  n int NOT NULL,
  act text NOT NULL,
  state text NOT NULL DEFAULT 'intent',
  text_enc bytea NOT NULL,
  files text[] NOT NULL DEFAULT '{}',
  approved boolean NOT NULL DEFAULT false,
  planned_at timestamptz NOT NULL,
  asked int NOT NULL DEFAULT 0,
  asked_at timestamptz,
  ended_at timestamptz,
  code text NOT NULL DEFAULT '',
  line_id text COLLATE "C" NOT NULL DEFAULT '',
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  CONSTRAINT complaint_act_pk PRIMARY KEY (channel, complaint_no, key),
  CONSTRAINT complaint_act_act CHECK (act IN ('reply', 'refund', 'complete')),
  CONSTRAINT complaint_act_state CHECK (state IN ('intent', 'sending', 'unknown', 'sent', 'refused', 'dropped')),
  CONSTRAINT complaint_act_ended CHECK ((state IN ('sent', 'refused', 'dropped')) = (ended_at IS NOT NULL))
);

-- The channel's list, passed over again and again: what no notify told is found there.
CREATE TABLE complaint_pass (
  channel text COLLATE "C" NOT NULL,
  told_url text NOT NULL DEFAULT '',
  read_at timestamptz,
  code text NOT NULL DEFAULT '',
  due_at timestamptz NOT NULL,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT complaint_pass_pk PRIMARY KEY (channel)
);
