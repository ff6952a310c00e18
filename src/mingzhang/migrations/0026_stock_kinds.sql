-- Products whose codes are sold again and again (0025 keeps that with the product): those that had such batches before.
UPDATE card_line l SET reusable = true
WHERE EXISTS (SELECT FROM card_batch b WHERE b.product = l.product AND b.reusable)
  AND NOT EXISTS (SELECT FROM card_batch b WHERE b.product = l.product AND NOT b.reusable);
