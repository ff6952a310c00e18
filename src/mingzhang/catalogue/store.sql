-- name: list_products
-- What is on sale.
SELECT * FROM product WHERE active ORDER BY position, product_id LIMIT 5000

-- name: read_product
-- One product on sale.
SELECT * FROM product WHERE product_id = $1 AND active

-- name: read_any_product
-- One product, on sale or not: an order that was placed for it goes on.
SELECT * FROM product WHERE product_id = $1

-- name: insert_product
-- Put a product on sale; one that exists stays as it is.
INSERT INTO product (product_id, kind, title_zh, title_en, face_value_fen, price_fen, cost_fen, max_quantity, supplier,
  supplier_product, account_template, promise_s, position, category, family, variant_zh, variant_en, min_quantity,
  step_quantity, tiers, fields, double_entry, promise_from_s, official, active)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, true)
ON CONFLICT (product_id) DO NOTHING

-- name: insert_route
-- Name a further supplier of a product.
INSERT INTO product_supplier (product_id, position, supplier, supplier_product, cost_fen) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING

-- name: list_routes
-- A product's further suppliers, in their order.
SELECT product_id, position, supplier, supplier_product, cost_fen FROM product_supplier WHERE product_id = $1
ORDER BY position LIMIT 50

-- name: list_all_routes
-- Every product's further suppliers.
SELECT product_id, position, supplier, supplier_product, cost_fen FROM product_supplier
ORDER BY product_id, position LIMIT 10000

-- name: set_routing
-- How a product chooses its supplier, what loss on a unit is allowed, and whether a refused buyer chooses (R35).
UPDATE product SET route_mode = $2, allow_loss_fen = $3, offer_choice = $4 WHERE product_id = $1 RETURNING product_id

-- name: insert_paper
-- Publish a version of the rules, the agreement or the privacy terms, once; the guard refuses a notice that is too short.
INSERT INTO rule_version (kind, version, text_zh, text_en, sha256, published_at, effective_at, published_by, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, version) DO NOTHING RETURNING version

-- name: read_rules
-- The rules in force.
SELECT version, text_zh, text_en FROM rule_version WHERE kind = 'rules' AND effective_at <= $1 ORDER BY version DESC LIMIT 1

-- name: list_papers
-- Every version of every kind, the newest first; the texts are read one by one.
SELECT kind, version, '' AS text_zh, '' AS text_en, sha256, published_at, effective_at, published_by, reason
FROM rule_version ORDER BY kind, version DESC LIMIT 500

-- name: read_paper
-- One version.
SELECT kind, version, text_zh, text_en, sha256, published_at, effective_at, published_by, reason
FROM rule_version WHERE kind = $1 AND version = $2

-- name: read_newest_paper
-- The version of a kind that was published last.
SELECT kind, version, text_zh, text_en, sha256, published_at, effective_at, published_by, reason
FROM rule_version WHERE kind = $1 ORDER BY version DESC LIMIT 1

-- name: list_listings
-- Every product, on sale or not, with its texts and its family's title.
SELECT p.*, f.title_zh AS family_zh, f.title_en AS family_en, t.description_zh, t.description_en, t.notice_zh,
  t.notice_en, t.picture
FROM product p LEFT JOIN product_text t USING (product_id) LEFT JOIN product_family f ON f.family_id = p.family
ORDER BY p.position, p.product_id LIMIT 5001

-- name: read_listings
-- The same of a few products.
SELECT p.*, f.title_zh AS family_zh, f.title_en AS family_en, t.description_zh, t.description_en, t.notice_zh,
  t.notice_en, t.picture
FROM product p LEFT JOIN product_text t USING (product_id) LEFT JOIN product_family f ON f.family_id = p.family
WHERE p.product_id = ANY ($1::text[])

-- name: lock_catalogue
-- One change at a time; whoever only reads goes on.
LOCK TABLE product IN SHARE ROW EXCLUSIVE MODE

-- name: upsert_product
-- Write a product as its line says.
INSERT INTO product (product_id, kind, title_zh, title_en, face_value_fen, price_fen, cost_fen, max_quantity, supplier,
  supplier_product, account_template, promise_s, position, category, family, variant_zh, variant_en, min_quantity,
  step_quantity, tiers, fields, double_entry, promise_from_s, official, active)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT (product_id) DO UPDATE SET kind = excluded.kind, title_zh = excluded.title_zh, title_en = excluded.title_en,
  face_value_fen = excluded.face_value_fen, price_fen = excluded.price_fen, cost_fen = excluded.cost_fen,
  max_quantity = excluded.max_quantity, supplier = excluded.supplier, supplier_product = excluded.supplier_product,
  account_template = excluded.account_template, promise_s = excluded.promise_s, position = excluded.position,
  category = excluded.category, family = excluded.family, variant_zh = excluded.variant_zh,
  variant_en = excluded.variant_en, min_quantity = excluded.min_quantity, step_quantity = excluded.step_quantity,
  tiers = excluded.tiers, fields = excluded.fields, double_entry = excluded.double_entry,
  promise_from_s = excluded.promise_from_s, official = excluded.official, active = excluded.active

-- name: upsert_texts
-- Write a product's texts.
INSERT INTO product_text (product_id, description_zh, description_en, notice_zh, notice_en, picture)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (product_id) DO UPDATE SET description_zh = excluded.description_zh, description_en = excluded.description_en,
  notice_zh = excluded.notice_zh, notice_en = excluded.notice_en, picture = excluded.picture

-- name: upsert_family
-- Name a family of variants.
INSERT INTO product_family (family_id, title_zh, title_en) VALUES ($1, $2, $3)
ON CONFLICT (family_id) DO UPDATE SET title_zh = excluded.title_zh, title_en = excluded.title_en

-- name: list_categories
-- Both levels, in the shop's order.
SELECT category_id, parent, title_zh, title_en, position FROM category ORDER BY position, category_id LIMIT 500

-- name: upsert_category
-- Make or rename a category.
INSERT INTO category (category_id, parent, title_zh, title_en, position) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (category_id) DO UPDATE SET parent = excluded.parent, title_zh = excluded.title_zh,
  title_en = excluded.title_en, position = excluded.position

-- name: insert_change
-- Who changed what, from what to what.
INSERT INTO catalogue_change (change_id, batch, subject, field, old, new, changed_by, way, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: list_changes
-- The newest changes of one subject, or of all.
SELECT batch, subject, field, old, new, changed_by, way, at FROM catalogue_change
WHERE $1 IN ('', subject) ORDER BY change_id DESC LIMIT $2

-- name: insert_picture
-- Keep a picture under its hash.
INSERT INTO picture (picture_id, body, added_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: read_picture
-- One picture.
SELECT body FROM picture WHERE picture_id = $1

-- name: list_pictures
-- Which of these pictures are kept.
SELECT picture_id FROM picture WHERE picture_id = ANY ($1::text[])
