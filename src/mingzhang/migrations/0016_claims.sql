-- Claims (已付款,订单未更新): what a buyer showed of a payment that nobody told us of, with its own clock (R26, R33).

-- `number`: the channel's or our own number as the buyer gave it; may be empty when there is a picture. `flag` is for
-- staff alone: what the buyer reads is the same with and without it. `said`: what the channels answered last about the
-- order's own payments. `unpaid`: the order had not been paid when the claim was made.
CREATE TABLE claim (
  bucket int NOT NULL,
  claim_id text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  state text NOT NULL,
  number text COLLATE "C" NOT NULL,
  unpaid boolean NOT NULL,
  flag text NOT NULL DEFAULT '',
  said text NOT NULL DEFAULT '',
  evidence_id text COLLATE "C" NOT NULL,
  picture_id text COLLATE "C" NOT NULL DEFAULT '',
  asked int NOT NULL DEFAULT 0,
  asked_at timestamptz,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  made_at timestamptz NOT NULL,
  finished_at timestamptz,
  answer text NOT NULL DEFAULT '',
  answered_by text COLLATE "C" NOT NULL DEFAULT '',
  CONSTRAINT claim_pk PRIMARY KEY (bucket, claim_id),
  CONSTRAINT claim_shown CHECK (number <> '' OR picture_id <> ''),
  CONSTRAINT claim_state CHECK (state IN ('asking', 'waiting', 'person', 'found', 'answered')),
  CONSTRAINT claim_final CHECK ((state IN ('found', 'answered')) = (finished_at IS NOT NULL)),
  CONSTRAINT claim_clock CHECK (due_at IS NULL OR due_at <= deadline_at),
  CONSTRAINT claim_open CHECK (finished_at IS NOT NULL OR deadline_at IS NOT NULL),
  CONSTRAINT claim_answer CHECK ((state = 'answered') = (answer <> '') AND (answer = '') = (answered_by = ''))
);
CREATE INDEX claim_order ON claim (bucket, order_id);
CREATE INDEX claim_due ON claim (bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX claim_for_people ON claim (deadline_at) WHERE finished_at IS NULL;
