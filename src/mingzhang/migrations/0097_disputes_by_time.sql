-- What the trust page and the console say of the last months' disputes is read by time, not from all that ever were.
CREATE INDEX dispute_opened ON dispute (opened_at);
CREATE INDEX dispute_ended ON dispute (closed_at) WHERE closed_at IS NOT NULL;
