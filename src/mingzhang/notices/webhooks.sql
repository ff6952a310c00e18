-- name: insert_endpoint
-- A new endpoint.
INSERT INTO webhook_endpoint (endpoint_id, url_enc, url_mask, secret_enc, note, state, made_by, made_at, changed_at)
VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $7)

-- name: insert_route
-- Its route among the destinations; the settings' routes leave it alone.
INSERT INTO notice_route (route_id, audience, channel, address_enc, address_mask, address_hash, language, active, set_at, topics)
VALUES ('webhook-' || $1, 'webhook', 'webhook', $2, $3, $4, 'en', true, $6, $5)

-- name: count_endpoints
-- How many there are.
SELECT count(*) FROM webhook_endpoint WHERE state <> 'closed'

-- name: set_secret
-- A new secret; an attempt that has read the old one still signs with it.
UPDATE webhook_endpoint SET secret_enc = $2, changed_at = $3 WHERE endpoint_id = $1 AND state <> 'closed' RETURNING endpoint_id

-- name: lock_endpoint
-- Its state, held.
SELECT state FROM webhook_endpoint WHERE endpoint_id = $1 FOR UPDATE

-- name: set_state
-- Paused, going on, or ended; whoever goes on begins without failures. An ended one keeps no secret.
UPDATE webhook_endpoint SET state = $2, changed_at = $3, failed_in_row = 0,
  secret_enc = CASE WHEN $2 = 'closed' THEN '' ELSE secret_enc END
WHERE endpoint_id = $1

-- name: set_route
-- Whether messages are queued for it.
UPDATE notice_route SET active = $2, set_at = $3 WHERE route_id = 'webhook-' || $1

-- name: list_endpoints
-- For staff, oldest first; no secret.
SELECT e.endpoint_id, e.url_mask, e.note, e.state, r.topics, e.failed_in_row, e.made_by, e.made_at
FROM webhook_endpoint e JOIN notice_route r ON r.route_id = 'webhook-' || e.endpoint_id
WHERE e.state <> 'closed' ORDER BY e.made_at, e.endpoint_id

-- name: read_endpoint
-- Where to, with what secret.
SELECT url_enc, secret_enc, state FROM webhook_endpoint WHERE endpoint_id = $1

-- name: reset_failures
-- It took a message.
UPDATE webhook_endpoint SET failed_in_row = 0 WHERE endpoint_id = $1 AND failed_in_row > 0

-- name: count_failure
-- A message was given up; true when the endpoint dies by it.
UPDATE webhook_endpoint SET failed_in_row = failed_in_row + 1,
  state = CASE WHEN failed_in_row + 1 >= $2::int THEN 'dead' ELSE state END, changed_at = $3
WHERE endpoint_id = $1 AND state = 'active' RETURNING state = 'dead'

-- name: enqueue_ping
-- A message to one endpoint that tells of nothing.
INSERT INTO notice (bucket, notice_id, subject, key, route_id, template, audience, channel, address_enc, address_mask,
  address_hash, language, facts, state, holder, next_actor, due_at, deadline_at, queued_at)
SELECT 0, $1::text || '-' || r.route_id, $2::text, 'ping:' || $1::text, r.route_id, 'webhook', r.audience, r.channel, r.address_enc,
  r.address_mask, r.address_hash, r.language, $3::jsonb, 'waiting', 'shop', 'shop', $4::timestamptz, $5::timestamptz, $4::timestamptz
FROM notice_route r WHERE r.route_id = 'webhook-' || $2::text AND r.active
RETURNING notice_id

-- name: list_deliveries
-- The newest messages to any endpoint.
SELECT bucket, notice_id, subject, key, template, audience, channel, address_mask, language, state, attempts, unsure,
  last_error, evidence_id, holder, next_actor, due_at, deadline_at, queued_at, attempted_at, sent_at
FROM notice WHERE channel = 'webhook' ORDER BY queued_at DESC LIMIT $1

-- name: revive_notice
-- One that was given up gets a new life.
UPDATE notice SET state = 'waiting', attempts = 0, due_at = $3, deadline_at = $4, holder = 'shop', next_actor = 'shop'
WHERE bucket = $1 AND notice_id = $2 AND channel = 'webhook' AND state = 'failed' RETURNING notice_id

-- name: copy_sent
-- One that was taken goes out once more; its address was wiped and comes from the route.
INSERT INTO notice (bucket, notice_id, subject, key, route_id, template, audience, channel, address_enc, address_mask,
  address_hash, language, facts, state, holder, next_actor, due_at, deadline_at, queued_at)
SELECT n.bucket, $3::text || '-' || n.route_id, n.subject, split_part(n.key, '#', 1) || '#' || $3::text, n.route_id, n.template,
  n.audience, n.channel, r.address_enc, r.address_mask, r.address_hash, n.language, n.facts, 'waiting', 'shop', 'shop',
  $4::timestamptz, $5::timestamptz, $4::timestamptz
FROM notice n JOIN notice_route r ON r.route_id = n.route_id AND r.active
WHERE n.bucket = $1 AND n.notice_id = $2 AND n.channel = 'webhook' AND n.state = 'sent'
RETURNING notice_id
