-- How a counterparty is reached, beside its licence: a resolution pack names whom to call.
ALTER TABLE licence ADD COLUMN contact text NOT NULL DEFAULT '';
