"""An order's money while it is disputed: held back at `hold`, let go again, and what of it could be given back (row 21)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mingzhang.disputes import store
from mingzhang.disputes.case import Case
from mingzhang.disputes.states import HOLDS
from mingzhang.kit.errors import Problem
from mingzhang.ledger.places import HOLD, MISSING, O
from mingzhang.orders import freeze, route, unbooked
from mingzhang.orders.context import Context
from mingzhang.orders.states import PERSON_MAX_S
from mingzhang.orders.store import Turn
from mingzhang.refunds import flow as refunds

REFUNDABLE: Final = frozenset(
    {"paid", "supplying", "needs_buyer", "needs_person", "delivered", "refunding", "refunded"}
)


async def hold(case: Case) -> None:
    """Hold back what lies at rest, as long as the dispute is about the money and nothing of it is on its way back.

    What was not sent is not sent. An order that waits for a fact to be booked is held at the next look.
    """
    row, turn = case.row, case.turn
    if row.kind not in HOLDS or row.state in ("remedy", "closed") or turn.order.paid_at is None:
        return
    row.held = True
    if await refunds.is_under_way(turn):
        return
    cited = await case.cited()
    try:
        waits = await freeze.withdraw_unsent(turn, freeze.DISPUTED)
        fen = await freeze.hold(turn, cited)
    except Problem as problem:
        if problem.code != "fact_waits":
            raise
        return
    if fen:
        case.event("dispute_held", cited, amount_fen=fen)
    if waits:
        until = turn.now + timedelta(seconds=PERSON_MAX_S)
        turn.move("needs_person", holder=HOLD, next_actor="person", deadline_at=until, reason=freeze.DISPUTED)


async def let_go(case: Case) -> None:
    """The dispute holds the money no more: it goes back to where it was, unless another dispute holds it, too.

    While a fact of the order waits to be booked nothing can be posted: ``held`` stays, and the next visit looks again.
    """
    row, turn = case.row, case.turn
    if not row.held:
        return
    if await _is_held_beside(case):
        row.held = False
        return
    cited = await case.cited()
    try:
        fen = await freeze.lift(turn, cited)
    except Problem as problem:
        if problem.code != "fact_waits":
            raise
        return
    row.held = False
    if fen:
        case.event("dispute_released", cited, amount_fen=fen)


async def resume(case: Case) -> None:
    """The dispute ended without a remedy: an order that waited for it alone is supplied after all, once it is let go."""
    turn, order = case.turn, case.turn.order
    if (
        case.row.held
        or order.state != "needs_person"
        or order.reason != freeze.DISPUTED
        or await _is_held_beside(case)
    ):
        return
    if await freeze.is_frozen(turn):
        order.reason = freeze.REASON
    else:
        paid = await refunds.booked(turn)
        await route.start_over(case.ctx, turn, paid.channel, await case.cited(), price_stands=False)


async def _is_held_beside(case: Case) -> bool:
    every = await store.list_disputes(case.turn.conn, case.row.order_id)
    return any(it.held and it.closed_at is None and it.dispute_id != case.row.dispute_id for it in every)


async def refundable_fen(ctx: Context, turn: Turn) -> int:
    """What could be given back now; 0 for an unpaid order, for money that its channel froze or denies, and for held money
    that cannot be let go before a fact is booked.
    """
    if turn.order.paid_at is None or turn.order.state not in REFUNDABLE:
        return 0
    balances = await turn.balances()
    if any(account.place == MISSING and account.owner == O for account in balances):
        return 0
    held = any(account.place == HOLD for account in balances)
    if held and await freeze.is_frozen(turn):
        return 0
    left = await refunds.left_fen(turn)
    if left <= 0:
        return 0
    try:
        if held:
            await unbooked.check(turn.conn, turn.order.order_id)
        await refunds.check_parts(ctx, turn, left)
    except Problem:
        return 0
    return left
