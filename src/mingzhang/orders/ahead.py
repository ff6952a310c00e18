"""A paid order that is not sent yet goes ahead of new ones, once its buyer has proved who they are (R27, 核实用户身份).

The proof is the order's contact or its query password, or a claim from the order's own page. The due rows of its
attempts are then claimed before all others; nothing else about the order changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.store import Attempt, list_attempts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.orders.store import Order, Turn, open_turn


def waits_unsent(order: Order, attempts: Sequence[Attempt]) -> bool:
    """Whether the order is paid and nothing of it was sent: then it may go ahead."""
    ready = any(attempt.state == "ready" and not attempt.at_shop_cost for attempt in attempts)
    sent = any(attempt.state in fulfilment.OPEN and attempt.state != "ready" for attempt in attempts)
    return order.paid_at is not None and order.state in {"paid", "supplying"} and ready and not sent


async def grant(turn: Turn, proof: str) -> bool:
    """Let it go ahead within a turn; false when it waits for nothing that could. `proof`: contact or claim."""
    order = turn.order
    attempts = await list_attempts(turn.conn, order.order_id)
    if not waits_unsent(order, attempts):
        return False
    if await turn.conn.fetchval(fulfilment.SQL.set_ahead, order.bucket, order.order_id) is not None:
        turn.event("went_ahead", reason=proof)
    return True


async def go_ahead(ctx: Context, order_id: str) -> None:
    """The buyer proved the contact; the caller checked it. Raises `unknown_order`, `ahead_not_open`."""
    async with transaction(ctx.pool) as conn:
        turn = await open_turn(conn, order_id, ctx.now(), ctx.rng)
        if not await grant(turn, "contact"):
            raise Problem("ahead_not_open", Kind.CONFLICT)
        await turn.finish()
