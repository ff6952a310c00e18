"""The worker's look at complaints: lists that are due, then complaints whose clock rang or whose case went on."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mingzhang.complaints import flow, states
from mingzhang.complaints.store import SQL
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context

LOOK_REAL_S: Final = 0.5
AT_ONCE_MAX: Final = 8


async def claim(ctx: Context) -> tuple[list[str], list[tuple[str, int]]]:
    """Channels whose list is due, and complaints by key with the number of their lease."""
    channels = list(ctx.channels)
    async with transaction(ctx.pool) as conn:
        now, until = ctx.now(), ctx.lease_end()
        lists = await conn.fetch(SQL.claim_complaint_passes, now, channels, ctx.worker_name, until)
        quiet = now - timedelta(seconds=max(states.LOOK_S, ctx.clock.speed))
        rows = await conn.fetch(
            SQL.claim_complaints, channels, now, AT_ONCE_MAX, ctx.worker_name, until, quiet
        )
    complaints = [(f"{row['channel']}:{row['complaint_no']}", row["lease_generation"]) for row in rows]
    return [row["channel"] for row in lists], complaints


ensure, visit, visit_list = flow.ensure_passes, flow.work_complaint, flow.pass_over
