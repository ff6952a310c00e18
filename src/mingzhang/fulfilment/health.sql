-- name: set_supplier_down
-- A supplier gave no answer for several calls in a row, nor when asked for our balance.
INSERT INTO supplier_health (supplier, down_since, checked_at, code) VALUES ($1, $2, $2, $3)
ON CONFLICT (supplier) DO UPDATE SET down_since = coalesce(supplier_health.down_since, excluded.down_since),
  checked_at = excluded.checked_at, code = excluded.code

-- name: set_supplier_up
-- It answered again.
UPDATE supplier_health SET down_since = NULL, checked_at = $2, code = '' WHERE supplier = $1 AND down_since IS NOT NULL

-- name: list_suppliers_down
-- Suppliers that do not answer, and when that was last seen.
SELECT supplier, down_since, checked_at, code FROM supplier_health WHERE down_since IS NOT NULL

-- name: ensure_watch
-- A supplier is watched from now on.
INSERT INTO supplier_watch (supplier, due_at) VALUES ($1, $2) ON CONFLICT (supplier) DO NOTHING

-- name: claim_watch
-- Take suppliers that are due to be asked for our balance.
UPDATE supplier_watch SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE supplier = ANY (ARRAY (
  SELECT supplier FROM supplier_watch WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
    AND supplier = ANY ($2::text[]) ORDER BY due_at FOR UPDATE SKIP LOCKED))
RETURNING supplier

-- name: set_watch
-- What it said (known: null when it said nothing), and when it is asked again.
UPDATE supplier_watch SET standing = $2, free_fen = CASE WHEN $6::timestamptz IS NULL THEN free_fen ELSE $3 END,
  spent_fen = $4, spent_s = $5, known_at = coalesce($6, known_at), runway_s = $7, asked_at = $8, due_at = $9,
  evidence_id = CASE WHEN $10 = '' THEN evidence_id ELSE $10 END, lease_until = NULL
WHERE supplier = $1

-- name: read_watch
-- One supplier's standing.
SELECT supplier, standing, free_fen, spent_fen, spent_s, runway_s, known_at, asked_at FROM supplier_watch WHERE supplier = $1

-- name: list_watches
-- Every supplier's standing.
SELECT supplier, standing, free_fen, spent_fen, spent_s, runway_s, known_at, asked_at FROM supplier_watch ORDER BY supplier

-- name: set_figure
-- How one supplier's one product did lately.
INSERT INTO supplier_figure (supplier, supplier_product, n, succeeded, median_s, since, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (supplier, supplier_product) DO UPDATE SET n = excluded.n, succeeded = excluded.succeeded,
  median_s = excluded.median_s, since = excluded.since, made_at = excluded.made_at

-- name: drop_figures
-- What the sample no longer holds tells nothing of today.
DELETE FROM supplier_figure WHERE supplier = $1 AND made_at < $2

-- name: list_figures
-- How everybody did lately.
SELECT supplier, supplier_product, n, succeeded, median_s, since FROM supplier_figure
ORDER BY supplier, supplier_product LIMIT 10000

-- name: list_recent
-- The newest attempts of one bucket, by the time that stands in their numbers.
SELECT supplier, supplier_product, state, cost_fen, planned_at, sent_at, finished_at FROM supply_attempt
WHERE bucket = $1 AND attempt_no >= $2 ORDER BY attempt_no DESC LIMIT $3
