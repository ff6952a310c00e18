-- name: read_last_day
-- The day whose tree was made last.
SELECT day, ends_at FROM liability_day ORDER BY day DESC LIMIT 1

-- name: read_next_closed
-- The closed day whose tree is next: the one after $1, or the newest when there is no tree yet.
(SELECT day, ends_at, covered_fen, owed_fen FROM coverage_day WHERE $1::date IS NULL ORDER BY day DESC LIMIT 1)
UNION ALL
(SELECT day, ends_at, covered_fen, owed_fen FROM coverage_day WHERE day > $1::date ORDER BY day LIMIT 1)

-- name: insert_day
-- A day's tree, once.
INSERT INTO liability_day (day, ends_at, seed, root, total_fen, leaves, standing, evidence_id, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: insert_leaves
-- Its leaves, in their order.
INSERT INTO liability_leaf (bucket, subject, day, n, amount_fen)
SELECT t.bucket, t.subject, $1, (t.ordinality - 1)::int, t.amount_fen
FROM unnest($2::int[], $3::text[], $4::bigint[]) WITH ORDINALITY AS t (bucket, subject, amount_fen, ordinality)

-- name: insert_tiles
-- Its nodes.
INSERT INTO liability_tile (day, level, n, nodes) SELECT $1, t.level, t.n, t.nodes
FROM unnest($2::smallint[], $3::int[], $4::bytea[]) AS t (level, n, nodes)

-- name: list_leaves
-- To whom something was owed at a day's end.
SELECT bucket, subject FROM liability_leaf WHERE day = $1

-- name: list_leaves_whole
-- The same with amounts, in the order of the tree.
SELECT bucket, subject, amount_fen FROM liability_leaf WHERE day = $1 ORDER BY n

-- name: list_tiles
-- All nodes of a tree.
SELECT level, n, nodes FROM liability_tile WHERE day = $1

-- name: read_node
-- One node; $4: where it begins in its tile.
SELECT substring(nodes FROM $4::int + 1 FOR 40) FROM liability_tile WHERE day = $1 AND level = $2 AND n = $3

-- name: read_leaf
-- One subject's leaf with its day, and the statement as it was published.
SELECT l.n, l.amount_fen, d.seed, d.leaves, e.body FROM liability_leaf l
JOIN liability_day d ON d.day = l.day JOIN evidence e ON e.evidence_id = d.evidence_id
WHERE l.bucket = $1 AND l.subject = $2 AND l.day = $3

-- name: list_counted
-- The newest trees in which a subject stands.
SELECT day, amount_fen FROM liability_leaf WHERE bucket = $1 AND subject = $2 ORDER BY day DESC LIMIT $3

-- name: read_day
-- One tree's head.
SELECT day, ends_at, seed, root, total_fen, leaves FROM liability_day WHERE day = $1

-- name: list_days
-- The newest trees, or that of one day: what everybody may know of them.
SELECT day, root, total_fen, leaves, standing FROM liability_day WHERE $2::date IS NULL OR day = $2 ORDER BY day DESC LIMIT $1

-- name: read_statement
-- A day's statement, as it was published.
SELECT e.body FROM liability_day d JOIN evidence e ON e.evidence_id = d.evidence_id WHERE d.day = $1

-- name: compare_places
-- Where a day's tree and its roll-up cannot both be right: money under way to payers is always owed, so the sums are
-- alike there; elsewhere the tree holds no more of the buyers' money than there was.
SELECT coalesce(t.place, s.key) AS place, coalesce(s.value::bigint, 0) AS told, coalesce(t.fen, 0) AS booked
FROM (SELECT place, sum(amount_fen)::bigint AS fen FROM place_total WHERE day = $1 AND owner IN ('o', 'S')
    AND place NOT LIKE 'source.%' AND place NOT LIKE 'spent.%'
    AND place NOT IN ('supplier.settled', 'refund.arrived', 'refund.chargeback') GROUP BY place) t
FULL JOIN (SELECT x.key, x.value FROM liability_day d, jsonb_each_text(d.standing) AS x WHERE d.day = $1) s
  ON s.key = t.place
WHERE CASE WHEN coalesce(t.place, s.key) IN ('refunding', 'refund.transit')
  THEN coalesce(s.value::bigint, 0) <> coalesce(t.fen, 0) ELSE coalesce(s.value::bigint, 0) > coalesce(t.fen, 0) END
ORDER BY 1
