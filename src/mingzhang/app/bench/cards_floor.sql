-- One order's card sold by a plain transaction, statement by statement (pgbench; docs/benchmarks): the next free card is
-- marked as taken, past cards that others hold. Claim and item are the product's own rows; a test compares both.
-- -D run=… makes ids unique. The product keeps no mark on a card: a batch's place on the shelf moves instead.
\set n :n + 1
\set order :run * 1000000000 + :n * 64 + :client_id
BEGIN;
UPDATE card_mark SET attempt_no = 'M00' || lpad(:order::text, 16, '0') || 'T1' WHERE batch_id = 'floor' AND n = (SELECT n FROM card_mark WHERE batch_id = 'floor' AND attempt_no IS NULL ORDER BY n LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING n AS card \gset
SELECT card_enc FROM card WHERE batch_id = 'floor' AND n = :card;
INSERT INTO card_claim (attempt_no, product, quantity, state, reason, cost_fen, claimed_at) VALUES ('M00' || lpad(:order::text, 16, '0') || 'T1', 'bench', 1, 'claimed', '', 100, now());
INSERT INTO card_claim_item (attempt_no, k, batch_id, n, reusable) VALUES ('M00' || lpad(:order::text, 16, '0') || 'T1', 1, 'floor', :card, false);
END;
