-- name: insert_payee
-- Where the buyer wants the money sent, as one more word of theirs; sealed, with masks beside it.
INSERT INTO refund_payee (bucket, order_id, n, payee_enc, name_mask, account_mask, given_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: list_payees
-- What the buyer of an order has named, newest first.
SELECT n, payee_enc, name_mask, account_mask, given_at FROM refund_payee
WHERE bucket = $1 AND order_id = $2 ORDER BY n DESC LIMIT 20

-- name: read_refusal
-- The channel's own refusal of one refund, as it was applied: the proof that the way back is closed.
SELECT evidence_id FROM fact WHERE party = $1 AND kind = 'refund_refused' AND external_id = $2

-- name: read_bank_line
-- The bank's own line that brought money which is nobody's.
SELECT evidence_id FROM fact WHERE party = $1 AND kind = 'paid' AND external_id = $2 AND content ? 'bank_line'

-- name: lock_bank
-- The account that pays: float leaves it, and is counted on, by one holder of this lock at a time.
SELECT bank FROM bank_account WHERE bank = $1 FOR UPDATE
