"""An order that waits for a person is given back whole by the original path, by two people (rows 13 and 20).

While a supplier's result is unknown it is done at the shop's own risk (row 20): the supplier may still deliver, and
that cost is the shop's. Whoever decides is told so, and the decision is another one by name.
"""

from __future__ import annotations

from typing import Final

from mingzhang.fulfilment.store import OPEN, list_attempts
from mingzhang.kit.errors import Kind, Problem
from mingzhang.ledger.places import HOLD, MISSING, O
from mingzhang.orders import route
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, Turn

FROM: Final = frozenset({"needs_person"})
PART_FROM: Final = frozenset({"needs_person", "delivered", "refunding", "refunded"})
CAUSE: Final = "staff_refund"


def is_open(order: Order) -> bool:
    """Whether the order stands so that people may give it back."""
    return order.state in FROM and order.paid_at is not None


async def check(turn: Turn, *, at_risk: bool) -> None:
    """Whether it may be given back so. Raises `refund_not_open`, `money_held`, `supply_open`, `supply_not_open`."""
    if not is_open(turn.order):
        raise Problem("refund_not_open", Kind.CONFLICT)
    if any(account.place in (HOLD, MISSING) and account.owner == O for account in await turn.balances()):
        raise Problem("money_held", Kind.CONFLICT)
    if at_risk != await is_unknown(turn):
        raise Problem("supply_not_open" if at_risk else "supply_open", Kind.CONFLICT)


async def check_part(turn: Turn) -> None:
    """Whether part of it may go back. Raises `refund_not_open`, `money_held`, `supply_open`."""
    if turn.order.state not in PART_FROM or turn.order.paid_at is None:
        raise Problem("refund_not_open", Kind.CONFLICT)
    if any(account.place in (HOLD, MISSING) and account.owner == O for account in await turn.balances()):
        raise Problem("money_held", Kind.CONFLICT)
    if await is_unknown(turn):
        raise Problem("supply_open", Kind.CONFLICT)


async def is_unknown(turn: Turn) -> bool:
    """Whether a supplier was sent something whose result is not known (row 20 then)."""
    attempts = await list_attempts(turn.conn, turn.order.order_id)
    return any(attempt.state in OPEN and attempt.state != "ready" for attempt in attempts)


async def give_back(ctx: Context, turn: Turn, evidence_id: str, amount_fen: int | None = None) -> None:
    """What was ready never goes out; what was not given back before goes back now, or ``amount_fen`` of it."""
    for attempt in await list_attempts(turn.conn, turn.order.order_id):
        if attempt.state == "ready":
            await route.cancel(turn, attempt, CAUSE)
    turn.event("refund_decided", evidence_id)
    await ctx.start_refund(turn, CAUSE, evidence_id, amount_fen)
    if turn.order.state != "refunding":
        raise Problem("refund_not_open", Kind.CONFLICT, "nothing is left to give back")
