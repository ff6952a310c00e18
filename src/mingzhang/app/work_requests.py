"""申请退款/补发 on the work list: each with its clock, until somebody has answered."""

from __future__ import annotations

from mingzhang.orders.context import Context
from mingzhang.orders.requests import list_open_requests
from mingzhang.web.model import WorkItem


async def request_items(ctx: Context) -> list[WorkItem]:
    """What buyers ask of the shop and nobody has answered."""
    async with ctx.pool.acquire() as conn:
        found = await list_open_requests(conn)
    return [
        WorkItem(
            subject=each.request_id,
            order_id=each.order_id,
            kind="request",
            state=each.state,
            reason="buyer_request",
            amount_fen=0,
            holder="",
            next_actor="person",
            due_at=None,
            deadline_at=each.deadline_at,
            actions=(),
        )
        for each in found
    ]
