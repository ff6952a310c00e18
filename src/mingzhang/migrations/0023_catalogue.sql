-- The shop's catalogue: categories, families of variants, quantity rules, tiered prices, texts and pictures, account
-- fields, a record of every change; and the query password (查询密码) that a buyer may set beside or instead of a contact.

-- Two levels: `parent` is empty for the upper one.
CREATE TABLE category (
  category_id text COLLATE "C" NOT NULL,
  parent text COLLATE "C" NOT NULL,
  title_zh text NOT NULL,
  title_en text NOT NULL,
  position int NOT NULL,
  CONSTRAINT category_pk PRIMARY KEY (category_id),
  CONSTRAINT category_not_its_own_parent CHECK (parent <> category_id)
);

-- What several products are variants (规格) of: one page in the shop, a choice on it.
CREATE TABLE product_family (
  family_id text COLLATE "C" NOT NULL,
  title_zh text NOT NULL,
  title_en text NOT NULL,
  CONSTRAINT product_family_pk PRIMARY KEY (family_id)
);

-- `tiers`: [{"from_quantity", "price_fen"}], ascending, of one unit from that many on. `fields`: what the buyer is
-- asked for where the template alone does not say. `promise_from_s`: where the promised span begins (慢充 24-72 h).
ALTER TABLE product
  ADD COLUMN category text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN family text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN variant_zh text NOT NULL DEFAULT '',
  ADD COLUMN variant_en text NOT NULL DEFAULT '',
  ADD COLUMN min_quantity int NOT NULL DEFAULT 1,
  ADD COLUMN step_quantity int NOT NULL DEFAULT 1,
  ADD COLUMN tiers jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN fields jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN double_entry boolean NOT NULL DEFAULT false,
  ADD COLUMN promise_from_s int NOT NULL DEFAULT 0,
  ADD COLUMN official text NOT NULL DEFAULT '',
  ADD CONSTRAINT product_quantity CHECK (min_quantity >= 1 AND step_quantity >= 1 AND max_quantity >= min_quantity),
  ADD CONSTRAINT product_promise CHECK (promise_from_s >= 0 AND (promise_from_s = 0 OR promise_from_s < promise_s));

-- The texts and the picture of a product, apart from what every order reads.
CREATE TABLE product_text (
  product_id text NOT NULL,
  description_zh text NOT NULL,
  description_en text NOT NULL,
  notice_zh text NOT NULL,
  notice_en text NOT NULL,
  picture text COLLATE "C" NOT NULL,
  CONSTRAINT product_text_pk PRIMARY KEY (product_id)
);

-- Pictures as drawn anew from what was uploaded, under the SHA-256 of what is served.
CREATE TABLE picture (
  picture_id text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  added_at timestamptz NOT NULL,
  CONSTRAINT picture_pk PRIMARY KEY (picture_id)
);

-- Who changed what, when, from what to what: one line a field; `batch` ties the lines of one import together.
CREATE TABLE catalogue_change (
  change_id text COLLATE "C" NOT NULL,
  batch text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  field text NOT NULL,
  old text NOT NULL,
  new text NOT NULL,
  changed_by text NOT NULL,
  way text NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT catalogue_change_pk PRIMARY KEY (change_id)
);
CREATE INDEX catalogue_change_subject ON catalogue_change (subject, change_id);
CREATE TRIGGER catalogue_change_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON catalogue_change
  EXECUTE FUNCTION refuse_change();

-- Only for orders whose buyer set one; a keyed hash, the key is outside the database.
CREATE TABLE order_password (
  bucket int NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  hash bytea NOT NULL,
  set_at timestamptz NOT NULL,
  CONSTRAINT order_password_pk PRIMARY KEY (bucket, order_id)
);
