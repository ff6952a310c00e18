-- name: enqueue_notice
-- One row for every open route of the audience; told again under the same key, nothing is written.
INSERT INTO notice (bucket, notice_id, subject, key, route_id, template, audience, channel, address_enc, address_mask,
  address_hash, language, facts, state, holder, next_actor, due_at, deadline_at, queued_at)
SELECT $1::int, $2::text || '-' || r.route_id, $3::text, $4::text, r.route_id, $5::text, r.audience, r.channel,
  CASE WHEN r.audience = 'buyer' THEN $7::bytea ELSE r.address_enc END,
  CASE WHEN r.audience = 'buyer' THEN $8::text ELSE r.address_mask END,
  CASE WHEN r.audience = 'buyer' THEN $9::bytea ELSE r.address_hash END,
  CASE WHEN r.audience = 'buyer' THEN $10::text ELSE r.language END,
  $11::jsonb, 'waiting', 'shop', 'shop', $12::timestamptz, $13::timestamptz, $12::timestamptz
FROM notice_route r
WHERE r.active AND r.audience = ANY ($6::text[]) AND (r.audience <> 'buyer' OR r.channel = $14::text)
  AND (r.topics = '{}' OR $15::text = ANY (r.topics))
ON CONFLICT (bucket, subject, key, route_id) DO NOTHING
RETURNING notice_id

-- name: claim_notices
-- Take due notices of one bucket: the intent and one attempt more, committed before the call. One that was left
-- in `sending` had an attempt nobody knows the end of. ARRAY, because an IN may run its LIMIT more than once.
UPDATE notice SET state = 'sending', attempts = attempts + 1, attempted_at = $2, holder = channel, next_actor = 'shop',
  unsure = unsure OR state = 'sending',
  lease_owner = $4, lease_generation = lease_generation + 1, lease_until = $5
WHERE bucket = $1 AND notice_id = ANY (ARRAY (
  SELECT notice_id FROM notice WHERE bucket = $1 AND due_at <= $2 AND (lease_until IS NULL OR lease_until < $2)
    AND ($6::text = '' OR (channel = 'webhook') = ($6 = 'webhooks'))
  ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING bucket || ':' || notice_id AS notice_key

-- name: read_claimed
-- What is to be sent now.
SELECT notice_id, subject, key, route_id, template, audience, channel, address_enc, address_mask, language, facts, attempts,
  lease_generation, queued_at, deadline_at
FROM notice WHERE bucket = $1 AND notice_id = $2 AND state = 'sending'

-- name: set_sent
-- The other side took it. Also an answer that comes after the lease is an answer.
UPDATE notice SET state = 'sent', sent_at = $3, evidence_id = $4, last_error = '', holder = channel, next_actor = '',
  due_at = NULL, lease_until = NULL, address_enc = ''
WHERE bucket = $1 AND notice_id = $2 AND state <> 'sent' RETURNING notice_id

-- name: set_retrying
-- It did not go out, or nobody knows: again later, unless another worker has it by now.
UPDATE notice SET state = 'retrying', due_at = $4, last_error = $5, unsure = unsure OR $6, holder = 'shop',
  next_actor = 'shop', evidence_id = CASE WHEN $7 = '' THEN evidence_id ELSE $7 END, lease_until = NULL
WHERE bucket = $1 AND notice_id = $2 AND lease_generation = $3 AND state = 'sending' RETURNING notice_id

-- name: set_failed
-- Given up, visibly: a person is next.
UPDATE notice SET state = 'failed', due_at = NULL, last_error = $4, unsure = unsure OR $5, holder = 'shop',
  next_actor = 'person', evidence_id = CASE WHEN $6 = '' THEN evidence_id ELSE $6 END, lease_until = NULL
WHERE bucket = $1 AND notice_id = $2 AND lease_generation = $3 AND state = 'sending' RETURNING notice_id

-- name: set_waiting
-- A member of staff asks for a failed notice again, with a new life.
UPDATE notice SET state = 'waiting', attempts = 0, due_at = $3, deadline_at = $4, holder = 'shop', next_actor = 'shop'
WHERE bucket = $1 AND notice_id = $2 AND state = 'failed' RETURNING notice_id

-- name: list_of_subject
-- What was told about an order or suspense item, oldest first.
SELECT bucket, notice_id, subject, key, template, audience, channel, address_mask, language, state, attempts, unsure,
  last_error, evidence_id, holder, next_actor, due_at, deadline_at, queued_at, attempted_at, sent_at
FROM notice WHERE bucket = $1 AND subject = $2 ORDER BY queued_at, notice_id LIMIT 200

-- name: list_failed
-- Notices that were given up, newest first, for the work list.
SELECT bucket, notice_id, subject, key, template, audience, channel, address_mask, language, state, attempts, unsure,
  last_error, evidence_id, holder, next_actor, due_at, deadline_at, queued_at, attempted_at, sent_at
FROM notice WHERE state = 'failed' ORDER BY queued_at DESC LIMIT $1

-- name: list_buckets
-- Buckets with notices still to be sent.
SELECT DISTINCT bucket FROM notice WHERE due_at IS NOT NULL

-- name: set_route
-- A destination as the settings have it; an unchanged address keeps its sealed text.
INSERT INTO notice_route (route_id, audience, channel, address_enc, address_mask, address_hash, language, active, set_at, topics)
VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8, $9)
ON CONFLICT (route_id) DO UPDATE SET audience = excluded.audience, channel = excluded.channel,
  address_enc = excluded.address_enc, address_mask = excluded.address_mask, address_hash = excluded.address_hash,
  language = excluded.language, active = true, set_at = excluded.set_at, topics = excluded.topics
WHERE (notice_route.audience, notice_route.channel, notice_route.address_hash, notice_route.language, notice_route.active,
  notice_route.topics)
  IS DISTINCT FROM (excluded.audience, excluded.channel, excluded.address_hash, excluded.language, true, excluded.topics)

-- name: close_routes
-- Destinations that the settings no longer name; endpoints of webhooks are none of theirs.
UPDATE notice_route SET active = false, set_at = $2
WHERE active AND audience <> 'webhook' AND NOT route_id = ANY ($1::text[])

-- name: insert_untold
-- Events that people are to be told of, beside the events themselves; nobody is to be told while no route is open.
INSERT INTO untold (bucket, order_id, seq, kind, queued_at)
SELECT $1, $2, t.seq, t.kind, $3 FROM unnest($4::int[], $5::text[]) AS t (seq, kind)
WHERE EXISTS (SELECT FROM notice_route r WHERE r.active)
ON CONFLICT (bucket, order_id, seq) DO NOTHING

-- name: take_untold
-- The oldest of one bucket, taken for good when the notices they become are committed with this.
DELETE FROM untold WHERE bucket = $1 AND (order_id, seq) IN (
  SELECT u.order_id, u.seq FROM unnest($2::text[], $3::int[]) AS u (order_id, seq))
RETURNING order_id, seq, kind

-- name: lock_untold
-- The oldest of one bucket that nobody else is turning into notices.
SELECT order_id, seq FROM untold WHERE bucket = $1 ORDER BY queued_at LIMIT $2 FOR UPDATE SKIP LOCKED

-- name: list_untold_buckets
-- Buckets in which something is still to be told.
SELECT DISTINCT bucket FROM untold

-- name: forget_addresses
-- Addresses of letters to buyers that were sent long ago.
UPDATE notice SET address_enc = '', address_mask = '', address_hash = '' WHERE (bucket, notice_id) IN (
  SELECT bucket, notice_id FROM notice
  WHERE queued_at < $1 AND due_at IS NULL AND audience = 'buyer' AND address_enc <> '' LIMIT $2)
