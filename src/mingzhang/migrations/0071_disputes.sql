-- Disputes (纠纷): one case between a buyer and the shop, its conversation, and clocks that nobody can edit (R27, R34-R36, R43).

-- `kind`, `state`, `outcome`: docs/states.md. `source`: who opened it; `channel` and `complaint_no` when a channel's
-- complaint brought it. `round`: 1, or 2 after the one reopening; `round_at`: when the round began, which the clocks
-- count from. `first_by`, `solution_by`, `final_by`: what the shop promises; `outside_by`: the channel's or authority's
-- own term. `first_at`, `solution_at`: when the shop kept them. `missed`: which of them it did not. `paused_at`: the
-- buyer's own action is pending since then; `paused`: how long that was before. `since`: in this state since then.
-- `carried`: the refund or attempt that carries the remedy out. `held`: money at rest is moved to `hold`. `role`: whose
-- work list it is on.
CREATE TABLE dispute (
  bucket int NOT NULL,
  dispute_id text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  kind text NOT NULL,
  source text NOT NULL,
  channel text NOT NULL DEFAULT '',
  complaint_no text COLLATE "C" NOT NULL DEFAULT '',
  wish text NOT NULL DEFAULT '',
  state text NOT NULL,
  said int NOT NULL DEFAULT 0,
  round int NOT NULL DEFAULT 1,
  opened_at timestamptz NOT NULL,
  round_at timestamptz NOT NULL,
  since timestamptz NOT NULL,
  first_by timestamptz NOT NULL,
  solution_by timestamptz NOT NULL,
  final_by timestamptz NOT NULL,
  outside_by timestamptz,
  first_at timestamptz,
  solution_at timestamptz,
  missed text[] NOT NULL DEFAULT '{}',
  reminded_at timestamptz,
  paused_at timestamptz,
  paused interval NOT NULL DEFAULT '0 seconds',
  pauses int NOT NULL DEFAULT 0,
  remedy text NOT NULL DEFAULT '',
  amount_fen bigint NOT NULL DEFAULT 0,
  carried text COLLATE "C" NOT NULL DEFAULT '',
  held boolean NOT NULL DEFAULT false,
  role text NOT NULL DEFAULT 'support',
  outcome text NOT NULL DEFAULT '',
  closed_at timestamptz,
  holder text NOT NULL,
  next_actor text NOT NULL,
  due_at timestamptz,
  deadline_at timestamptz,
  lease_owner text NOT NULL DEFAULT '',
  lease_generation int NOT NULL DEFAULT 0,
  lease_until timestamptz,
  CONSTRAINT dispute_pk PRIMARY KEY (bucket, dispute_id),
  CONSTRAINT dispute_state CHECK (state IN ('open', 'working', 'offered', 'asked', 'remedy', 'closed')),
  CONSTRAINT dispute_source CHECK (source IN ('buyer', 'staff', 'channel', 'regulator')),
  CONSTRAINT dispute_complaint CHECK (complaint_no = '' OR channel <> ''),
  CONSTRAINT dispute_round CHECK (round IN (1, 2)),
  CONSTRAINT dispute_amount CHECK (amount_fen >= 0),
  CONSTRAINT dispute_final CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (closed_at IS NULL) = (outcome = '')),
  CONSTRAINT dispute_clock CHECK (due_at IS NULL OR due_at <= deadline_at),
  CONSTRAINT dispute_waits CHECK (closed_at IS NOT NULL OR due_at IS NOT NULL AND deadline_at IS NOT NULL),
  -- A pause is the buyer's own pending action, and nothing else.
  CONSTRAINT dispute_pause CHECK ((paused_at IS NOT NULL) = (state IN ('offered', 'asked'))
    AND (next_actor = 'buyer') = (state IN ('offered', 'asked'))),
  -- 24 h and 72 h are the longest that the shop may promise itself (R34, R43).
  CONSTRAINT dispute_promise CHECK (first_by <= round_at + interval '24 hours' + paused
    AND solution_by <= round_at + interval '24 hours' + paused AND final_by <= round_at + interval '72 hours' + paused),
  CONSTRAINT dispute_hard_end CHECK (closed_at IS NOT NULL OR CASE next_actor
    WHEN 'shop' THEN deadline_at <= final_by
    WHEN 'buyer' THEN deadline_at <= since + interval '72 hours'
    WHEN 'person' THEN deadline_at <= since + interval '24 hours'
    ELSE deadline_at <= since + interval '96 hours' END)
);
CREATE INDEX dispute_order ON dispute (bucket, order_id);
CREATE UNIQUE INDEX dispute_one_open ON dispute (bucket, order_id, kind) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX dispute_complaint_no ON dispute (bucket, channel, complaint_no) WHERE complaint_no <> '';
CREATE INDEX dispute_due ON dispute (bucket, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX dispute_for_people ON dispute (deadline_at) WHERE closed_at IS NULL;

-- Clocks are set when a round begins and are then moved by nothing but a pause that is over, by exactly its length.
CREATE FUNCTION hold_dispute_clocks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  shift interval := NEW.paused - OLD.paused;
  still interval := interval '0 seconds';
  first_moves interval := CASE WHEN 'first' = ANY (OLD.missed) THEN still ELSE shift END;
  solution_moves interval := CASE WHEN 'solution' = ANY (OLD.missed) THEN still ELSE shift END;
  final_moves interval := CASE WHEN 'final' = ANY (OLD.missed) THEN still ELSE shift END;
BEGIN
  IF NEW.opened_at <> OLD.opened_at OR NEW.order_id <> OLD.order_id OR NEW.kind <> OLD.kind THEN
    RAISE EXCEPTION 'dispute_fixed: %', OLD.dispute_id USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF OLD.state = 'closed' AND NEW.state = 'open' AND NEW.round = OLD.round + 1 THEN
    RETURN NEW;
  END IF;
  IF NEW.round <> OLD.round OR NEW.round_at <> OLD.round_at
    OR (shift <> still AND (OLD.paused_at IS NULL OR NEW.paused_at IS NOT NULL))
    OR (OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL AND shift > NEW.since - OLD.paused_at)
    OR (OLD.paused_at IS NOT NULL AND NEW.paused_at IS NOT NULL AND NEW.paused_at <> OLD.paused_at)
    OR NEW.first_by <> OLD.first_by + first_moves
    OR NEW.solution_by <> OLD.solution_by + solution_moves
    OR NEW.final_by <> OLD.final_by + final_moves
    OR (OLD.outside_by IS NOT NULL AND (NEW.outside_by IS NULL OR NEW.outside_by > OLD.outside_by))
    OR NOT (OLD.missed <@ NEW.missed) THEN
    RAISE EXCEPTION 'dispute_clock_edited: %', OLD.dispute_id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dispute_clocks_held BEFORE UPDATE ON dispute FOR EACH ROW EXECUTE FUNCTION hold_dispute_clocks();
CREATE TRIGGER dispute_kept BEFORE DELETE OR TRUNCATE ON dispute EXECUTE FUNCTION refuse_change();

-- What was said and what happened, numbered in the dispute. `text_enc`: sealed. `data`: the terms of an offer and who
-- agreed to it. `files`: ids of attachments (0074). `external_id`: the channel's own number of a message.
CREATE TABLE dispute_message (
  bucket int NOT NULL,
  dispute_id text COLLATE "C" NOT NULL,
  n int NOT NULL,
  at timestamptz NOT NULL,
  speaker text NOT NULL,
  name text COLLATE "C" NOT NULL DEFAULT '',
  kind text NOT NULL,
  text_enc bytea NOT NULL DEFAULT '',
  remedy text NOT NULL DEFAULT '',
  amount_fen bigint NOT NULL DEFAULT 0,
  data jsonb NOT NULL DEFAULT '{}',
  files text[] NOT NULL DEFAULT '{}',
  evidence_id text COLLATE "C" NOT NULL DEFAULT '',
  external_id text COLLATE "C" NOT NULL DEFAULT '',
  CONSTRAINT dispute_message_pk PRIMARY KEY (bucket, dispute_id, n),
  CONSTRAINT dispute_message_speaker CHECK (speaker IN ('buyer', 'shop', 'channel', 'regulator', 'system'))
);
CREATE UNIQUE INDEX dispute_message_external ON dispute_message (bucket, dispute_id, external_id) WHERE external_id <> '';
CREATE TRIGGER dispute_message_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dispute_message
  EXECUTE FUNCTION refuse_change();
CREATE INDEX breach_of_disputes ON breach (at) WHERE kind = 'dispute';

-- What the regulator reads (R42, R43): each term that was missed, with its time. Written with the breach itself.
CREATE TABLE dispute_report (
  bucket int NOT NULL,
  dispute_id text COLLATE "C" NOT NULL,
  round int NOT NULL,
  stage text NOT NULL,
  deadline_at timestamptz NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT dispute_report_pk PRIMARY KEY (bucket, dispute_id, round, stage, deadline_at)
);
CREATE TRIGGER dispute_report_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dispute_report
  EXECUTE FUNCTION refuse_change();
