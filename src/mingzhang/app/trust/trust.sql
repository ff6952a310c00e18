-- name: list_supplied
-- What suppliers did since the beginning, by supplier and kind of outcome, out of the days' roll-up.
SELECT supplier, outcome, sum(n)::bigint AS n, min(span_at) AS first_at, max(span_at) AS last_at FROM outcome_span
WHERE span = 'd' AND outcome = ANY ($1::text[]) GROUP BY supplier, outcome

-- name: list_service
-- What became of orders since a day, by kind, time taken and whether the promise was kept.
SELECT outcome, bin, late, sum(n)::bigint AS n FROM outcome_span
WHERE span = 'd' AND span_at >= $1 AND outcome = ANY ($2::text[]) GROUP BY outcome, bin, late

-- name: list_refund_times
-- How long the newest refunds took from being planned to the channel's word that they were made; $2 a bucket.
SELECT extract(epoch FROM r.arrived_at - r.planned_at)::float8 AS took_s
FROM unnest($1::int[]) AS b (bucket) CROSS JOIN LATERAL (
  SELECT y.arrived_at, y.planned_at FROM refund y WHERE y.bucket = b.bucket ORDER BY y.refund_no DESC LIMIT $2) AS r
WHERE r.arrived_at IS NOT NULL

-- name: count_breaches
-- Deadlines that the shop and those it works with missed since a time: the newest $2, by kind and by who was late.
SELECT kind, late_actor, count(*) AS n, max(at) AS last_at FROM (
  SELECT kind, late_actor, at FROM breach WHERE at >= $1 AND late_actor <> 'buyer' ORDER BY at DESC LIMIT $2) AS newest
GROUP BY kind, late_actor ORDER BY n DESC, kind, late_actor LIMIT 50

-- name: read_as_of
-- Up to when the roll-up of outcomes goes, as the worker wrote it.
SELECT done_to FROM console_mark WHERE mark = 'slots'
