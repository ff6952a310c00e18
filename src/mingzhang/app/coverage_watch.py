"""The look at coverage: closes days that are over, keeps how it stands, tells staff once when it falls below one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from mingzhang.kit.database import transaction
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Facts, Template
from mingzhang.orders.context import Context
from mingzhang.settlement import coverage
from mingzhang.settlement.coverage import SQL, Coverage
from mingzhang.transparency.liabilities import make_next_day

LOOK_S: Final = 60.0
REAL_S_MIN: Final = 2.0


async def ensure_coverage(ctx: Context) -> None:
    """Have it looked at, the first time at once."""
    async with transaction(ctx.pool) as conn:
        await conn.execute(SQL.ensure_now, ctx.now())


async def look_at_coverage(ctx: Context) -> None:
    """One look; the caller has claimed it."""
    now = ctx.now()
    for _ in range(coverage.DAYS_MAX):
        async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read"):
            if await coverage.close_next_day(conn, now) is None:
                break
    await publish_liabilities(ctx)
    await _keep(ctx, await measure_now(ctx), now)


async def publish_liabilities(ctx: Context) -> None:
    """The sum trees of closed days that have none yet, one transaction and one snapshot each."""
    for _ in range(coverage.DAYS_MAX):
        async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read"):
            if await make_next_day(conn, ctx.rng, ctx.clock) is None:
                return


async def measure_now(ctx: Context) -> Coverage:
    """Coverage of this moment, in one snapshot."""
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        return await coverage.measure(conn, ctx.now() + timedelta(days=1))


async def _keep(ctx: Context, found: Coverage, now: datetime) -> None:
    async with transaction(ctx.pool) as conn:
        before = await conn.fetchrow(SQL.read_now)
        short_since = (before["short_since"] or now) if found.short else None
        wait = max(LOOK_S, REAL_S_MIN * ctx.clock.speed)
        await conn.execute(
            SQL.set_now,
            found.covered_fen,
            found.owed_fen,
            found.ratio_ppm,
            found.new_money_fen,
            short_since,
            now,
            now + timedelta(seconds=wait),
        )
        if short_since is not None and before["short_since"] is None:
            facts = Facts(order_id="coverage", amount_fen=found.owed_fen - found.covered_fen)
            key = f"coverage_short:{now:%Y%m%d%H%M%S%f}"
            await notices.enqueue(conn, ctx.rng, now, Template.COVERAGE_SHORT, key, facts)
