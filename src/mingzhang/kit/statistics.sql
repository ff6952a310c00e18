-- name: list_grown
-- Tables that have doubled since they were last analyzed.
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema AND c.relkind = 'r' AND c.relname <> 'schema_migration'
  AND pg_relation_size(c.oid) / current_setting('block_size')::bigint > greatest($1, 2 * c.relpages)
ORDER BY c.relname

-- name: set_sample
-- A tenth of the usual sample, for this transaction.
SET LOCAL default_statistics_target = 10

-- name: analyze_table
-- Look at a sample of one table anew.
ANALYZE "{table}"
