-- name: insert_legs
-- Write the legs of one posting.
INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at)
SELECT $1, t.subject, $2, t.n, $3, t.place, t.party, t.owner, t.amount_fen, $4, $5
FROM unnest($6::text[], $7::smallint[], $8::text[], $9::text[], $10::text[], $11::bigint[])
  AS t (subject, n, place, party, owner, amount_fen)

-- name: read_balances
-- Non-zero sums by account of one order or suspense item.
SELECT place, party, owner, sum(amount_fen)::bigint AS amount_fen FROM leg
WHERE bucket = $1 AND subject = $2 GROUP BY place, party, owner HAVING sum(amount_fen) <> 0

-- name: read_steps
-- Every leg of one order or suspense item, posting by posting.
SELECT seq, place, party, owner, amount_fen, evidence_id, at FROM leg
WHERE bucket = $1 AND subject = $2 ORDER BY seq, n

-- name: read_float
-- The float that stands at one place outside the suppliers.
SELECT coalesce(sum(amount_fen), 0)::bigint FROM leg
WHERE place = $1 AND party = $2 AND owner = 'F' AND place <> 'supplier.free'

-- name: list_floats
-- The float at every party of one place, the most first.
SELECT party, sum(amount_fen)::bigint AS amount_fen FROM leg
WHERE place = $1 AND owner = 'F' AND place <> 'supplier.free' GROUP BY party ORDER BY 2 DESC, 1

-- name: read_place
-- Everything that stands at one place, whoever owns it.
SELECT coalesce(sum(amount_fen), 0)::bigint FROM leg WHERE place = $1 AND party = $2

-- name: read_totals
-- Sums by place, party and owner over everything (roll-up for books and audit).
SELECT place, party, owner, sum(amount_fen)::bigint AS amount_fen FROM leg
GROUP BY place, party, owner HAVING sum(amount_fen) <> 0 ORDER BY place, party, owner

-- name: read_journal
-- All legs in order of subject and number, for the replay of an audit.
SELECT posting, subject, seq, place, party, owner, amount_fen, evidence_id FROM leg
WHERE at >= $1 ORDER BY bucket, subject, seq, n

-- name: has_subject
-- Whether a shared subject (opening balance) was posted before.
SELECT EXISTS (SELECT FROM leg WHERE bucket = 0 AND subject = $1)

-- name: has_dealt_with
-- Whether a supplier stands in any posting.
SELECT EXISTS (SELECT FROM leg WHERE party = $1 AND place LIKE 'supplier.%')

-- name: next_shared_seq
-- The number after the last posting of a shared subject.
SELECT coalesce(max(seq), 0) + 1 FROM leg WHERE bucket = 0 AND subject = $1
