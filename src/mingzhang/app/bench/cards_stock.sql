-- name: make_marks
-- What a plain shop keeps: on each card, who has it. Only in the floor's schema.
CREATE TABLE IF NOT EXISTS card_mark (batch_id text COLLATE "C" NOT NULL, n int NOT NULL, attempt_no text, PRIMARY KEY (batch_id, n))

-- name: index_marks
-- The next free card is found without passing over those taken.
CREATE INDEX IF NOT EXISTS card_mark_free ON card_mark (batch_id, n) WHERE attempt_no IS NULL

-- name: add_cards
-- The floor's stock: sealed cards from number $1 to $2, of the size that sealed codes have.
INSERT INTO card (batch_id, n, card_enc, card_hash)
SELECT 'floor', g, decode(repeat('ab', 54), 'hex'), sha256(g::text::bytea) FROM generate_series($1::int, $2::int) AS g

-- name: add_marks
-- All of them free.
INSERT INTO card_mark (batch_id, n) SELECT 'floor', g FROM generate_series($1::int, $2::int) AS g

-- name: weigh_marks
-- The planner knows how many there are, as it would in a shop that has been open for a while.
ANALYZE card_mark

-- name: weigh_cards
-- The same for the cards.
ANALYZE card

-- name: count_marks
-- How many are free.
SELECT count(*) FROM card_mark WHERE attempt_no IS NULL
