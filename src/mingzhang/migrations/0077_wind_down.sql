-- Winding down (R29; 电子商务法 16): sales stop by one entry of the calendar, money goes back by its ordinary roads.

ALTER TABLE pause DROP CONSTRAINT pause_scope;
ALTER TABLE pause ADD CONSTRAINT pause_scope CHECK (scope IN ('supplier', 'product', 'shop'));
ALTER TABLE pause DROP CONSTRAINT pause_cause;
ALTER TABLE pause ADD CONSTRAINT pause_cause CHECK (cause IN ('maintenance', 'paused', 'closing')
  AND (cause = 'closing') = (scope = 'shop'));

-- One winding down at a time, by two people's word. The notice stands for thirty days at least. `told`: how far each
-- bucket's buyers were written to; `due_at`: when it is looked at again.
CREATE TABLE wind_down (
  wind_down_id text COLLATE "C" NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  approval_id text COLLATE "C" NOT NULL,
  proposed_by text NOT NULL,
  decided_by text NOT NULL,
  published_at timestamptz NOT NULL,
  closes_at timestamptz NOT NULL,
  ended_by text NOT NULL DEFAULT '',
  ended_at timestamptz,
  told jsonb NOT NULL DEFAULT '{}',
  looked_at timestamptz,
  due_at timestamptz,
  lease_until timestamptz,
  CONSTRAINT wind_down_pk PRIMARY KEY (wind_down_id),
  CONSTRAINT wind_down_state CHECK (state IN ('running', 'called_off')),
  CONSTRAINT wind_down_two CHECK (proposed_by <> decided_by),
  CONSTRAINT wind_down_notice CHECK (closes_at >= published_at + interval '30 days'),
  CONSTRAINT wind_down_open CHECK ((state = 'running') = (ended_at IS NULL) AND (state = 'running') = (due_at IS NOT NULL))
);
CREATE UNIQUE INDEX wind_down_one ON wind_down (state) WHERE state = 'running';
