"""A refund as the order's page shows it (R26): its steps, where it goes, what to quote, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import asyncpg

from mingzhang.kit.workdays import china_day, is_arranged
from mingzhang.ledger.places import CHARGEBACK
from mingzhang.orders.store import Order
from mingzhang.refunds.apply import called
from mingzhang.refunds.store import TRANSFER, Refund
from mingzhang.transfers.payee import list_payees, may_name, unused
from mingzhang.web.model import MoneyPart, PayeePanel, RefundPanel, Step

ENDED: Final = frozenset({"arrived", "refused", "returned"})
NOT_BACK: Final = frozenset({"refused", "returned"})


def returned_fen(refunds: Iterable[Refund], money: Iterable[MoneyPart]) -> int:
    """What the buyer has back: by refunds that arrived, and what the channel took back by itself (row 22)."""
    arrived = sum(refund.amount_fen for refund in refunds if refund.state == "arrived")
    return arrived + sum(part.amount_fen for part in money if part.place == CHARGEBACK)


def refund_panel(refund: Refund) -> RefundPanel:
    """One refund as its buyer reads it; the destination is masked by the channel."""
    accepted = refund.accepted_at is not None
    arrived = refund.arrived_at is not None
    refused = refund.state == "refused"
    going = accepted and not refused
    prefix = "transfer_" if refund.way == TRANSFER else ""
    return RefundPanel(
        refund_no=refund.refund_no,
        channel=called(refund),
        amount_fen=refund.amount_fen,
        state=refund.state,
        cause=refund.cause,
        steps=(
            Step(code=f"{prefix}asked", state="done", at=refund.planned_at),
            Step(
                code=f"{prefix}accepted",
                state="done" if accepted else "failed" if refused else "now",
                at=refund.accepted_at,
            ),
            Step(
                code=f"{prefix}arrived",
                state="done" if arrived else "failed" if refused and accepted else "now" if going else "todo",
                at=refund.arrived_at,
            ),
        ),
        destination=refund.destination,
        reference=refund.reference,
        way=refund.way,
        promised_at=refund.promised_at,
        arranged=is_arranged(china_day(refund.planned_at), china_day(refund.promised_at)),
    )


async def read_payee(conn: asyncpg.Connection, order: Order, refunds: Sequence[Refund]) -> PayeePanel | None:
    """What the buyer named for a bank transfer, while they may name an account; else None."""
    if not may_name(order, refunds):
        return None
    named = unused(await list_payees(conn, order.order_id), refunds)
    return PayeePanel(
        mask=named.mask if named else "",
        given_at=named.given_at if named else None,
        returned=named is None and any(refund.state == "returned" for refund in refunds),
    )


def refund_sentence(order: Order, refund: Refund | None, payee: PayeePanel | None) -> str:
    """The code of the sentence where a refund decides it; empty where it does not."""
    if order.state == "needs_person" and payee is not None:
        return "payee_named" if payee.mask else "payee_needed"
    by_bank = refund is not None and refund.way == TRANSFER
    if order.state == "refunding" and refund is not None:
        taken = refund.accepted_at is not None if by_bank else refund.state == "accepted"
        code = "processing" if taken else "asked"
        return f"transfer_{code}" if by_bank else f"refund_{code}"
    if order.state == "refunded":
        return "transfer_arrived" if by_bank else "refund_arrived"
    return ""
