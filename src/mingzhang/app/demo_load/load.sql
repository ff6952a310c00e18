-- name: find_load
-- A history that was begun.
SELECT ends_at, finished_at FROM demo_load WHERE load_id = $1

-- name: insert_load
-- A history is begun.
INSERT INTO demo_load (load_id, seed, orders, days, ends_at) VALUES ($1, $2, $3, $4, $5)

-- name: finish_load
-- All of it is there.
UPDATE demo_load SET finished_at = $2 WHERE load_id = $1

-- name: list_pieces
-- What is there of a history.
SELECT piece FROM demo_load_piece WHERE load_id = $1

-- name: insert_piece
-- A piece, in the transaction that writes its orders.
INSERT INTO demo_load_piece (load_id, piece, orders) VALUES ($1, $2, $3)

-- name: has_other_orders
-- Whether anybody placed orders here, or another history was loaded.
SELECT EXISTS (SELECT FROM placement WHERE client < $1 OR client > $1)
  OR EXISTS (SELECT FROM demo_load WHERE load_id <> $2)

-- name: has_history
-- Whether a history was loaded here: what stands in such a database is no shop's own.
SELECT EXISTS (SELECT FROM demo_load)

-- name: analyze_all
-- Let the planner know what is there now.
ANALYZE

-- name: sum_up_pages
-- Sum up what was loaded in the indexes over time, which a vacuum would do some minutes later.
SELECT sum(brin_summarize_new_values(c.oid)) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'brin' AND c.relnamespace = current_schema()::regnamespace
