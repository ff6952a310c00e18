-- 我的订单: a buyer who has proved a contact sees its orders.
CREATE INDEX orders_contact ON orders (contact_hash, placed_at DESC);

-- 申请退款/补发 (R34, R35): what a buyer asks of the shop, answered by a person within 24 hours.
CREATE TABLE remedy_request (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  wish text NOT NULL,
  cause text NOT NULL,
  words_enc bytea NOT NULL,
  state text NOT NULL,
  made_at timestamptz NOT NULL,
  deadline_at timestamptz NOT NULL,
  answer text NOT NULL DEFAULT '',
  answer_text text NOT NULL DEFAULT '',
  answered_by text NOT NULL DEFAULT '',
  answered_at timestamptz,
  CONSTRAINT remedy_request_pk PRIMARY KEY (bucket, order_id, n),
  CONSTRAINT remedy_request_wish CHECK (wish IN ('refund', 'resupply', 'other')),
  CONSTRAINT remedy_request_state CHECK (state IN ('open', 'answered')),
  CONSTRAINT remedy_request_answered CHECK ((state = 'answered') = (answered_at IS NOT NULL)
    AND (state = 'answered') = (answer <> '')),
  CONSTRAINT remedy_request_end CHECK (deadline_at <= made_at + interval '24 hours')
);
CREATE INDEX remedy_request_open ON remedy_request (deadline_at) WHERE state = 'open';
