-- Coverage: what channels and the bank say is there, against what of it is the buyers' (R15, R41), by day.

-- Sums by account of all legs dated before a day's end: each day's from the day before, held against the legs by audit.
CREATE TABLE place_total (
  day date NOT NULL,
  place text COLLATE "C" NOT NULL,
  party text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  CONSTRAINT place_total_pk PRIMARY KEY (day, place, party, owner)
);

-- What a channel's own words come to at a day's end (payments, refunds, settlements), or its statement where one was read.
CREATE TABLE stated_total (
  day date NOT NULL,
  channel text COLLATE "C" NOT NULL,
  amount_fen bigint NOT NULL,
  source text NOT NULL,
  CONSTRAINT stated_total_pk PRIMARY KEY (day, channel)
);

-- A channel's statement of its own, where somebody read one: it stands in for the sum of its words.
CREATE TABLE channel_statement (
  channel text COLLATE "C" NOT NULL,
  day date NOT NULL,
  balance_fen bigint NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  known_at timestamptz NOT NULL,
  CONSTRAINT channel_statement_pk PRIMARY KEY (channel, day)
);

-- One day's coverage with its proof: held + listed differences - L - F - M, over o + S. Millionths; null: nothing is owed.
CREATE TABLE coverage_day (
  day date NOT NULL,
  ends_at timestamptz NOT NULL,
  covered_fen bigint NOT NULL,
  owed_fen bigint NOT NULL,
  ratio_ppm bigint,
  new_money_fen bigint NOT NULL,
  proof jsonb NOT NULL,
  made_at timestamptz NOT NULL,
  CONSTRAINT coverage_day_pk PRIMARY KEY (day)
);

-- How it stands now: one row, looked at again and again. While `short_since` stands no margin is swept.
CREATE TABLE coverage_now (
  id int NOT NULL,
  covered_fen bigint NOT NULL,
  owed_fen bigint NOT NULL,
  ratio_ppm bigint,
  new_money_fen bigint NOT NULL,
  short_since timestamptz,
  looked_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  lease_until timestamptz,
  CONSTRAINT coverage_now_pk PRIMARY KEY (id),
  CONSTRAINT coverage_now_one CHECK (id = 1)
);

CREATE TRIGGER place_total_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON place_total EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stated_total_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stated_total
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER channel_statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON channel_statement
  EXECUTE FUNCTION refuse_change();
CREATE TRIGGER coverage_day_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON coverage_day
  EXECUTE FUNCTION refuse_change();

-- The guard of instructions, and now: no margin leaves while the buyers' money is not covered.
CREATE OR REPLACE FUNCTION guard_instruction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_owner text := CASE NEW.purpose WHEN 'sweep' THEN 'M' ELSE 'F' END;
  v_have bigint;
  v_out bigint;
BEGIN
  PERFORM FROM bank_account WHERE account = NEW.account AND bank = NEW.bank FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'float_short: no account % at %', NEW.account, NEW.bank USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.purpose = 'sweep' AND EXISTS (SELECT FROM coverage_now WHERE short_since IS NOT NULL) THEN
    RAISE EXCEPTION 'coverage_short: no margin is swept' USING ERRCODE = 'check_violation';
  END IF;
  SELECT coalesce(sum(amount_fen), 0) INTO v_have FROM leg
  WHERE place = 'custody' AND party = NEW.bank AND owner = v_owner;
  SELECT coalesce(sum(amount_fen), 0) INTO v_out FROM instruction
  WHERE bank = NEW.bank AND state IN ('planned', 'sending', 'unknown', 'accepted')
    AND (purpose = 'sweep') = (NEW.purpose = 'sweep');
  IF NEW.state <> 'planned' OR NEW.amount_fen > v_have - v_out THEN
    RAISE EXCEPTION 'float_short: % of % less % under way', NEW.amount_fen, v_have, v_out
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
