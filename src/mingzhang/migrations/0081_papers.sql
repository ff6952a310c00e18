-- Rules (交易规则), service agreement (用户协议) and privacy terms (隐私政策) in versions (电子商务法 33, 34). A change is public
-- for seven days before it holds; the first version of each may hold at once. No version is changed or taken away.
ALTER TABLE rule_version
  ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'rules',
  ADD COLUMN published_at timestamptz,
  ADD COLUMN published_by text NOT NULL DEFAULT '',
  ADD COLUMN reason text NOT NULL DEFAULT '';
-- Of what stands there already nothing else is known than from when it holds.
ALTER TABLE rule_version DISABLE TRIGGER rule_version_append_only;
UPDATE rule_version SET published_at = effective_at;
ALTER TABLE rule_version ENABLE TRIGGER rule_version_append_only;
ALTER TABLE rule_version ALTER COLUMN published_at SET NOT NULL;
ALTER TABLE rule_version ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE rule_version DROP CONSTRAINT rule_version_pk;
ALTER TABLE rule_version ADD CONSTRAINT rule_version_pk PRIMARY KEY (kind, version);
ALTER TABLE rule_version ADD CONSTRAINT rule_version_kind CHECK (kind IN ('rules', 'agreement', 'privacy'));
ALTER TABLE rule_version ADD CONSTRAINT rule_version_counted CHECK (version > 0);

CREATE FUNCTION guard_rule_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_last rule_version;
BEGIN
  SELECT * INTO v_last FROM rule_version WHERE kind = NEW.kind ORDER BY version DESC LIMIT 1;
  IF NOT FOUND THEN
    IF NEW.version <> 1 THEN
      RAISE EXCEPTION 'paper_order: % begins with version 1', NEW.kind USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.version <= v_last.version THEN
    RETURN NEW;  -- the key refuses it, or leaves it out
  END IF;
  IF NEW.version <> v_last.version + 1 OR NEW.effective_at <= v_last.effective_at
    OR NEW.published_at < v_last.published_at THEN
    RAISE EXCEPTION 'paper_order: % version % does not follow version %', NEW.kind, NEW.version, v_last.version
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.effective_at < NEW.published_at + interval '7 days' THEN
    RAISE EXCEPTION 'notice_too_short: a change is public for seven days before it holds'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER rule_version_guard BEFORE INSERT ON rule_version FOR EACH ROW EXECUTE FUNCTION guard_rule_version();

-- The public record is told of each version as it is published.
ALTER TABLE log_statement DROP CONSTRAINT log_statement_subject;
ALTER TABLE log_statement ADD CONSTRAINT log_statement_subject
  CHECK (subject LIKE 'PACK-%' OR subject LIKE 'PAPER-%' OR subject LIKE 'OWED-%');
