-- name: count_progress
-- What is not at its end, each counted up to a bound by an index of what is open.
SELECT
  (SELECT count(*) FROM (SELECT FROM orders WHERE (next_actor = 'person' OR state IN ('needs_person', 'needs_buyer', 'refunding')
    OR (state = 'supplying' AND next_actor IN ('buyer', 'shop'))) AND deadline_at IS NOT NULL LIMIT $1) AS o)
  + (SELECT count(*) FROM (SELECT FROM orders WHERE due_at IS NOT NULL AND state = 'supplying' AND next_actor = 'supplier' LIMIT $1) AS w)
    AS orders,
  (SELECT count(*) FROM (SELECT FROM refund WHERE due_at IS NOT NULL LIMIT $1) AS r) AS refunds,
  (SELECT count(*) FROM (SELECT FROM suspense WHERE state <> 'refunded' AND deadline_at IS NOT NULL LIMIT $1) AS s) AS items,
  coalesce((SELECT owed_fen FROM coverage_now), 0)::bigint AS owed_fen,
  (SELECT count(*) FROM (SELECT FROM notice WHERE bucket = 0 AND $2 <> '' AND key = $2 LIMIT $1) AS n) AS letters

-- name: read_signs
-- Signs of life: the worker's look at coverage, the pass over a channel's list that is longest ago, money that is short,
-- the newest line of the staff's record (its ids are ordered by time), or the beginning of the installation.
SELECT (SELECT looked_at FROM coverage_now) AS looked_at, (SELECT short_since FROM coverage_now) AS short_since,
  (SELECT min(coalesce(done_at, due_at)) FROM channel_pass) AS swept_at,
  coalesce((SELECT at FROM staff_action ORDER BY action_id DESC LIMIT 1), (SELECT min(applied_at) FROM schema_migration)) AS staff_at
