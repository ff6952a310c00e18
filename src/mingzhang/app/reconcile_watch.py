"""The worker's part in reconciliation: days whose file is due, differences whose clock rang."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Final

from mingzhang.app.closing import make_report
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import transaction
from mingzhang.orders.context import Context
from mingzhang.reconciliation import flow, payouts, report, resolve
from mingzhang.reconciliation.sources import start_of
from mingzhang.reconciliation.store import SQL
from mingzhang.shop.face import read_newest
from mingzhang.web.model import ShopInfo

LOOK_REAL_S: Final = 1.0
AT_ONCE: Final = 8
DAYS_AT_ONCE: Final = 1  # a day's matching takes two cores
LEASE_S: Final = 900.0
CLOSE_REAL_S: Final = 20.0


class Planned:
    """Which day was planned last, so that planning costs one look a day."""

    def __init__(self) -> None:
        self._day: date | None = None

    async def plan(self, ctx: Context) -> None:
        """Let yesterday wait for its files, once the shop was open on it."""
        today = ctx.now().astimezone(BEIJING).date()
        if self._day == today:
            return
        async with ctx.pool.acquire() as conn:
            opened = await conn.fetchval(SQL.first_opening)
        if opened is not None and opened < start_of(today):
            await flow.plan_days(ctx)
        self._day = today


async def claim(ctx: Context) -> tuple[list[str], list[str]]:
    """Keys of days and of differences that are due now, leased."""
    now, until = ctx.now(), ctx.now() + timedelta(seconds=LEASE_S * ctx.clock.speed)
    async with transaction(ctx.pool) as conn:
        days = await conn.fetch(SQL.claim_days, now, DAYS_AT_ONCE, ctx.worker_name, until)
        breaks = await conn.fetch(SQL.claim_breaks, now, AT_ONCE, ctx.worker_name, ctx.lease_end())
    return [f"{row['source']} {row['day']}" for row in days], [row["break_id"] for row in breaks]


class Closing:
    """What is looked at seldom: whether a day's report is due (one at a time), late lines of days that were judged, and
    differences that people let pass their time."""

    def __init__(self) -> None:
        self._looked = -CLOSE_REAL_S

    async def due(self, ctx: Context) -> str:
        """The day whose report is due, as text; empty when there is none, or somebody looked just now."""
        if time.monotonic() < self._looked + CLOSE_REAL_S:
            return ""
        self._looked = time.monotonic()
        await payouts.reopen_days(ctx)
        await resolve.note_overdue(ctx)
        async with ctx.pool.acquire() as conn:
            day = await report.closable(conn, ctx.now().astimezone(BEIJING).date())
        return day.isoformat() if day else ""


async def read_shop(ctx: Context) -> ShopInfo:
    """The shop as its papers name it."""
    async with ctx.pool.acquire() as conn:
        face = (await read_newest(conn)).face
    return ShopInfo(name=face.name_zh, name_en=face.name_en) if face.name_zh else ShopInfo()


async def visit_day(ctx: Context, key: str) -> None:
    """Fetch and judge one day of one source."""
    source, _, day = key.partition(" ")
    await flow.fetch_day(ctx, source, date.fromisoformat(day))


async def close_day(ctx: Context, day: str) -> None:
    """Make the closing report of a day that is due."""
    await make_report(ctx, date.fromisoformat(day), await read_shop(ctx))


async def visit_break(ctx: Context, break_id: str) -> None:
    """What a difference's clock asks for."""
    await resolve.visit(ctx, break_id)
