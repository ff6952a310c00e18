-- name: count_tables
-- Whether a database is empty enough to restore into.
SELECT count(*) FROM pg_tables WHERE schemaname = 'public'
