-- name: read_last_span
-- The newest span of a table.
SELECT n, until_at FROM digest_span WHERE table_name = $1 ORDER BY n DESC LIMIT 1

-- name: insert_span
-- Keep a span; nothing when another process was first.
INSERT INTO digest_span (table_name, n, from_at, until_at, row_count, marks, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING n

-- name: list_spans
-- A table's spans from a number on.
SELECT n, from_at, until_at, row_count, marks, made_at FROM digest_span WHERE table_name = $1 AND n >= $2
ORDER BY n LIMIT $3

-- name: read_spans_of
-- The spans of some tables in a range of numbers each, as the record tells them; which: the one of these tables.
SELECT t.which, s.n, s.from_at, s.until_at, s.row_count, sha256(s.marks) AS marks, s.made_at
FROM unnest($1::text[], $2::int[], $3::int[]) WITH ORDINALITY AS t (table_name, after, until, which)
JOIN digest_span s ON s.table_name = t.table_name AND s.n > t.after AND s.n <= t.until
ORDER BY t.which, s.n

-- name: sum_spans
-- How far each table's digests go.
SELECT table_name, max(n) AS spans, max(until_at) AS until_at, sum(row_count)::bigint AS row_count, max(made_at) AS made_at
FROM digest_span GROUP BY table_name ORDER BY table_name
