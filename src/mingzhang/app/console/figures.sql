-- name: list_outcomes
-- What became of orders since a time, in spans of one kind, summed over them.
SELECT supplier, channel, product_id, outcome, reason, bin, late, sum(n)::bigint AS n FROM outcome_span
WHERE span = $1 AND span_at >= $2 GROUP BY supplier, channel, product_id, outcome, reason, bin, late

-- name: list_money
-- What lay where at some moments, by place: of orders and items put aside (with the float's claim on it), or our own.
SELECT slot_at, place, sum(amount_fen)::bigint AS fen FROM money_slot
WHERE slot_at = ANY ($1::timestamptz[]) AND place NOT LIKE 'source.%' AND place NOT LIKE 'spent.%'
  AND (owner IN ('o', 'L')) = $2
GROUP BY slot_at, place HAVING sum(amount_fen) <> 0 ORDER BY slot_at, place

-- name: find_last_slot
-- The newest moment of the roll-up.
SELECT max(slot_at) AS slot_at FROM money_slot

-- name: list_titles
-- What products are called.
SELECT product_id, title_zh, title_en, promise_s FROM product ORDER BY position, product_id LIMIT 2000

-- name: list_gaps
-- Money that a channel may hold and we do not know of yet: payments past their time that are still asked about, facts
-- that wait to be applied, trades told of, claims; each bounded.
SELECT 'payment' AS kind, count(*) AS n, coalesce(sum(amount_fen), 0)::bigint AS fen, min(expires_at) AS oldest FROM (
  SELECT amount_fen, expires_at FROM payment WHERE due_at IS NOT NULL AND state IN ('intent', 'open', 'closed') AND expires_at < $1
  LIMIT 5000) AS late
UNION ALL
SELECT 'fact', count(*), 0, min(known_at) FROM (SELECT known_at FROM inbox WHERE known_at < $1::timestamptz - interval '1 minute' LIMIT 5000) AS w
UNION ALL
SELECT 'hint', count(*), 0, min(known_at) FROM (SELECT known_at FROM trade_hint WHERE due_at IS NOT NULL AND state = 'waiting' LIMIT 5000) AS h
UNION ALL
SELECT 'claim', count(*), 0, min(made_at) FROM (SELECT made_at FROM claim WHERE finished_at IS NULL LIMIT 5000) AS c

-- name: list_broken
-- What is broken: suppliers and channels that do not answer, facts that cannot be applied, keys that have ended.
SELECT 'supplier' AS kind, supplier AS name, down_since AS since FROM supplier_health WHERE down_since IS NOT NULL
UNION ALL
SELECT 'channel', channel, down_since FROM channel_health WHERE down_since IS NOT NULL
UNION ALL
SELECT 'fact', party || ' ' || kind, known_at FROM (
  SELECT party, kind, known_at FROM inbox WHERE asked > 2 LIMIT 20) AS stuck
UNION ALL
SELECT 'key', party || ' ' || key, ends_at FROM key_term WHERE ends_at <= $1
ORDER BY 1, 2 LIMIT 100

-- name: read_last_audit
-- The newest audit.
SELECT started_at, covered_to, findings, scope FROM audit_run ORDER BY run_id DESC LIMIT 1

-- name: list_health
-- How suppliers stand: their last words in the sample, our balance there and how long it lasts.
SELECT w.supplier, w.standing, w.free_fen, w.spent_fen, w.spent_s, w.runway_s, w.known_at,
  coalesce(f.n, 0)::bigint AS n, coalesce(f.succeeded, 0)::bigint AS succeeded
FROM supplier_watch w
LEFT JOIN (SELECT supplier, sum(n) AS n, sum(succeeded) AS succeeded FROM supplier_figure GROUP BY supplier) AS f
  ON f.supplier = w.supplier
ORDER BY w.supplier
