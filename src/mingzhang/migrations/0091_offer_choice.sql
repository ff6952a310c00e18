-- R35: whether the buyer of a refused order chooses between the refund and another supplier (退款 / 补发), where there is one.
-- Off: the next supplier is asked by itself in the promised time, and after it the money goes back. See docs/decisions/0091.
ALTER TABLE product ADD COLUMN offer_choice boolean NOT NULL DEFAULT false;
