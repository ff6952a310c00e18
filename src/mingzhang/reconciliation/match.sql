-- Run by DuckDB, not by PostgreSQL. Ids are compared exactly, money as whole fen. The tables of a matching live for its
-- time only: `theirs` and `ours` hold the day, `odd` what is not plainly the same on both sides.

-- name: silence_bar
-- DuckDB draws a bar of its own on a terminal otherwise.
SET enable_progress_bar = false

-- name: their_lines
-- The other side's lines from the normalised CSV.
CREATE TEMP MACRO their_lines(path) AS TABLE
SELECT position, kind, key, coalesce(our_no, '') AS our_no, coalesce(their_no, '') AS their_no, amount_fen, fee_fen, state,
  at_s, day
FROM read_csv(path, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '',
  max_line_size = 65536, columns = {'kind': 'VARCHAR', 'key': 'VARCHAR', 'our_no': 'VARCHAR', 'their_no': 'VARCHAR',
  'amount_fen': 'BIGINT', 'fee_fen': 'BIGINT', 'state': 'VARCHAR', 'at_s': 'BIGINT', 'day': 'DATE',
  'position': 'BIGINT'})

-- name: our_lines
-- The ledger's entries from the normalised CSV.
CREATE TEMP MACRO our_lines(path) AS TABLE
SELECT kind, key, coalesce(our_no, '') AS our_no, coalesce(their_no, '') AS their_no, amount_fen, fee_fen, state, at_s, day,
  coalesce(subject, '') AS subject, coalesce(evidence_id, '') AS evidence_id, carried
FROM read_csv(path, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '',
  max_line_size = 65536, columns = {'kind': 'VARCHAR', 'key': 'VARCHAR', 'our_no': 'VARCHAR', 'their_no': 'VARCHAR',
  'amount_fen': 'BIGINT', 'fee_fen': 'BIGINT', 'state': 'VARCHAR', 'at_s': 'BIGINT', 'day': 'DATE',
  'subject': 'VARCHAR', 'evidence_id': 'VARCHAR', 'carried': 'BOOLEAN'})

-- name: read_theirs
-- All of theirs at once.
CREATE TABLE theirs AS SELECT * FROM their_lines($path)

-- name: read_ours
-- All of ours at once.
CREATE TABLE ours AS SELECT * FROM our_lines($path)

-- name: flush_parts
-- So many rows of a part are held before they are written.
SET partitioned_write_flush_threshold = 20000

-- name: split_theirs
-- Theirs into parts by kind and key, each in files of its own: read once, however many parts there are.
COPY (SELECT *, (hash(kind, key) % {parts})::USMALLINT AS part FROM their_lines('{path}'))
TO '{folder}' (FORMAT parquet, PARTITION_BY (part), COMPRESSION lz4)

-- name: split_ours
-- Ours likewise.
COPY (SELECT *, (hash(kind, key) % {parts})::USMALLINT AS part FROM our_lines('{path}'))
TO '{folder}' (FORMAT parquet, PARTITION_BY (part), COMPRESSION lz4)

-- name: load_theirs
-- One part of theirs.
CREATE OR REPLACE TABLE theirs AS SELECT * FROM read_parquet($path)

-- name: load_ours
-- One part of ours.
CREATE OR REPLACE TABLE ours AS SELECT * FROM read_parquet($path)

-- name: clear_theirs
-- A part of which theirs has no line.
CREATE OR REPLACE TABLE theirs AS SELECT * FROM their_lines($path) LIMIT 0

-- name: clear_ours
-- A part of which ours has no line.
CREATE OR REPLACE TABLE ours AS SELECT * FROM our_lines($path) LIMIT 0

-- name: mark_their_repeats
-- Their lines that repeat an earlier one's key. Grouped by hash, which is narrow; told apart by the key itself.
CREATE OR REPLACE TABLE their_repeats AS
WITH suspect AS (SELECT hash(kind, key) AS h FROM theirs GROUP BY h HAVING count(*) > 1),
  ranked AS (SELECT position, row_number() OVER (PARTITION BY kind, key ORDER BY position) - 1 AS n
    FROM theirs WHERE hash(kind, key) IN (SELECT h FROM suspect))
SELECT position, n FROM ranked WHERE n > 0

-- name: mark_our_repeats
-- The same for our entries, by the row's own number.
CREATE OR REPLACE TABLE our_repeats AS
WITH suspect AS (SELECT hash(kind, key) AS h FROM ours GROUP BY h HAVING count(*) > 1),
  ranked AS (SELECT rowid AS r, row_number() OVER (PARTITION BY kind, key ORDER BY at_s, evidence_id, subject) - 1 AS n
    FROM ours WHERE hash(kind, key) IN (SELECT h FROM suspect))
SELECT r, n FROM ranked WHERE n > 0

-- name: create_odd
-- What is not plainly the same on both sides, with both halves.
CREATE TABLE odd (kind VARCHAR, key VARCHAR, position BIGINT, t_our_no VARCHAR, t_their_no VARCHAR, t_amount_fen BIGINT,
  t_fee_fen BIGINT, t_state VARCHAR, t_at BIGINT, t_day DATE, subject VARCHAR, evidence_id VARCHAR, o_our_no VARCHAR,
  o_their_no VARCHAR, o_amount_fen BIGINT, o_fee_fen BIGINT, o_state VARCHAR, o_at BIGINT, o_day DATE, carried BOOLEAN)

-- name: pair_sides
-- Pair by kind and key; keep only what is not plainly the same. Our entries of other days count only
-- when paired. What failed needs no other half.
INSERT INTO odd
SELECT coalesce(t.kind, o.kind) AS kind, coalesce(t.key, o.key) AS key,
  t.position, t.our_no AS t_our_no, t.their_no AS t_their_no, t.amount_fen AS t_amount_fen, t.fee_fen AS t_fee_fen,
  t.state AS t_state, t.at_s AS t_at, t.day AS t_day,
  o.subject, o.evidence_id, o.our_no AS o_our_no, o.their_no AS o_their_no, o.amount_fen AS o_amount_fen,
  o.fee_fen AS o_fee_fen, o.state AS o_state, o.at_s AS o_at, o.day AS o_day, o.carried
FROM (SELECT * FROM theirs WHERE position NOT IN (SELECT position FROM their_repeats)) t
FULL JOIN (SELECT * FROM ours WHERE rowid NOT IN (SELECT r FROM our_repeats)) o ON t.key = o.key AND t.kind = o.kind
WHERE (o.key IS NULL AND t.state <> 'failed')
  OR (t.key IS NULL AND o.state <> 'failed' AND (o.day = $day OR o.carried))
  OR ((t.state <> 'failed' OR o.state <> 'failed') AND (t.amount_fen <> o.amount_fen OR t.state <> o.state
    OR t.fee_fen <> o.fee_fen OR t.day <> o.day OR t.day <> $day))

-- name: create_twice
-- Lines of either side that repeat a key, with their number among its lines.
CREATE TABLE twice (n BIGINT, kind VARCHAR, key VARCHAR, position BIGINT, t_our_no VARCHAR, t_their_no VARCHAR,
  t_amount_fen BIGINT, t_fee_fen BIGINT, t_state VARCHAR, t_at BIGINT, t_day DATE, subject VARCHAR, evidence_id VARCHAR,
  o_our_no VARCHAR, o_their_no VARCHAR, o_amount_fen BIGINT, o_fee_fen BIGINT, o_state VARCHAR, o_at BIGINT, o_day DATE)

-- name: note_repeats
-- The repeats of what was read.
INSERT INTO twice
SELECT r.n, t.kind, t.key, t.position, t.our_no, t.their_no, t.amount_fen, t.fee_fen, t.state, t.at_s, t.day,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM theirs t JOIN their_repeats r USING (position)
UNION ALL
SELECT r.n, o.kind, o.key, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  o.subject, o.evidence_id, o.our_no, o.their_no, o.amount_fen, o.fee_fen, o.state, o.at_s, o.day
FROM ours o JOIN our_repeats r ON o.rowid = r.r

-- name: create_sums
-- Lines and fen by kind and side.
CREATE TABLE sums (theirs BOOLEAN, kind VARCHAR, n BIGINT, fen HUGEINT)

-- name: note_sums
-- Those of what was read; ours as far as they belong to the day.
INSERT INTO sums
SELECT true, kind, count(*), sum(amount_fen) FROM theirs GROUP BY kind
UNION ALL
SELECT false, kind, count(*), sum(amount_fen) FROM ours WHERE day = $day GROUP BY kind

-- name: list_wanted
-- Their lines that no entry of ours answers, to be looked for on other days.
SELECT kind, key, t_our_no FROM odd WHERE evidence_id IS NULL ORDER BY position

-- name: read_elsewhere
-- Entries of other days that answer wanted lines.
CREATE TABLE elsewhere AS
SELECT kind, key, coalesce(our_no, '') AS our_no, coalesce(their_no, '') AS their_no, amount_fen, fee_fen, state, at_s,
  day, coalesce(subject, '') AS subject, coalesce(evidence_id, '') AS evidence_id
FROM read_csv(?, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '',
  max_line_size = 65536, columns = {'kind': 'VARCHAR', 'key': 'VARCHAR', 'our_no': 'VARCHAR', 'their_no': 'VARCHAR',
  'amount_fen': 'BIGINT', 'fee_fen': 'BIGINT', 'state': 'VARCHAR', 'at_s': 'BIGINT', 'day': 'DATE',
  'subject': 'VARCHAR', 'evidence_id': 'VARCHAR', 'carried': 'BOOLEAN'})

-- name: read_issued
-- Which of the wanted lines' numbers are ours at all.
CREATE TABLE issued AS
SELECT DISTINCT our_no FROM read_csv(?, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"',
  nullstr = '', columns = {'our_no': 'VARCHAR'}) WHERE our_no IS NOT NULL

-- name: judge_odd
-- Name the class of every odd pair; the order of the cases is the order of gravity. Parameters: the day, its end, the
-- width of the 日切 in seconds.
WITH rule AS (SELECT ?::DATE AS day, ?::BIGINT AS day_end, ?::BIGINT AS edge_s),
  full_odd AS (
    SELECT d.kind, d.key, d.position, d.t_our_no, d.t_their_no, d.t_amount_fen, d.t_fee_fen, d.t_state, d.t_at, d.t_day,
      coalesce(d.subject, e.subject) AS subject, coalesce(d.evidence_id, e.evidence_id) AS evidence_id,
      coalesce(d.o_our_no, e.our_no) AS o_our_no, coalesce(d.o_their_no, e.their_no) AS o_their_no,
      coalesce(d.o_amount_fen, e.amount_fen) AS o_amount_fen, coalesce(d.o_fee_fen, e.fee_fen) AS o_fee_fen,
      coalesce(d.o_state, e.state) AS o_state, coalesce(d.o_at, e.at_s) AS o_at, coalesce(d.o_day, e.day) AS o_day,
      coalesce(d.carried, false) AS carried
    FROM odd d LEFT JOIN elsewhere e ON d.evidence_id IS NULL AND e.key = d.key AND e.kind = d.kind),
  judged AS (
    SELECT f.*, CASE
      WHEN f.evidence_id IS NULL AND f.t_our_no NOT IN (SELECT our_no FROM issued) THEN 'unknown_counterparty'
      WHEN f.evidence_id IS NULL AND f.t_at >= rule.day_end - rule.edge_s THEN 'timing'
      WHEN f.evidence_id IS NULL THEN 'missing_ours'
      WHEN f.position IS NULL AND NOT f.carried AND f.o_at >= rule.day_end - rule.edge_s THEN 'timing'
      WHEN f.position IS NULL THEN 'missing_theirs'
      WHEN f.t_state <> f.o_state THEN 'state_conflict'
      WHEN f.t_amount_fen <> f.o_amount_fen THEN 'amount'
      WHEN f.t_fee_fen <> f.o_fee_fen THEN 'fee'
      WHEN f.t_at < rule.day_end - 86400 - rule.edge_s OR f.t_at >= rule.day_end + rule.edge_s THEN 'wrong_day'
      WHEN abs(f.t_at - f.o_at) > rule.edge_s THEN 'wrong_day'
      ELSE 'timing' END AS class
    FROM full_odd f, rule)
SELECT class, kind, key, 0 AS n, class = 'timing' AND position IS NOT NULL AND evidence_id IS NOT NULL AS settled,
  position, t_our_no, t_their_no, t_amount_fen, t_fee_fen, t_state, t_at, t_day,
  subject, evidence_id, o_our_no, o_their_no, o_amount_fen, o_fee_fen, o_state, o_at, o_day
FROM judged
UNION ALL
SELECT 'duplicate', kind, key, n, false, position, t_our_no, t_their_no, t_amount_fen, t_fee_fen, t_state, t_at, t_day,
  subject, evidence_id, o_our_no, o_their_no, o_amount_fen, o_fee_fen, o_state, o_at, o_day
FROM twice

-- name: sum_sides
-- Lines and fen of each kind on both sides.
SELECT kind, coalesce(sum(n) FILTER (WHERE theirs), 0)::BIGINT, coalesce(sum(fen) FILTER (WHERE theirs), 0)::BIGINT,
  coalesce(sum(n) FILTER (WHERE NOT theirs), 0)::BIGINT, coalesce(sum(fen) FILTER (WHERE NOT theirs), 0)::BIGINT
FROM sums GROUP BY kind ORDER BY kind

-- name: count_plain
-- How many pairs were plainly the same: their lines without repeats and without what is odd.
SELECT (SELECT coalesce(sum(n), 0)::BIGINT FROM sums WHERE theirs)
  - (SELECT count(*) FROM twice WHERE position IS NOT NULL) - (SELECT count(*) FROM odd WHERE position IS NOT NULL)
