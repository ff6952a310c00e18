-- A paid order that is not sent yet goes ahead of new ones once its buyer has proved who they are (R27).
ALTER TABLE supply_attempt ADD COLUMN ahead boolean NOT NULL DEFAULT false;
CREATE INDEX supply_attempt_ahead ON supply_attempt (bucket, due_at) WHERE ahead AND due_at IS NOT NULL;

-- Whom a rule stopped is kept for its retention (`orders/limits.py`) and then forgotten: a brake's note, no book. Changed
-- it is by nobody.
DROP TRIGGER limit_hit_append_only ON limit_hit;
CREATE TRIGGER limit_hit_append_only BEFORE UPDATE OR TRUNCATE ON limit_hit EXECUTE FUNCTION refuse_change();
