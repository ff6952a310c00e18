"""Which case something belongs to: the one that is open, or the one whose end had given the money back (R36).

A complaint that a channel passes on is about what the buyer paid for, whatever became of it until it was read. When all of
the money is back it needs no second case: the refund is the answer, and whoever says that it is none reopens the case.
"""

from __future__ import annotations

from typing import Final

from mingzhang.disputes import remedy
from mingzhang.disputes.case import Case
from mingzhang.disputes.store import Dispute
from mingzhang.fulfilment.store import list_attempts
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.store import Order, Turn
from mingzhang.refunds import flow as refunds

DELIVERED: Final = frozenset({"delivered", "refunding", "refunded", "needs_person"})
BACK: Final = frozenset({"refunding", "refunded"})
GAVE_BACK: Final = frozenset({"refunded", "charged_back", "refunded_outside"})
"""Ends of a case after which nothing of the money is left to give."""


def kinds_for(order: Order) -> tuple[str, ...]:
    """What a buyer may dispute of the order as it stands; nothing before it is paid (a claim is the way then)."""
    if order.paid_at is None:
        return ()
    if order.state in BACK:
        return ("refund_not_arrived", "wrong_amount", "unauthorised_payment")
    if order.state in DELIVERED:
        return (
            _lacking(order),
            "wrong_amount",
            "wrong_product",
            "reversed",
            "not_arrived",
            "unauthorised_payment",
        )
    return ("not_arrived", "wrong_product", "unauthorised_payment")


async def kind_of_complaint(turn: Turn) -> str:
    """What the order's own state makes of a channel's complaint; the complainant's words stand beside it.

    Never `refund_not_arrived`: a refund is the answer to a complaint, not what it is about.
    """
    order = turn.order
    if order.state not in BACK:
        return next(iter(kinds_for(order)), "not_arrived")
    attempts = await list_attempts(turn.conn, order.order_id)
    return _lacking(order) if any(each.state == "succeeded" for each in attempts) else "not_arrived"


def _lacking(order: Order) -> str:
    return "card_invalid" if order.kind == "card" else "shown_arrived_not_received"


def running(before: list[Dispute], kind: str, source: str) -> Dispute | None:
    """An open dispute that this is about: of the same kind, or, for a channel, whichever is open.

    Raises `dispute_already_open` for a buyer or the staff.
    """
    alive = [each for each in before if each.state != "closed"]
    same = next((each for each in alive if each.kind == kind), None)
    if same is not None and source in ("buyer", "staff"):
        raise Problem("dispute_already_open", Kind.CONFLICT, params={"dispute": same.dispute_id})
    return same or (alive[0] if alive and source == "channel" else None)


def gives_back(row: Dispute) -> bool:
    """Whether the case ended with all of the money back, or with the buyer's own word that the refund did arrive."""
    return row.outcome in GAVE_BACK or came(row)


def came(row: Dispute) -> bool:
    """Whether it was about a refund, and its buyer said in the end that it arrived."""
    return row.kind == "refund_not_arrived" and row.outcome == "delivered"


async def gave_back(turn: Turn, before: list[Dispute]) -> Dispute | None:
    """The newest case that ended with the money back, when all of it is back and nothing is under way."""
    found = next((each for each in before if gives_back(each)), None)
    if found is None or await refunds.left_fen(turn) > 0 or await refunds.is_under_way(turn):
        return None
    return found


async def answer_by_refund(case: Case) -> None:
    """A case opened by a channel's complaint whose money is back, or all on its way: that is its end, or its remedy."""
    await remedy.settle_by_itself(case)
    if case.row.state == "remedy":
        await remedy.follow(case)
