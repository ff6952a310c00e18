"""Complaints at channels on the work list: those that no open case answers, each with the channel's clock (R36)."""

from __future__ import annotations

from mingzhang.complaints.store import Row, is_open, list_gone_on, list_rows
from mingzhang.orders.context import Context
from mingzhang.web.model import WorkItem


async def complaint_items(ctx: Context) -> list[WorkItem]:
    """What nobody could bind and the channel still waits for, and what went on after its case's end; of the others the
    dispute is on the list.
    """
    async with ctx.pool.acquire() as conn:
        found, gone_on = await list_rows(conn), await list_gone_on(conn)
    unbound = [row for row in found if is_open(row) and not row.dispute_id]
    return [_item(row) for row in [*unbound, *gone_on]]


def _item(row: Row) -> WorkItem:
    return WorkItem(
        subject=row.complaint_no,
        order_id="",
        kind="complaint",
        state=row.state,
        reason="",
        amount_fen=row.amount_fen,
        holder="",
        next_actor="person",
        due_at=None,
        deadline_at=row.solved_by if row.answered_at else row.first_by,
        actions=(),
    )
