-- Several suppliers behind one product, why each was chosen, partial delivery, and asking again after the last word.

-- Further suppliers of a product, in the order in which they are tried; the first stands in `product` itself.
CREATE TABLE product_supplier (
  product_id text NOT NULL,
  position int NOT NULL,
  supplier text NOT NULL,
  supplier_product text NOT NULL,
  cost_fen bigint NOT NULL,
  CONSTRAINT product_supplier_pk PRIMARY KEY (product_id, position),
  CONSTRAINT product_supplier_once UNIQUE (product_id, supplier, supplier_product),
  CONSTRAINT product_supplier_position CHECK (position > 0),
  CONSTRAINT product_supplier_money CHECK (cost_fen > 0)
);

-- `choice`: why this supplier, and which were passed over. `units`: how many came when fewer than ordered.
-- `extra`: succeeded although the order had ended otherwise (ledger row 19). `watched`: asked after its last word.
ALTER TABLE supply_attempt
  ADD COLUMN choice jsonb NOT NULL DEFAULT '{"why": "first"}',
  ADD COLUMN units int,
  ADD COLUMN extra boolean NOT NULL DEFAULT false,
  ADD COLUMN watched boolean NOT NULL DEFAULT false;

-- Attempts that have not been asked again since their last word (F19).
CREATE INDEX supply_attempt_watch ON supply_attempt (bucket, finished_at) WHERE finished_at IS NOT NULL AND NOT watched;
