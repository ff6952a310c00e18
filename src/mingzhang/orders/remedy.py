"""退款或补发 (R35): a refused order whose buyer chooses, while nothing is out and its money has not moved on.

The choice opens in `route.go_on` on a positive refusal, for products that offer it and while another supplier can supply.
It stands in `needs_buyer`, told from a wrong account by its reason; when its clock ends, everything goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mingzhang.fulfilment.routing import ATTEMPTS_MAX, since_correction, told
from mingzhang.fulfilment.store import Attempt, list_attempts
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders import route, sourcing
from mingzhang.orders.context import Context
from mingzhang.orders.correct import CORRECTABLE
from mingzhang.orders.store import SQL, Order, Turn

# Attempts that brought nothing and never will by themselves.
ENDED: Final = frozenset({"refused", "cancelled"})


def is_choice(order: Order) -> bool:
    """Whether it is the buyer's turn to choose between refund and re-supply, not to correct an account."""
    return order.state == "needs_buyer" and order.reason not in CORRECTABLE


def is_open(order: Order, attempts: Sequence[Attempt]) -> bool:
    """Whether the buyer may choose now: nothing is out, and nothing came through after all."""
    return is_choice(order) and all(attempt.state in ENDED for attempt in attempts)


async def choose_resupply(ctx: Context, turn: Turn) -> None:
    """补发: the next supplier, under a new number; the refund, when none is left. Raises `no_choice_open`.

    What `sourcing.warm` reads must be in memory.
    """
    order = turn.order
    before = await list_attempts(turn.conn, order.order_id)
    if not is_open(order, before):
        raise Problem("no_choice_open", Kind.CONFLICT)
    turn.event("buyer_chose_resupply")
    sources, look = sourcing.known(ctx, order.product_id)
    tried = [attempt for attempt in since_correction(before) if attempt.state != "cancelled"]
    choice = sourcing.decide(ctx, order, sources, look, tried)
    if choice.option is not None and len(before) < ATTEMPTS_MAX:
        await route.plan(turn, choice.option, before, told("refused", tried[0], order.reason, choice))
        return
    await _give_back(ctx, turn)


async def choose_refund(ctx: Context, turn: Turn) -> None:
    """退款, all of it. Raises `no_choice_open`."""
    if not is_open(turn.order, await list_attempts(turn.conn, turn.order.order_id)):
        raise Problem("no_choice_open", Kind.CONFLICT)
    turn.event("buyer_chose_refund")
    await _give_back(ctx, turn)


async def end(ctx: Context, turn: Turn) -> None:
    """The clock ended without a choice: everything goes back."""
    turn.event("choice_expired", reason=turn.order.reason)
    await _give_back(ctx, turn)


async def _give_back(ctx: Context, turn: Turn) -> None:
    order = turn.order
    cited = await turn.conn.fetchval(SQL.read_last_evidence, order.bucket, order.order_id)
    await ctx.start_refund(turn, order.reason, cited)
