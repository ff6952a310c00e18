"""The faults that the audit must name: what is done to a sound shop, and what must be said of it."""

from __future__ import annotations


def move(order: str, first: tuple[str, str, str], second: tuple[str, str, str], fen: int = 5) -> str:
    """SQL that books a posting of two legs for an order, on its own evidence, from the first account to the second."""
    rows = [(0, *first, -fen), (1, *second, fen)]
    return (
        "INSERT INTO leg SELECT bucket, subject, seq + 100, t.n, 'planted', t.place, t.party, t.owner, t.fen, "
        f"evidence_id, at FROM (SELECT * FROM leg WHERE subject = '{{{order}}}' ORDER BY seq, n LIMIT 1) AS base, (VALUES "
        + ", ".join(
            f"({n}::smallint, '{place}', '{party}', '{owner}', {fen}::bigint)"
            for n, place, party, owner, fen in rows
        )
        + ") AS t (n, place, party, owner, fen)"
    )


# Invariant, code, whose row, what the detail names, and what was done.
PLANTED: list[tuple[int, str, str, str, tuple[str, ...]]] = [
    (1, "not_zero", "delivered", "bucket=0 seq=4 owner=o 1", (
        "UPDATE leg SET amount_fen = amount_fen + 1 "
        "WHERE subject = '{delivered}' AND posting = 'paid' AND place = 'channel'",)),
    (1, "float_not_zero", "delivered", "owner=F+L -1", (
        "UPDATE leg SET amount_fen = amount_fen - 1 "
        "WHERE subject = '{delivered}' AND posting = 'dispatched' AND owner = 'F'",)),
    (2, "not_permitted", "delivered", "account=operator/alipay/o", (
        "ALTER TABLE leg DROP CONSTRAINT leg_permitted, DROP CONSTRAINT leg_sweep",
        "UPDATE leg SET place = 'operator' WHERE subject = '{delivered}' AND posting = 'paid' AND place = 'channel'",)),
    (2, "overdrawn", "delivered", "account=fee/alipay/o -5", (
        move("delivered", ("fee", "alipay", "o"), ("channel", "alipay", "o")),)),
    (2, "rollup_overdrawn", "", "account=custody/bank/F -5", (
        move("delivered", ("custody", "bank", "F"), ("channel", "alipay", "F")),)),
    (2, "handover_open", "", "account=channel/alipay/H 5", (
        move("delivered", ("source.unexplained", "", "H"), ("channel", "alipay", "H")),)),
    (2, "claim_not_released", "delivered", "account=custody/bank/L 5", (
        move("delivered", ("custody", "bank", "F"), ("custody", "bank", "L")),)),
    (3, "places_not_sources", "delivered", "bucket=0 owner=o", (
        "DELETE FROM leg WHERE subject = '{delivered}' AND posting = 'paid' AND place = 'channel'",)),
    (5, "evidence_missing", "delivered", "seq=4 account=source.payer//o", (
        "DELETE FROM evidence WHERE evidence_id IN "
        "(SELECT evidence_id FROM leg WHERE subject = '{delivered}' AND posting = 'paid')",)),
    (5, "fact_not_evidenced", "delivered", "fact=alipay/paid/", (
        "UPDATE evidence SET standing = 'forged' WHERE evidence_id IN "
        "(SELECT evidence_id FROM fact WHERE subject = '{delivered}' AND kind = 'paid')",)),
    (7, "evidence_altered", "", "evidence=", (
        "UPDATE evidence SET body = body || 'x' WHERE evidence_id IN "
        "(SELECT evidence_id FROM fact WHERE subject = '{card}' AND kind = 'paid')",)),
    (7, "fact_altered", "delivered", "fact=alipay/paid/", (
        "UPDATE fact SET content = content || '{{\"buyer_mask\": \"x\"}}' "
        "WHERE subject = '{delivered}' AND kind = 'paid'",)),
    (8, "paid_without_money", "delivered", "account=source.payer//o 0", (
        "DELETE FROM leg WHERE subject = '{delivered}'",)),
    (8, "money_not_paid", "delivered", "account=source.payer//o 10000", (
        "UPDATE orders SET paid_at = NULL WHERE order_id = '{delivered}'",)),
    (8, "paid_but_waiting", "delivered", "state=closed", (
        "UPDATE orders SET state = 'closed' WHERE order_id = '{delivered}'",)),
    (8, "state_without_payment", "unpaid", "state=paid", (
        "UPDATE orders SET state = 'paid' WHERE order_id = '{unpaid}'",)),
    (8, "delivered_without_supplier", "silent", "place=supplier.settled 0", (
        "UPDATE orders SET state = 'delivered' WHERE order_id = '{silent}'",)),
    (8, "delivered_without_fact", "silent", "fact=supply_succeeded none", (
        "UPDATE orders SET state = 'delivered' WHERE order_id = '{silent}'",)),
    (8, "delivered_without_cards", "card", "cards=0 ordered=1", (
        "DELETE FROM delivered_card WHERE order_id = '{card}'",)),
    (8, "refunded_but_reserved", "refunded", "place=supplier.reserved 5", (
        move("refunded", ("spent.margin", "", "o"), ("supplier.reserved", "fulu#1", "o")),)),
    (8, "refunded_without_money", "silent", "place=refund.arrived 0", (
        "UPDATE orders SET state = 'refunded' WHERE order_id = '{silent}'",)),
    (8, "refunded_without_refund", "refunded", "refunds=none", (
        "DELETE FROM refund WHERE order_id = '{refunded}'",)),
    (8, "refunding_without_refund", "silent", "refunds=none", (
        "UPDATE orders SET state = 'refunding' WHERE order_id = '{silent}'",)),
    (8, "refund_rows_differ", "refunded", "account=refund.arrived/alipay/o legs=10000 rows=9999", (
        "UPDATE refund SET amount_fen = 9999 WHERE order_id = '{refunded}'",)),
    (8, "refund_not_booked", "refunded", "state=none", (
        "DELETE FROM refund WHERE order_id = '{refunded}'",)),
    (8, "refund_without_fact", "refunded", "refund={refunded}R1 state=arrived", (
        "DELETE FROM fact WHERE subject = '{refunded}' AND kind = 'refund_arrived'",)),
    (8, "no_payment_marked", "delivered", "state=delivered", (
        "UPDATE payment SET state = 'closed' WHERE order_id = '{delivered}'",)),
    (8, "payment_not_marked", "delivered", "payment={delivered}P1 state=closed", (
        "UPDATE payment SET state = 'closed' WHERE order_id = '{delivered}'",)),
    (8, "payment_without_fact", "unpaid", "payment={unpaid}P1", (
        "INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, transaction_id, "
        "paid_fen, holder, next_actor, opened_at, expires_at) SELECT bucket, order_id || 'P1', order_id, 1, 'alipay', "
        "'qr', 1, 'paid', '2026', 1, 'alipay', 'shop', placed_at, expires_at FROM orders WHERE order_id = '{unpaid}'",)),
    (8, "payment_amount_differs", "delivered", "9999 fact=10000", (
        "UPDATE payment SET paid_fen = 9999 WHERE order_id = '{delivered}'",)),
    (8, "fact_not_booked", "delivered", "fact=alipay/paid/", (
        "DELETE FROM leg WHERE subject = '{delivered}' AND posting = 'paid'",)),
    (8, "fact_not_booked", "twice", "booked=0 aside=0", (
        "DELETE FROM suspense WHERE order_id = '{twice}'",)),
    (8, "legs_without_order", "S", "account=source.unexplained//S", (
        "DELETE FROM suspense WHERE order_id = '{twice}'",)),
    (8, "legs_without_order", "unpaid", "account=source.payer//o", (
        "DELETE FROM orders WHERE order_id = '{unpaid}'",
        "INSERT INTO leg SELECT bucket, '{unpaid}', 3, n, posting, place, party, owner, amount_fen, evidence_id, at "
        "FROM leg WHERE subject = '{delivered}' AND posting = 'paid'",)),
    (8, "row_without_order", "silent", "row={silent}T1", (
        "DELETE FROM orders WHERE order_id = '{silent}'",)),
    (8, "money_without_fact", "delivered", "account=source.payer//o -10000", (
        "DELETE FROM fact WHERE subject = '{delivered}' AND kind = 'paid'",)),
    (8, "item_without_money", "S", "booked=0", (
        "DELETE FROM leg WHERE subject LIKE 'S%'",)),
    (8, "item_without_fact", "S", "transaction=", (
        "UPDATE suspense SET transaction_id = 'nobody'",)),
    (8, "seq_beyond_order", "delivered", "order=3", (
        "UPDATE orders SET seq = 3 WHERE order_id = '{delivered}'",)),
    (8, "fact_not_applied", "delivered", "fact=fulu/supply_succeeded/{delivered}T1", (
        "DELETE FROM event WHERE order_id = '{delivered}' AND kind = 'delivered'",)),
    (8, "inbox_without_fact", "delivered", "inbox=alipay/paid/nobody", (
        "INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at) "
        "SELECT party, kind, 'nobody', bucket, subject, content, evidence_id, known_at, known_at FROM fact "
        "WHERE subject = '{delivered}' AND kind = 'paid'",)),
    (8, "inbox_differs", "delivered", "inbox=alipay/paid/", (
        "INSERT INTO inbox (party, kind, external_id, bucket, subject, content, evidence_id, known_at, due_at) "
        "SELECT party, kind, external_id, bucket, subject, '{{}}', evidence_id, known_at, known_at FROM fact "
        "WHERE subject = '{delivered}' AND kind = 'paid'",)),
    (8, "attempt_without_fact", "silent", "attempt={silent}T1 state=succeeded", (
        "UPDATE supply_attempt SET state = 'succeeded' WHERE order_id = '{silent}'",)),
    (8, "attempt_not_final", "delivered", "attempt={delivered}T1 state=unknown", (
        "UPDATE supply_attempt SET state = 'unknown' WHERE order_id = '{delivered}'",)),
    (8, "reserved_but_final", "silent", "account=supplier.reserved/fulu#1/o", (
        "UPDATE supply_attempt SET state = 'succeeded' WHERE order_id = '{silent}'",)),
    (8, "sent_without_reserve", "silent", "account=supplier.reserved/fulu#1/o 0", (
        "DELETE FROM leg WHERE subject = '{silent}' AND posting = 'dispatched'",)),
    (8, "succeeded_without_charge", "delivered", "account=supplier.settled/fulu#1/o 0", (
        "DELETE FROM leg WHERE subject = '{delivered}' AND posting <> 'paid'",)),
    (8, "money_without_attempt", "delivered", "account=supplier.settled/fulu#1/o", (
        "DELETE FROM supply_attempt WHERE order_id = '{delivered}'",)),
    (8, "settled_without_fact", "delivered", "attempt={delivered}T1", (
        "DELETE FROM fact WHERE subject = '{delivered}' AND kind = 'supply_succeeded'",)),
    (8, "supplying_without_attempt", "silent", "attempts=0", (
        "DELETE FROM supply_attempt WHERE order_id = '{silent}'",)),
    (8, "number_missing", "delivered", "number=transaction/", (
        "DELETE FROM number WHERE order_id = '{delivered}' AND kind = 'transaction'",)),
    (8, "number_unfounded", "unpaid", "number=transaction/elsewhere", (
        "INSERT INTO number VALUES ('elsewhere', 'transaction', 0, '{unpaid}')",)),
]  # fmt: skip
