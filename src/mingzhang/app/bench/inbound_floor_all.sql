-- The rows of `inbound_floor.sql` with the three channels in turn: Alipay as there; WeChat is called to open a payment, so
-- question and answer are kept; an epay notify is a hint, the aggregator is asked, and its answer is the fact.
-- The rows and columns are those of the product's own steps. -D run=… makes ids unique.
\set n :n + 1
\set order :run * 1000000000 + :n * 64 + :client_id
\set channel :n % 3
-- 1 The placement is fixed first.
BEGIN;
INSERT INTO placement (client, key, request_hash, bucket, order_id, placed_at) VALUES ('bench', 'key-' || lpad(:order::text, 16, '0'), sha256(:order::text::bytea), 0, 'M00' || lpad(:order::text, 16, '0'), now());
INSERT INTO bucket (bucket, opened_at) SELECT 0, now() WHERE NOT EXISTS (SELECT FROM bucket WHERE bucket = 0) ON CONFLICT DO NOTHING;
END;
-- 2 The order.
BEGIN;
INSERT INTO orders (bucket, order_id, state, seq, product_id, kind, title_zh, title_en, quantity, face_value_fen, price_fen, cost_fen, supplier, supplier_product, rule_version, promise_s, account_mask, account_enc, account_hash, contact_mask, contact_enc, contact_hash, token_hash, language, holder, next_actor, due_at, deadline_at, placed_at, expires_at) VALUES (0, 'M00' || lpad(:order::text, 16, '0'), 'awaiting_payment', 1, 'phone-100', 'mobile', '话费直充 100元', 'Phone credit ¥100', 1, 10000, 10000, 9850, 'fulu', '20000100', 1, 900, '138****8000', decode(repeat('ab', 39), 'hex'), sha256(:order::text::bytea), 'b***@example.com', decode(repeat('cd', 45), 'hex'), sha256('x' || :order::text::bytea), sha256('y' || :order::text::bytea), 'zh', 'payer', 'buyer', now() + interval '15 min', now() + interval '15 min', now(), now() + interval '15 min');
INSERT INTO event (bucket, order_id, seq, kind, at) VALUES (0, 'M00' || lpad(:order::text, 16, '0'), 1, 'placed', now());
END;
\if :channel = 1
-- 3 The intent to pay, and what WeChat answered.
BEGIN;
SELECT state, expires_at FROM orders WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0') FOR UPDATE;
INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, holder, next_actor, due_at, deadline_at, opened_at, expires_at) VALUES (0, 'M00' || lpad(:order::text, 16, '0') || 'P1', 'M00' || lpad(:order::text, 16, '0'), 1, (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'page', 10000, 'intent', 'payer', 'channel', now() + interval '5 s', now() + interval '15 min', now(), now() + interval '15 min');
INSERT INTO event (bucket, order_id, seq, kind, at, data) VALUES (0, 'M00' || lpad(:order::text, 16, '0'), 2, 'payment_opened', now(), '{"channel": "alipay"}');
UPDATE orders SET seq = 2, lease_until = NULL WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0');
INSERT INTO applied (bucket, key, request_hash, result, applied_at) VALUES (0, 'open/' || lpad(:order::text, 40, '0'), sha256(:order::text::bytea), 'done', now());
END;
BEGIN;
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('A' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'precreate', 'out', 'own', 'application/x-www-form-urlencoded', repeat('q', 900)::bytea, sha256(:order::text::bytea), '', NULL, now());
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('E' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'wechat.native', 'in', 'answer', 'message/http', repeat('a', 560)::bytea, sha256(:order::text::bytea), '', NULL, now());
UPDATE payment SET state = 'open', url = repeat('u', 900), code = '10000', next_actor = 'buyer', lease_until = NULL WHERE bucket = 0 AND payment_no = 'M00' || lpad(:order::text, 16, '0') || 'P1' AND state = 'intent';
END;
\else
-- 3 The signed address: nobody is called, so intent and opening are one.
BEGIN;
SELECT state, expires_at FROM orders WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0') FOR UPDATE;
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('A' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'precreate', 'out', 'own', 'application/x-www-form-urlencoded', repeat('q', 900)::bytea, sha256(:order::text::bytea), '', NULL, now());
INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, url, holder, next_actor, due_at, deadline_at, opened_at, expires_at) VALUES (0, 'M00' || lpad(:order::text, 16, '0') || 'P1', 'M00' || lpad(:order::text, 16, '0'), 1, (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'page', 10000, 'open', repeat('u', 900), 'payer', 'buyer', now() + interval '5 s', now() + interval '15 min', now(), now() + interval '15 min');
INSERT INTO event (bucket, order_id, seq, kind, at, data) VALUES (0, 'M00' || lpad(:order::text, 16, '0'), 2, 'payment_opened', now(), '{"channel": "alipay"}');
UPDATE orders SET seq = 2, lease_until = NULL WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0');
INSERT INTO applied (bucket, key, request_hash, result, applied_at) VALUES (0, 'open/' || lpad(:order::text, 40, '0'), sha256(:order::text::bytea), 'done', now());
END;
\endif
\if :channel = 2
-- The notify is a hint; the aggregator is asked.
BEGIN;
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('B' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'epay.notify', 'in', 'hint', 'application/x-www-form-urlencoded', repeat('n', 260)::bytea, sha256(:order::text::bytea), '', NULL, now());
UPDATE payment SET due_at = now(), lease_until = NULL WHERE bucket = 0 AND payment_no = 'M00' || lpad(:order::text, 16, '0') || 'P1';
INSERT INTO trade_hint (bucket, hint_id, channel, transaction_id, payment_no, state, holder, next_actor, due_at, deadline_at, evidence_id, known_at) VALUES (0, 'H' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], '20261122' || lpad(:order::text, 20, '0'), 'M00' || lpad(:order::text, 16, '0') || 'P1', 'waiting', (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'shop', now(), now() + interval '6 hours', 'B' || lpad(:order::text, 19, '0'), now()) ON CONFLICT (bucket, channel, transaction_id, payment_no) DO UPDATE SET state = 'waiting', due_at = excluded.due_at, deadline_at = excluded.deadline_at, since = excluded.known_at, next_actor = excluded.next_actor, lease_until = NULL WHERE trade_hint.state <> 'found';
END;
UPDATE trade_hint SET lease_owner = 'worker', lease_generation = lease_generation + 1, lease_until = now() + interval '30 s' WHERE bucket = 0 AND hint_id = 'H' || lpad(:order::text, 19, '0');
SELECT bucket, hint_id, channel, transaction_id, payment_no, state, asked, known_at, deadline_at FROM trade_hint WHERE bucket = 0 AND hint_id = 'H' || lpad(:order::text, 19, '0');
\endif
-- 5 What is believed, and its fact.
BEGIN;
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('C' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'notify', 'in', 'verified', 'application/x-www-form-urlencoded', repeat('n', 1200)::bytea, sha256(:order::text::bytea), '', now(), now());
INSERT INTO number (value, kind, bucket, order_id) VALUES ('20261122' || lpad(:order::text, 20, '0'), 'transaction', 0, 'M00' || lpad(:order::text, 16, '0')) ON CONFLICT DO NOTHING;
INSERT INTO fact (party, kind, external_id, bucket, subject, content, content_hash, evidence_id, known_at) VALUES ((ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'paid', '20261122' || lpad(:order::text, 20, '0'), 0, 'M00' || lpad(:order::text, 16, '0'), jsonb_build_object('payment_no', 'M00' || lpad(:order::text, 16, '0') || 'P1', 'amount_fen', 10000, 'buyer_mask', '138****8000'), sha256(:order::text::bytea), 'C' || lpad(:order::text, 19, '0'), now()) ON CONFLICT DO NOTHING;
INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at) VALUES ((ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'paid', '20261122' || lpad(:order::text, 20, '0'), 0, 'M00' || lpad(:order::text, 16, '0'), jsonb_build_object('payment_no', 'M00' || lpad(:order::text, 16, '0') || 'P1', 'amount_fen', 10000, 'buyer_mask', '138****8000'), 'C' || lpad(:order::text, 19, '0'), now(), now());
\if :channel = 2
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('E' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'epay.order', 'out', 'own', 'application/x-www-form-urlencoded', repeat('q', 70)::bytea, sha256(:order::text::bytea), '', NULL, now());
UPDATE trade_hint SET state = 'found', code = '1', asked = asked + 1, asked_at = now(), due_at = NULL, lease_until = NULL WHERE bucket = 0 AND hint_id = 'H' || lpad(:order::text, 19, '0') AND state <> 'found';
UPDATE inbox SET lease_owner = 'worker', lease_generation = lease_generation + 1, lease_until = now() + interval '30 s', asked = asked + 1 WHERE party = (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1] AND kind = 'paid' AND external_id = '20261122' || lpad(:order::text, 20, '0');
\endif
END;
-- 6 Row 3 of the ledger.
BEGIN;
SELECT state, paid_at, price_fen FROM orders WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0') FOR UPDATE;
INSERT INTO event (bucket, order_id, seq, kind, at, evidence_id, data) VALUES (0, 'M00' || lpad(:order::text, 16, '0'), 3, 'paid', now(), 'C' || lpad(:order::text, 19, '0'), '{"channel": "alipay"}');
INSERT INTO leg (bucket, subject, seq, n, posting, place, party, owner, amount_fen, evidence_id, at) VALUES (0, 'M00' || lpad(:order::text, 16, '0'), 4, 0, 'paid', 'source.payer', '', 'o', -10000, 'C' || lpad(:order::text, 19, '0'), now()), (0, 'M00' || lpad(:order::text, 16, '0'), 4, 1, 'paid', 'channel', (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'o', 10000, 'C' || lpad(:order::text, 19, '0'), now());
INSERT INTO supply_attempt (bucket, attempt_no, order_id, n, supplier, supplier_product, kind, quantity, cost_fen, state, holder, next_actor, due_at, deadline_at, planned_at) VALUES (0, 'M00' || lpad(:order::text, 16, '0') || 'T1', 'M00' || lpad(:order::text, 16, '0'), 1, 'fulu', '20000100', 'mobile', 1, 9850, 'ready', (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'shop', now(), now() + interval '10 min', now());
UPDATE payment SET state = 'paid', transaction_id = '20261122' || lpad(:order::text, 20, '0'), paid_fen = 10000, buyer_mask = '138****8000', paid_at = now(), due_at = now() + interval '15 s', deadline_at = now() + interval '15 s', holder = (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], next_actor = 'shop', lease_until = NULL WHERE bucket = 0 AND payment_no = 'M00' || lpad(:order::text, 16, '0') || 'P1';
UPDATE orders SET state = 'paid', seq = 4, holder = 'channel', next_actor = 'shop', due_at = NULL, deadline_at = now() + interval '10 min', paid_at = now(), lease_until = NULL WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0');
INSERT INTO applied (bucket, key, request_hash, result, applied_at) VALUES (0, 'paid/alipay/' || lpad(:order::text, 28, '0'), sha256(:order::text::bytea), 'done', now());
DELETE FROM inbox WHERE party = (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1] AND kind = 'paid' AND external_id = '20261122' || lpad(:order::text, 20, '0');
END;
-- 7 One in ten is told twice, one in a hundred is forged: kept as evidence, nothing else moves.
\set told random(1, 100)
\if :told <= 11
BEGIN;
INSERT INTO evidence (evidence_id, party, kind, direction, standing, content_type, body, sha256, note, occurred_at, known_at) VALUES ('D' || lpad(:order::text, 19, '0'), (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1], 'notify', 'in', 'verified', 'application/x-www-form-urlencoded', repeat('n', 1200)::bytea, sha256(:order::text::bytea), '', now(), now());
SELECT content_hash FROM fact WHERE party = (ARRAY['alipay', 'wechat', 'epay'])[:channel + 1] AND kind = 'paid' AND external_id = '20261122' || lpad(:order::text, 20, '0');
END;
\endif
-- 8 The status is read.
SELECT * FROM orders WHERE bucket = 0 AND order_id = 'M00' || lpad(:order::text, 16, '0');
