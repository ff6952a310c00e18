-- name: still_asked
-- Whether an aggregator is still to be asked about a hint, or its answer to be applied.
SELECT EXISTS (SELECT FROM trade_hint WHERE bucket = 0 AND due_at IS NOT NULL)
  OR EXISTS (SELECT FROM inbox WHERE bucket = 0 AND party = 'epay')
