"""Money between the shop and the outside on the work list: whatever of it is a person's turn now."""

from __future__ import annotations

from typing import Final

from mingzhang.kit.sql import load
from mingzhang.orders.context import Context
from mingzhang.web.model import WorkItem
from mingzhang.web.words_money import WORK_KINDS

SQL: Final = load("mingzhang.app", "work_money")
MONEY_KINDS: Final = tuple(WORK_KINDS)


async def money_items(ctx: Context) -> list[WorkItem]:
    """Differences, payouts, bank lines, instructions and bills that wait for a person, the soonest deadline first."""
    async with ctx.pool.acquire() as conn:
        rows = await conn.fetch(SQL.list_for_people)
    return [
        WorkItem(
            subject=row["key"],
            order_id="",
            kind=row["kind"],
            state=row["state"],
            reason="",
            amount_fen=row["amount_fen"],
            holder="",
            next_actor="person",
            due_at=None,
            deadline_at=row["deadline_at"],
            actions=(),
        )
        for row in rows
    ]
