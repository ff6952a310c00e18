"""A refund as the order's page shows it (R26): its steps, where it goes, what to quote, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mingzhang.kit.workdays import china_day, is_arranged
from mingzhang.ledger.places import CHARGEBACK
from mingzhang.refunds.store import Refund
from mingzhang.web.model import MoneyPart, RefundPanel, Step

ENDED: Final = frozenset({"arrived", "refused"})


def returned_fen(refunds: Iterable[Refund], money: Iterable[MoneyPart]) -> int:
    """What the buyer has back: by refunds that arrived, and what the channel took back by itself (row 22)."""
    arrived = sum(refund.amount_fen for refund in refunds if refund.state == "arrived")
    return arrived + sum(part.amount_fen for part in money if part.place == CHARGEBACK)


def refund_panel(refund: Refund) -> RefundPanel:
    """One refund as its buyer reads it; the destination is masked by the channel."""
    accepted = refund.accepted_at is not None
    arrived = refund.arrived_at is not None
    return RefundPanel(
        refund_no=refund.refund_no,
        channel=refund.channel,
        amount_fen=refund.amount_fen,
        state=refund.state,
        cause=refund.cause,
        steps=(
            Step(code="asked", state="done", at=refund.planned_at),
            Step(code="accepted", state="done" if accepted else "now", at=refund.accepted_at),
            Step(
                code="arrived",
                state="done" if arrived else ("now" if accepted else "todo"),
                at=refund.arrived_at,
            ),
        ),
        destination=refund.destination,
        reference=refund.reference,
        promised_at=refund.promised_at,
        arranged=is_arranged(china_day(refund.planned_at), china_day(refund.promised_at)),
    )
