"""Disputes on the work list: those in which the shop is next, each with the term that runs (R34)."""

from __future__ import annotations

from mingzhang.disputes.store import list_open
from mingzhang.orders.context import Context
from mingzhang.web.model import WorkItem


async def dispute_items(ctx: Context) -> list[WorkItem]:
    """What waits for the shop, soonest term first."""
    async with ctx.pool.acquire() as conn:
        found = await list_open(conn, 200)
    return [
        WorkItem(
            subject=each.dispute_id,
            order_id=each.order_id,
            kind="dispute",
            state=each.state,
            reason="",
            amount_fen=0,
            holder="",
            next_actor="person",
            due_at=None,
            deadline_at=each.deadline_at,
            actions=(),
        )
        for each in found
        if each.next_actor in ("shop", "person")
    ]
