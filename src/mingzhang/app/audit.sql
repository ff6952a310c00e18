-- name: insert_run
-- Remember that an audit was made and how much it covered.
INSERT INTO audit_run (run_id, scope, started_at, covered_to, findings, subjects) VALUES ($1, $2, $3, $4, $5, $6)
