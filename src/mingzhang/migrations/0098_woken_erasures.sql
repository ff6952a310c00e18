-- What is said about an order after its erasure was done (or begun) holds personal data again: the wish goes back to its
-- beginning. Whoever is at work on it loses the lease, so that nothing said meanwhile is passed over.
CREATE FUNCTION wake_erasure_of(p_bucket int, p_order text) RETURNS void LANGUAGE sql AS $$
  UPDATE erasure SET step = 'waiting', done_at = NULL, due_at = asked_at, lease_generation = lease_generation + 1,
    lease_until = NULL
  WHERE bucket = p_bucket AND order_id = p_order;
$$;

CREATE FUNCTION wake_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM wake_erasure_of(NEW.bucket, NEW.order_id);
  RETURN NEW;
END $$;
CREATE TRIGGER dispute_opened_wakes BEFORE INSERT ON dispute FOR EACH ROW EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER remedy_request_wakes BEFORE INSERT ON remedy_request FOR EACH ROW EXECUTE FUNCTION wake_erasure();
CREATE TRIGGER claim_wakes BEFORE INSERT ON claim FOR EACH ROW EXECUTE FUNCTION wake_erasure();

CREATE FUNCTION wake_erasure_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.said <> OLD.said THEN
    PERFORM wake_erasure_of(NEW.bucket, NEW.order_id);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER dispute_said_wakes BEFORE UPDATE OF said ON dispute FOR EACH ROW EXECUTE FUNCTION wake_erasure_said();

-- An erasure empties these columns itself: that wakes nothing.
CREATE FUNCTION wake_erasure_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.order_id <> '' AND (NEW.words_enc <> '' OR NEW.phone_enc <> '') THEN
    IF TG_OP = 'INSERT' THEN
      PERFORM wake_erasure_of(NEW.bucket, NEW.order_id);
    ELSIF (NEW.order_id, NEW.words_enc, NEW.phone_enc) <> (OLD.order_id, OLD.words_enc, OLD.phone_enc) THEN
      PERFORM wake_erasure_of(NEW.bucket, NEW.order_id);
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER complaint_wakes BEFORE INSERT OR UPDATE OF order_id, words_enc, phone_enc ON complaint FOR EACH ROW
  EXECUTE FUNCTION wake_erasure_told();
