-- name: set_terms
-- What a channel costs, when it settles, what it takes, by which licence.
INSERT INTO channel_register (channel, rate_ppm, fixed_fen, settle_days, min_fen, max_fen, day_fen, licensee, licence_no,
  valid_until, source_url, set_by, set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (channel) DO UPDATE SET rate_ppm = excluded.rate_ppm, fixed_fen = excluded.fixed_fen,
  settle_days = excluded.settle_days, min_fen = excluded.min_fen, max_fen = excluded.max_fen, day_fen = excluded.day_fen,
  licensee = excluded.licensee, licence_no = excluded.licence_no, valid_until = excluded.valid_until,
  source_url = excluded.source_url, set_by = excluded.set_by, set_at = excluded.set_at

-- name: list_terms
-- The register.
SELECT channel, rate_ppm, fixed_fen, settle_days, min_fen, max_fen, day_fen, licensee, licence_no, valid_until, source_url,
  set_by, set_at FROM channel_register ORDER BY channel

-- name: ensure_channel_watch
-- What a channel takes in a day is summed up from now on.
INSERT INTO channel_watch (channel, due_at) VALUES ($1, $2) ON CONFLICT (channel) DO NOTHING

-- name: claim_channel_watch
-- Take channels whose day is due to be summed up.
UPDATE channel_watch SET lease_owner = $3, lease_generation = lease_generation + 1, lease_until = $4
WHERE channel = ANY (ARRAY (
  SELECT channel FROM channel_watch WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
    AND channel = ANY ($2::text[]) ORDER BY due_at FOR UPDATE SKIP LOCKED))
RETURNING channel

-- name: set_channel_watch
-- What it took today, and when it is summed up again.
UPDATE channel_watch SET day = $2, taken_fen = $3, made_at = $4, due_at = $5, lease_until = NULL WHERE channel = $1

-- name: list_channel_watches
-- What every channel took on its last day.
SELECT channel, day, taken_fen FROM channel_watch ORDER BY channel

-- name: sum_taken
-- What a channel took in one bucket by payments of orders placed since.
SELECT coalesce(sum(paid_fen), 0)::bigint AS fen FROM payment
WHERE bucket = $1 AND payment_no >= $2 AND channel = $3 AND paid_at >= $4

-- name: list_recent_payments
-- The newest payments of one bucket, by the time in their numbers: how each was opened, and how its money became known.
SELECT y.channel, y.method, y.state, y.url <> '' AS shown, y.opened_at, y.expires_at, f.known_at,
  f.content -> 'details' ->> 'paid_at' AS paid_at, e.kind LIKE '%.notify' AS told, h.known_at AS hinted_at
FROM (
  SELECT bucket, payment_no, channel, method, state, url, transaction_id, opened_at, expires_at FROM payment
  WHERE bucket = $1 AND payment_no >= $2 ORDER BY payment_no DESC LIMIT $3) y
LEFT JOIN fact f ON y.transaction_id <> '' AND f.party = y.channel AND f.kind = 'paid' AND f.external_id = y.transaction_id
LEFT JOIN evidence e ON e.evidence_id = f.evidence_id
LEFT JOIN trade_hint h ON h.bucket = y.bucket AND h.channel = y.channel AND h.transaction_id = y.transaction_id
  AND h.payment_no = y.payment_no
