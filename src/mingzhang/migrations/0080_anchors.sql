-- Signed states of the public record that third parties stamped (RFC 3161 and others), and the due row behind each.

-- What is still to be stamped: one row an anchor and period (a day, by default), due when the period ends.
CREATE TABLE anchor_task (
  anchor text COLLATE "C" NOT NULL,
  period_end timestamptz NOT NULL,
  state text NOT NULL,
  tries int NOT NULL DEFAULT 0,
  last_error text NOT NULL DEFAULT '',
  due_at timestamptz,
  lease_owner text,
  lease_until timestamptz,
  lease_generation bigint NOT NULL DEFAULT 0,
  CONSTRAINT anchor_task_pk PRIMARY KEY (anchor, period_end),
  CONSTRAINT anchor_task_state CHECK (state IN ('waiting', 'stamped', 'nothing_new') AND (state = 'waiting') = (due_at IS NOT NULL))
);
CREATE INDEX anchor_task_due ON anchor_task (due_at) WHERE due_at IS NOT NULL;

-- What they stamped. `token` proves it; `root`: the certificate that it was held against, where there is one.
CREATE TABLE log_anchor (
  anchor text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  period_end timestamptz NOT NULL,
  form text NOT NULL,
  authority text NOT NULL,
  root text NOT NULL,
  token bytea NOT NULL,
  stamped_at timestamptz NOT NULL,
  evidence_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT log_anchor_pk PRIMARY KEY (anchor, size)
);
CREATE INDEX log_anchor_size ON log_anchor (size);
CREATE TRIGGER log_anchor_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_anchor EXECUTE FUNCTION refuse_change();
