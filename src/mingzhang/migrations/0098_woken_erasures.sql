-- What is said about an order after its erasure was done (or begun) holds personal data again: the wish goes back to its
-- beginning. Whoever is at work on it loses the lease, so that nothing said meanwhile is passed over.
CREATE FUNCTION wake_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE erasure SET step = 'waiting', done_at = NULL, due_at = asked_at, lease_generation = lease_generation + 1,
    lease_until = NULL
  WHERE bucket = NEW.bucket AND order_id = NEW.order_id;
  RETURN NULL;
END $$;

CREATE TRIGGER dispute_opened_wakes AFTER INSERT ON dispute FOR EACH ROW EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER dispute_said_wakes AFTER UPDATE OF said ON dispute FOR EACH ROW
  WHEN (NEW.said <> OLD.said) EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER complaint_made_wakes AFTER INSERT ON complaint FOR EACH ROW
  WHEN (NEW.order_id <> '') EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER complaint_told_wakes AFTER UPDATE OF order_id, words_enc, phone_enc ON complaint FOR EACH ROW
  WHEN (NEW.order_id <> OLD.order_id OR NEW.words_enc NOT IN ('', OLD.words_enc) OR NEW.phone_enc NOT IN ('', OLD.phone_enc))
  EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER remedy_request_wakes AFTER INSERT ON remedy_request FOR EACH ROW EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER claim_wakes AFTER INSERT ON claim FOR EACH ROW EXECUTE FUNCTION wake_erasure();
