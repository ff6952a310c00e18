-- name: count_badges
-- How many rows of each kind wait, at most $1 of each: bounded, so that a flood costs no more than its first rows.
SELECT
  (SELECT count(*) FROM (SELECT FROM claim WHERE finished_at IS NULL LIMIT $1) AS few) AS claims,
  (SELECT count(*) FROM (SELECT FROM suspense WHERE state IN ('open', 'refunding') LIMIT $1) AS few) AS suspense,
  (SELECT count(*) FROM (SELECT FROM manual_task WHERE state = 'open' LIMIT $1) AS few) AS manual,
  (SELECT count(*) FROM (SELECT FROM notice WHERE state = 'failed' LIMIT $1) AS few) AS notices,
  (SELECT count(*) FROM (SELECT FROM recon_break WHERE resolved_at IS NULL LIMIT $1) AS few) AS breaks,
  (SELECT count(*) FROM (SELECT FROM dispute WHERE closed_at IS NULL AND next_actor IN ('shop', 'person') LIMIT $1) AS few)
    AS disputes
