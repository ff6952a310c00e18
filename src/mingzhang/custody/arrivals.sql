-- name: read_supplier_money
-- What of ours is at a supplier by the ledger: free, reserved for orders that it may not have charged yet, of that what it
-- had not said by $2 to be in process, and the top-ups that the bank paid out and that have not arrived.
WITH held AS (
  SELECT coalesce(sum(amount_fen) FILTER (WHERE place = 'supplier.free'), 0)::bigint AS free_fen,
    coalesce(sum(amount_fen) FILTER (WHERE place = 'supplier.reserved'), 0)::bigint AS reserved_fen
  FROM leg WHERE (place = 'supplier.free' AND party = $1 AND owner = 'F')
    OR (place = 'supplier.reserved' AND party LIKE $1 || '#%' AND owner = 'o')),
in_process AS (
  SELECT coalesce(sum(l.amount_fen), 0)::bigint AS fen FROM supply_attempt a
  JOIN leg l ON l.bucket = a.bucket AND l.subject = a.order_id AND l.place = 'supplier.reserved'
    AND l.party = a.supplier || '#' || a.n AND l.owner = 'o'
  WHERE a.due_at IS NOT NULL AND a.state = 'processing' AND a.supplier = $1 AND a.answered_at < $2)
SELECT h.free_fen, h.reserved_fen, h.reserved_fen - p.fen AS doubtful_fen,
  ARRAY (SELECT amount_fen FROM instruction WHERE purpose = 'prefund' AND party = $1 AND state = 'booked') AS under_way
FROM held h, in_process p
