-- Run by DuckDB: a generated day, every difference in it planted and written down, and the bare join beside it.
-- Line i bears a planted difference when i % 1000 says so (each class 0.1 %); else both sides agree.

-- name: make_lines
-- One row a payment: numbers, amount, fee, time, and which class is planted on it. Numbers look like ours and theirs.
CREATE OR REPLACE TABLE made AS
SELECT i, $n::BIGINT AS n, $day::DATE AS day, $day_end::BIGINT AS day_end, $kind AS kind,
  printf('%s%08d%012d', '20261122', i * 7919 % 100000000, hash(i, $seed) % 1000000000000) AS their_no,
  printf('0001K%011dQ%06dX', i, hash(i, $seed, 'o') % 1000000) AS our_no,
  100 + (hash(i, $seed, 'a') % 49900)::BIGINT AS amount_fen,
  (CASE (i + $seed) % 1000
    WHEN 11 THEN 'timing' WHEN 121 THEN 'missing_ours' WHEN 232 THEN 'missing_theirs' WHEN 343 THEN 'amount'
    WHEN 454 THEN 'fee' WHEN 565 THEN 'duplicate' WHEN 676 THEN 'state_conflict' WHEN 787 THEN 'wrong_day'
    WHEN 898 THEN 'unknown_counterparty' ELSE '' END) AS planted,
  $day_end::BIGINT - 86400 + (hash(i, $seed, 't') % 84000)::BIGINT AS at_s
FROM range($n::BIGINT) r (i)

-- name: write_theirs
-- Their side, in an order of its own: what is missing there is left out, what is doubled comes twice.
COPY (
  SELECT kind, CASE WHEN kind = 'supply' THEN our_no ELSE their_no END AS key,
    CASE planted WHEN 'unknown_counterparty' THEN 'X' || our_no ELSE our_no END AS our_no, their_no,
    CASE planted WHEN 'amount' THEN amount_fen + 1 + i % 3 ELSE amount_fen END AS amount_fen,
    CASE WHEN kind <> 'paid' THEN NULL WHEN planted = 'fee' THEN amount_fen * 6 // 1000 + 1
      ELSE amount_fen * 6 // 1000 END AS fee_fen,
    'done' AS state, at_s, day, 1 + j * n + i * 7919 % n AS position
  FROM made, range(2) twice (j)
  WHERE planted NOT IN ('missing_theirs', 'timing') AND (j = 0 OR planted = 'duplicate')
) TO '{path}' (FORMAT csv, HEADER false)

-- name: write_ours
-- Our side. What timing is planted on happened just before midnight; what stands on a wrong day stands two days before.
COPY (
  SELECT kind, CASE WHEN kind = 'supply' THEN our_no ELSE their_no END AS key, our_no, their_no, amount_fen,
    CASE WHEN kind <> 'paid' THEN NULL ELSE amount_fen * 6 // 1000 END AS fee_fen,
    CASE planted WHEN 'state_conflict' THEN 'failed' ELSE 'done' END AS state,
    CASE planted WHEN 'timing' THEN day_end - 60 WHEN 'wrong_day' THEN at_s - 172800 ELSE at_s + i % 5 END AS at_s,
    CASE planted WHEN 'wrong_day' THEN day - 2 ELSE day END AS day,
    our_no AS subject, printf('01%024d', i) AS evidence_id, false AS carried
  FROM made WHERE planted NOT IN ('missing_ours', 'unknown_counterparty')
) TO '{path}' (FORMAT csv, HEADER false)

-- name: write_answers
-- What was planted: class and key.
COPY (
  SELECT planted AS class,
    CASE WHEN kind = 'supply' THEN our_no ELSE their_no END AS key
  FROM made WHERE planted <> '' AND NOT (planted = 'fee' AND kind <> 'paid')
) TO '{path}' (FORMAT csv, HEADER false)

-- name: write_issued
-- Numbers that are ours though nothing is booked under them.
COPY (SELECT our_no FROM made WHERE planted = 'missing_ours') TO '{path}' (FORMAT csv, HEADER false)

-- name: join_bare
-- The floor: the same files, joined by DuckDB with nothing judged.
SELECT count(*) FILTER (WHERE t.column1 IS NULL OR o.column1 IS NULL OR t.column4 <> o.column4)
FROM read_csv(?, header = false, auto_detect = false, columns = {'column0': 'VARCHAR', 'column1': 'VARCHAR',
  'column2': 'VARCHAR', 'column3': 'VARCHAR', 'column4': 'BIGINT', 'column5': 'VARCHAR', 'column6': 'VARCHAR',
  'column7': 'BIGINT', 'column8': 'VARCHAR', 'column9': 'BIGINT'}) t
FULL JOIN read_csv(?, header = false, auto_detect = false, columns = {'column0': 'VARCHAR', 'column1': 'VARCHAR',
  'column2': 'VARCHAR', 'column3': 'VARCHAR', 'column4': 'BIGINT', 'column5': 'VARCHAR', 'column6': 'VARCHAR',
  'column7': 'BIGINT', 'column8': 'VARCHAR', 'column9': 'VARCHAR', 'column10': 'VARCHAR', 'column11': 'VARCHAR'}) o
ON t.column1 = o.column1
