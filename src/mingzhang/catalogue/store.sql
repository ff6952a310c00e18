-- name: list_products
-- What is on sale.
SELECT * FROM product WHERE active ORDER BY position, product_id LIMIT 5000

-- name: read_product
-- One product on sale.
SELECT * FROM product WHERE product_id = $1 AND active

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

-- name: insert_rules
-- Publish a version of the shop's rules.
INSERT INTO rule_version (version, text_zh, text_en, sha256, effective_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (version) DO NOTHING

-- name: read_rules
-- The rules in force.
SELECT version, text_zh, text_en FROM rule_version WHERE effective_at <= $1 ORDER BY version DESC LIMIT 1
