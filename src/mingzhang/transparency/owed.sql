-- name: list_touched
-- Who had a posting of own money, or was promised a refund, in a span of time.
SELECT bucket, subject FROM leg WHERE at >= $1 AND at < $2 AND owner IN ('o', 'S') GROUP BY bucket, subject
UNION
SELECT bucket, order_id FROM event WHERE at >= $1 AND at < $2 AND kind IN ('refund_asked', 'supplier_reversed')

-- name: list_buckets
-- In which buckets something was ever booked.
SELECT bucket FROM bucket ORDER BY bucket

-- name: walk_subjects
-- The next subjects of one bucket's journal, by their numbers.
WITH RECURSIVE walk AS (
  (SELECT l.subject, 1 AS n FROM leg l WHERE l.bucket = $1 AND l.subject > $2 ORDER BY l.subject LIMIT 1)
  UNION ALL
  SELECT (SELECT l.subject FROM leg l WHERE l.bucket = $1 AND l.subject > w.subject ORDER BY l.subject LIMIT 1), w.n + 1
  FROM walk w WHERE w.subject IS NOT NULL AND w.n < $3
)
SELECT subject FROM walk WHERE subject IS NOT NULL ORDER BY subject

-- name: read_facts
-- Of each subject: price, what was paid, is moving and is back, how the goods ended last, what was promised since and
-- what of it was gathered. The order of columns is that of `Facts`.
WITH s AS (SELECT x.subject FROM unnest($2::text[]) AS x (subject)),
ended AS (
  SELECT DISTINCT ON (e.order_id) e.order_id AS subject, e.seq, e.kind FROM s
  JOIN event e ON e.bucket = $1 AND e.order_id = s.subject AND e.kind = ANY ($4::text[]) AND e.at < $3
  ORDER BY e.order_id, e.seq DESC),
promised AS (
  SELECT a.subject, sum(coalesce((e.data ->> 'amount_fen')::bigint, o.price_fen)) AS fen FROM ended a
  JOIN event e ON e.bucket = $1 AND e.order_id = a.subject AND e.seq > a.seq AND e.kind = 'refund_asked' AND e.at < $3
  JOIN orders o ON o.bucket = $1 AND o.order_id = a.subject
  GROUP BY a.subject),
money AS (
  SELECT l.subject,
    coalesce(-sum(l.amount_fen) FILTER (WHERE l.place IN ('source.payer', 'source.unexplained')), 0) AS paid,
    coalesce(sum(l.amount_fen) FILTER (WHERE l.place IN ('refunding', 'refund.transit')), 0) AS moving,
    coalesce(sum(l.amount_fen) FILTER (WHERE l.place IN ('refund.arrived', 'refund.chargeback')), 0) AS back,
    coalesce(sum(l.amount_fen) FILTER (WHERE l.seq > a.seq
      AND l.place IN ('refunding', 'refund.transit', 'refund.arrived', 'refund.chargeback')), 0) AS gathered
  FROM s JOIN leg l ON l.bucket = $1 AND l.subject = s.subject AND l.owner IN ('o', 'S') AND l.at < $3
  LEFT JOIN ended a ON a.subject = s.subject
  GROUP BY l.subject)
SELECT m.subject, coalesce(o.price_fen, 0)::bigint AS price, m.paid::bigint, m.moving::bigint, m.back::bigint,
  coalesce(a.kind, '') AS ended, coalesce(p.fen, 0)::bigint AS promised, m.gathered::bigint
FROM money m LEFT JOIN ended a ON a.subject = m.subject LEFT JOIN promised p ON p.subject = m.subject
LEFT JOIN orders o ON o.bucket = $1 AND o.order_id = m.subject
WHERE m.paid <> m.back OR m.moving <> 0

-- name: sum_places
-- Where some subjects' own money lay at a moment.
SELECT l.place, sum(l.amount_fen)::bigint AS fen FROM unnest($2::text[]) AS s (subject)
JOIN leg l ON l.bucket = $1 AND l.subject = s.subject AND l.owner IN ('o', 'S') AND l.at < $3
WHERE l.place NOT LIKE 'source.%' AND l.place NOT LIKE 'spent.%'
  AND l.place NOT IN ('supplier.settled', 'refund.arrived', 'refund.chargeback')
GROUP BY l.place HAVING sum(l.amount_fen) <> 0
